#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "operator/controller/backup_progress.h"
#include "operator/controller/one_time_objects.h"
#include "operator/controller/reconcile_stats.h"
#include "operator/controller/restore_progress.h"
#include "operator/controller/restore_site.h"

namespace headpond::controller {

// As Controller::SiteOf.
using FindSite = std::function<Result<RestoreSite>(const ClusterKey& cluster)>;

// What is on record of a Backup. NotFound, naming it: there is none; other errors are the API's.
using FindBackup =
    std::function<Result<BackupState>(const std::string& name_space, const std::string& name)>;

// Judges Restores and tells what became of them; the cluster's controller, the only one who starts
// and stops its daemons, does the work. One at a time has a cluster, the oldest first: it is in the
// orders as soon as its acceptance is on record. Level based, as Controller. Not thread safe.
class RestoreController {
 public:
  struct Options {
    std::chrono::milliseconds steady_interval{5000};
    std::chrono::milliseconds shortest_interval{50};
    // Between looks at one that goes on.
    std::chrono::milliseconds busy_interval{500};
    ReconcileStats* stats = nullptr;  // where passes are counted, if anywhere; outlives us
  };
  // All must outlive the controller.
  RestoreController(OneTimeObjects& objects, RestoreOrders& orders, FindSite find_site,
                    FindBackup find_backup, const Clock& clock, Options options)
      : objects_(objects),
        orders_(orders),
        find_site_(std::move(find_site)),
        find_backup_(std::move(find_backup)),
        clock_(clock),
        options_(options) {}

  // One pass over all restores. Returns how long the next one may wait if no event comes before.
  std::chrono::milliseconds ReconcileAll();

 private:
  using Json = nlohmann::json;

  // Finds out who has which cluster, by what is on record.
  void TakeOrders(const std::vector<OneTimeObjects::Object>& restores);
  std::chrono::milliseconds Reconcile(const Json& object, bool may_accept);
  // True when the status is as wanted, now or already.
  bool Report(const Json& object, const RestoreState& before, const RestoreState& after);

  OneTimeObjects& objects_;
  RestoreOrders& orders_;
  const FindSite find_site_;
  const FindBackup find_backup_;
  const Clock& clock_;
  const Options options_;
  std::map<ClusterKey, std::string> holders_;  // the names of those that have a cluster
  bool failed_ = false;                        // something, in the present Reconcile
  bool complained_ = false;                    // that there is nothing to list
};

}  // namespace headpond::controller
