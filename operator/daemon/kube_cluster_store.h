#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "operator/controller/store.h"
#include "operator/kube/client.h"
#include "operator/kube/reflector.h"

namespace headpond::operator_daemon {

// The clusters of an API server, as the controller sees them: from a cache that a watch keeps, so
// that looking costs no call, and written through the API like anyone's changes.
//
// While the server is away the last known state goes on to be told, so that daemons are healed; a
// cluster that this store has just written is told of again only when the watch has shown the
// write. Data outlives clusters as ApiClusterStore says. Thread safe.
class KubeClusterStore final : public controller::ClusterStore {
 public:
  struct Options {
    std::string name_space;  // whose clusters; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when List has something new. `client` and `clock` must
  // outlive the store.
  KubeClusterStore(kube::Client& client, const Clock& clock, Random random, Options options,
                   std::function<void()> changed);
  ~KubeClusterStore() override;  // Stop()

  void Start();
  void Stop();

  // Unavailable until the first list has come.
  Result<controller::ClusterList> List() override;
  Result<controller::ClusterStatus> GetStatus(const controller::ClusterKey& key) override;
  Status WriteStatus(const controller::ClusterKey& key,
                     const controller::ClusterStatus& status) override;
  Status Finalize(const controller::ClusterKey& key, bool data_kept) override;

 private:
  // Of the cluster's data: its own uid, or an earlier cluster's whose data was kept.
  Result<std::string> ClaimData(const kube::ObjectName& name, const std::string& uid)
      EXCLUDES(mutex_);
  Status PatchCluster(const kube::ObjectName& name, const nlohmann::json& patch,
                      const std::string& subresource = "");
  Status MayWrite() const;

  kube::Client& client_;
  const Options options_;
  kube::ObjectCache cache_;
  kube::OwnWrites own_writes_;
  const std::unique_ptr<kube::ObjectSource> source_;
  kube::Reflector reflector_;
  Mutex mutex_;
  std::map<std::string, std::string> data_uids_ GUARDED_BY(mutex_);  // by the cluster's uid
  std::set<std::string> finalized_ GUARDED_BY(mutex_);               // uids
};

}  // namespace headpond::operator_daemon
