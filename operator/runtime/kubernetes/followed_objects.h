#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/kube/reflector.h"

namespace headpond::runtime::k8s {

// The objects of one kind that were made by operators of ours: a cache that a watch keeps, so that
// looking costs no call, and calls that change them, whose answers the cache has at once. Thread
// safe.
class FollowedObjects {
 public:
  // `changed` is called, from any thread, when there is something new. `client` and `clock` must
  // outlive this. `name_space`: empty for all.
  FollowedObjects(kube::Client& client, const Clock& clock, kube::Resource resource,
                  const std::string& name_space, std::function<void()> changed);
  void Start() { reflector_.Start(); }
  void Stop() { reflector_.Stop(); }
  // Unavailable, or why the server refuses to tell, when not everything was listed before
  // `deadline`.
  Status WaitForSync(std::chrono::steady_clock::time_point deadline);

  const kube::Resource& resource() const { return resource_; }
  // Null when there is none, or we have deleted it.
  kube::Object Cached(const kube::ObjectName& name) const EXCLUDES(mutex_);
  // Those with this uid of a cluster in their labels, by name.
  std::vector<kube::Object> OfCluster(const std::string& uid) const EXCLUDES(mutex_);

  // As the server has it now; null when it hasn't.
  Result<kube::Object> Read(const kube::ObjectName& name);
  // Server-side apply, of somebody who may overrule others or not.
  Status Apply(const nlohmann::json& object, bool force);
  Status Create(const nlohmann::json& object);
  Status Patch(const kube::ObjectName& name, const nlohmann::json& merge_patch);
  // OK also when it is gone already. It isn't told of any more, even if it takes its time to end.
  Status Delete(const nlohmann::json& object) EXCLUDES(mutex_);

 private:
  bool IsDeleted(const nlohmann::json& object) const EXCLUDES(mutex_);

  kube::Client& client_;
  const kube::Resource resource_;
  const std::string name_space_;
  kube::ObjectCache cache_;
  mutable Mutex mutex_;
  std::set<std::string> deleted_ GUARDED_BY(mutex_);  // uids that the cache may have still
  const std::unique_ptr<kube::ObjectSource> source_;
  kube::Reflector reflector_;
};

}  // namespace headpond::runtime::k8s
