#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "operator/controller/backup_objects.h"
#include "operator/daemon/followed_kind.h"
#include "operator/kube/client.h"
#include "operator/kube/event_recorder.h"

namespace headpond::operator_daemon {

// The Backups of an API server, from the cache of FollowedKind. Thread safe.
class ApiBackupObjects final : public controller::BackupObjects {
 public:
  struct Options {
    std::string name_space;  // whose; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when List has something new. `client` and `clock` must
  // outlive this.
  ApiBackupObjects(kube::Client& client, const Clock& clock, Random random, const Options& options,
                   const std::function<void()>& changed);
  ~ApiBackupObjects() override;  // Stop()

  void Start();
  void Stop();

  // Unavailable until the first list has come.
  Result<Listing> List() override;
  Status WriteStatus(const nlohmann::json& backup, const nlohmann::json& status) override;
  // As an event.
  void Tell(const nlohmann::json& backup, const controller::Notice& notice) override;

 private:
  FollowedKind backups_;
  kube::EventRecorder events_;
};

}  // namespace headpond::operator_daemon
