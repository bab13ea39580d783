#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "operator/controller/cluster_object.h"
#include "operator/controller/store.h"
#include "operator/daemon/followed_kind.h"
#include "operator/kube/client.h"
#include "operator/kube/event_recorder.h"

namespace headpond::operator_daemon {

// The clusters of an API server as the controller sees them: told from the caches of FollowedKind,
// so that daemons are healed while the server is away, and written through the API like anyone's
// changes. Data outlives clusters as controller::DataRecord says: a record that is deleted when no
// cluster uses the data is told of as the last cluster that had it, being deleted with its data.
// Thread safe.
class ApiClusterStore final : public controller::ClusterStore {
 public:
  struct Options {
    std::string name_space;  // whose clusters; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when List has something new. `client` and `clock` must
  // outlive the store.
  ApiClusterStore(kube::Client& client, const Clock& clock, Random random, const Options& options,
                  const std::function<void()>& changed);
  ~ApiClusterStore() override;  // Stop()

  void Start();
  void Stop();
  // True when everything was listed before `deadline`.
  bool WaitForSync(std::chrono::steady_clock::time_point deadline);

  // Unavailable until the first lists have come.
  Result<controller::ClusterList> List() override;
  Result<controller::ClusterStatus> GetStatus(const controller::ClusterKey& key) override;
  Status WriteStatus(const controller::ClusterKey& key,
                     const controller::ClusterStatus& status) override;
  Status Finalize(const controller::ClusterKey& key, bool data_kept) override;
  Result<controller::SecretData> ReadSecret(const std::string& name_space,
                                            const std::string& name) override;
  Result<std::string> BackupUri(const std::string& name_space, const std::string& name) override;
  // As an event.
  void Tell(const api::CacheCluster& cluster, const controller::Notice& notice) override;

  // Up to which version of the API server the store has seen clusters and records of data.
  int64_t clusters_version() const { return clusters_.version(); }
  int64_t records_version() const { return records_.version(); }

 private:
  // Takes the cluster into `list` as far as it can be taken.
  void Tell(const kube::Object& object, controller::ClusterList& list) EXCLUDES(mutex_);
  // The last cluster that had the record's data, when that is to be deleted.
  void TellOfData(const kube::Object& object, controller::ClusterList& list) EXCLUDES(mutex_);
  // Makes the data the cluster's. InvalidArgument when it can't be; Aborted: not yet.
  Result<std::string> ClaimData(const api::CacheCluster& cluster) EXCLUDES(mutex_);
  Status RemoveRecord(const kube::ObjectName& name);
  bool IsDataOnly(const controller::ClusterKey& key) EXCLUDES(mutex_);

  kube::Client& client_;
  FollowedKind clusters_, records_;
  kube::EventRecorder events_;
  Mutex mutex_;
  std::map<std::string, std::string> data_uids_ GUARDED_BY(mutex_);  // by the cluster's uid
  std::set<std::string> finalized_ GUARDED_BY(mutex_);               // uids
  std::set<controller::ClusterKey> data_only_ GUARDED_BY(mutex_);    // told of for their data
};

}  // namespace headpond::operator_daemon
