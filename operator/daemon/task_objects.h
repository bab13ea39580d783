#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "operator/controller/task_objects.h"
#include "operator/daemon/followed_kind.h"
#include "operator/kube/client.h"
#include "operator/kube/event_recorder.h"

namespace headpond::operator_daemon {

// Tasks and definitions of an API server, from the caches of FollowedKind. Thread safe.
class ApiTaskObjects final : public controller::TaskObjects {
 public:
  struct Options {
    std::string name_space;  // whose; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when List has something new. `client` and `clock` must
  // outlive this.
  ApiTaskObjects(kube::Client& client, const Clock& clock, Random random, const Options& options,
                 const std::function<void()>& changed);
  ~ApiTaskObjects() override;  // Stop()

  void Start();
  void Stop();

  // Unavailable until the first list has come.
  Result<Listing> List(controller::TaskKind kind) override;
  Status Patch(controller::TaskKind kind, const std::string& name_space, const std::string& name,
               const nlohmann::json& json_patch, const std::string& subresource) override;
  Status DeleteTask(const std::string& name_space, const std::string& name,
                    const std::string& uid) override;
  // As an event.
  void Tell(const nlohmann::json& task, const controller::Notice& notice) override;
  Result<std::map<std::string, std::string>> ReadSecret(const std::string& name_space,
                                                        const std::string& name) override;

 private:
  FollowedKind& Of(controller::TaskKind kind);

  kube::Client& client_;
  FollowedKind tasks_, definitions_;
  kube::EventRecorder events_;
};

}  // namespace headpond::operator_daemon
