#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "operator/controller/backup_call.h"
#include "operator/controller/backup_progress.h"
#include "operator/controller/one_time_objects.h"
#include "operator/controller/reconcile_stats.h"

namespace headpond::controller {

// How to ask a cluster's masters now. NotFound: there is no such cluster; Unavailable: none of them
// serves.
using FindMasters = std::function<Result<MasterAccess>(const ClusterKey& cluster)>;

// Sees to it that each Backup is made once. Level based, as Controller: each pass looks at
// everything anew. An attempt is in the status before the masters are asked for it, under an id
// that they remember, so that whoever comes after an operator that died goes on with the same
// backup; only when the masters' leader is lost at the same moment may there be a second file.
// Nothing here waits for masters. Not thread safe.
class BackupController {
 public:
  struct Options {
    std::chrono::milliseconds steady_interval{5000};
    std::chrono::milliseconds shortest_interval{50};
    // Between calls about one backup: from the first, twice as long each time, up to the steady
    // one.
    std::chrono::milliseconds first_look{500};
    ReconcileStats* stats = nullptr;  // where passes are counted, if anywhere; outlives us
  };
  // All must outlive the controller.
  BackupController(OneTimeObjects& objects, BackupCaller& caller, FindMasters find_masters,
                   const Clock& clock, Options options)
      : objects_(objects),
        caller_(caller),
        find_masters_(std::move(find_masters)),
        clock_(clock),
        options_(options) {}

  // One pass over all backups. Returns how long the next one may wait if no event comes before.
  std::chrono::milliseconds ReconcileAll();

 private:
  using Json = nlohmann::json;
  // When the masters are asked about a backup next.
  struct Pace {
    int64_t at_ms = 0;
    std::chrono::milliseconds interval{0};
  };

  std::chrono::milliseconds Reconcile(const Json& object);
  // The state that this look leads to, and when to look again.
  BackupState Step(const Json& object, const BackupState& before, std::chrono::milliseconds& next);
  // True when the status is as wanted, now or already.
  bool Report(const Json& object, const BackupState& before, const BackupState& after);

  OneTimeObjects& objects_;
  BackupCaller& caller_;
  const FindMasters find_masters_;
  const Clock& clock_;
  const Options options_;
  bool failed_ = false;               // something, in the present Reconcile
  bool complained_ = false;           // that there is nothing to list
  std::map<std::string, Pace> pace_;  // by the masters' id
};

}  // namespace headpond::controller
