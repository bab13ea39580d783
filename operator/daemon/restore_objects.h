#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "operator/controller/restore_objects.h"
#include "operator/daemon/followed_kind.h"
#include "operator/kube/client.h"
#include "operator/kube/event_recorder.h"

namespace headpond::operator_daemon {

// The Restores of an API server, from the cache of FollowedKind. Thread safe.
class ApiRestoreObjects final : public controller::RestoreObjects {
 public:
  struct Options {
    std::string name_space;  // whose; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when List has something new. `client` and `clock` must
  // outlive this.
  ApiRestoreObjects(kube::Client& client, const Clock& clock, Random random, const Options& options,
                    const std::function<void()>& changed);
  ~ApiRestoreObjects() override;  // Stop()

  void Start();
  void Stop();

  // Unavailable until the first list has come.
  Result<Listing> List() override;
  // Asks the server.
  Result<controller::BackupState> FindBackup(const std::string& name_space,
                                             const std::string& name) override;
  Status WriteStatus(const nlohmann::json& restore, const nlohmann::json& status) override;
  // As an event.
  void Tell(const nlohmann::json& restore, const controller::Notice& notice) override;

 private:
  kube::Client& client_;
  FollowedKind restores_;
  kube::EventRecorder events_;
};

}  // namespace headpond::operator_daemon
