#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/api/cache_cluster.h"
#include "operator/controller/status.h"

namespace headpond::controller {

struct ClusterKey {
  std::string name_space;
  std::string name;
  friend auto operator<=>(const ClusterKey&, const ClusterKey&) = default;
  std::string ToString() const { return name_space + "/" + name; }
};

// Something that happened to a cluster, for people.
struct Notice {
  bool warning = false;
  std::string reason;  // CamelCase
  std::string text;
};

// A cluster that can't be run, and why; nothing of it runs yet.
struct RefusedCluster {
  api::CacheCluster cluster;
  Status why;
};

struct ClusterList {
  std::vector<api::CacheCluster> clusters;
  std::vector<RefusedCluster> refused = {};
  std::vector<std::string> unreadable = {};  // what is wrong with objects that can't be read; the
                                             // others are not held up by them
};

// Values by key, decoded.
using SecretData = std::map<std::string, std::string>;

// What the reconcile loop needs to know about objects, and may do to them. Thread safe.
class ClusterStore {
 public:
  virtual ~ClusterStore() = default;

  virtual Result<ClusterList> List() = 0;
  // An empty status when there is none yet.
  virtual Result<ClusterStatus> GetStatus(const ClusterKey& key) = 0;
  // NotFound when the object is gone.
  virtual Status WriteStatus(const ClusterKey& key, const ClusterStatus& status) = 0;
  // The last step of a deletion: nothing of the cluster runs any more. `data_kept` says whether a
  // cluster of the same name may find data again.
  virtual Status Finalize(const ClusterKey& key, bool data_kept) = 0;
  // NotFound when there is no such Secret.
  virtual Result<SecretData> ReadSecret(const std::string& name_space, const std::string& name) = 0;
  // Where the file of a complete Backup is. NotFound when there is none, or none yet, with the
  // reason.
  virtual Result<std::string> BackupUri(const std::string& name_space, const std::string& name) = 0;
  // Shows the notice beside the cluster. Never waits, and may drop it.
  virtual void Tell(const api::CacheCluster& cluster, const Notice& notice) = 0;
};

}  // namespace headpond::controller
