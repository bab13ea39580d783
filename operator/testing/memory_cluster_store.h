#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "operator/controller/store.h"

namespace headpond::testing_operator {

// Clusters in memory, and what their users do to them: a ClusterStore for tests of controllers.
// Thread safe.
class MemoryClusterStore final : public controller::ClusterStore {
 public:
  Result<controller::ClusterList> List() override EXCLUDES(mutex_);
  Result<controller::ClusterStatus> GetStatus(const controller::ClusterKey& key) override
      EXCLUDES(mutex_);
  Status WriteStatus(const controller::ClusterKey& key,
                     const controller::ClusterStatus& status) override EXCLUDES(mutex_);
  Status Finalize(const controller::ClusterKey& key, bool data_kept) override EXCLUDES(mutex_);

  Result<controller::SecretData> ReadSecret(const std::string& name_space,
                                            const std::string& name) override EXCLUDES(mutex_);
  // Without data: removes it.
  void SetSecret(const std::string& name_space, const std::string& name,
                 controller::SecretData data) EXCLUDES(mutex_);

  Result<std::string> BackupUri(const std::string& name_space, const std::string& name) override
      EXCLUDES(mutex_);
  // A complete one, or, with no uri, none.
  void SetBackup(const std::string& name_space, const std::string& name, const std::string& uri)
      EXCLUDES(mutex_);

  void Tell(const api::CacheCluster& cluster, const controller::Notice& notice) override
      EXCLUDES(mutex_);
  // "Warning Degraded: the text", oldest first.
  std::vector<std::string> notices() EXCLUDES(mutex_);

  // NotFound when there is no such cluster.
  Result<api::CacheCluster> Get(const controller::ClusterKey& key) EXCLUDES(mutex_);
  // Creates the cluster, or replaces its spec, labels and annotations. A new one whose name had
  // data kept gets the old uid, so that it finds the data. InvalidArgument when a field that can't
  // change would.
  Status Apply(const api::CacheCluster& cluster) EXCLUDES(mutex_);
  // Also, with `delete_data`, of one that ended before but whose data was kept.
  Status MarkDeleted(const controller::ClusterKey& key, bool delete_data) EXCLUDES(mutex_);
  // Clusters that ended and whose data was kept.
  std::vector<controller::ClusterKey> ListRetained() EXCLUDES(mutex_);
  // What statuses are written with from now on, as by a server that is away.
  void SetStatusWrites(const Status& outcome) EXCLUDES(mutex_);
  // An object that can't be read.
  void AddUnreadable(const std::string& what) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  int uids_ GUARDED_BY(mutex_) = 0;
  std::map<controller::ClusterKey, api::CacheCluster> clusters_ GUARDED_BY(mutex_);
  std::map<controller::ClusterKey, api::CacheCluster> retained_ GUARDED_BY(mutex_);
  std::map<controller::ClusterKey, controller::ClusterStatus> statuses_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, controller::SecretData> secrets_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::string> backups_ GUARDED_BY(mutex_);
  std::vector<std::string> unreadable_ GUARDED_BY(mutex_);
  std::vector<std::string> notices_ GUARDED_BY(mutex_);
  Status status_writes_ GUARDED_BY(mutex_);
};

}  // namespace headpond::testing_operator
