#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "operator/kube/client.h"
#include "operator/kube/object_cache.h"
#include "operator/kube/reflector.h"

namespace headpond::operator_daemon {

// One kind of an API server, our own or Kubernetes': a cache that a watch keeps, so that looking
// costs no call, and the operator's changes to its objects. While the server is away the last known
// state goes on to be told; an object that was just written is told of again only when the watch
// has shown the write. Thread safe.
class FollowedKind {
 public:
  struct Options {
    kube::Resource resource;
    std::string name_space;  // whose objects; empty: all
    std::string selector;    // by label; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when there is something new. `client` and `clock` must
  // outlive this.
  FollowedKind(kube::Client& client, const Clock& clock, Random random, Options options,
               std::function<void()> changed);

  void Start() { reflector_.Start(); }
  void Stop() { reflector_.Stop(); }
  // True when everything was listed before `deadline`.
  bool WaitForSync(std::chrono::steady_clock::time_point deadline) {
    return reflector_.WaitForSync(deadline);
  }

  bool synced() const { return cache_.synced(); }
  int64_t version() const { return cache_.version(); }  // up to which the server was followed
  kube::Object Get(const kube::ObjectName& name) const { return cache_.Get(name); }

  struct Listing {
    std::vector<kube::Object> objects;
    bool complete = true;  // none is left out because the watch hasn't shown our write yet
  };
  Listing List() const;

  // OK when this operator may write, else Aborted.
  Status MayWrite() const;
  // Of the subresource "status", or the object itself with "".
  Status Patch(const kube::ObjectName& name, const nlohmann::json& json_patch,
               const std::string& subresource = "");

 private:
  kube::Client& client_;
  const Options options_;
  kube::ObjectCache cache_;
  mutable kube::OwnWrites own_writes_;  // looking forgets those that were seen
  const std::unique_ptr<kube::ObjectSource> source_;
  kube::Reflector reflector_;
};

}  // namespace headpond::operator_daemon
