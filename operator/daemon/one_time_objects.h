#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "operator/controller/backup_progress.h"
#include "operator/controller/one_time_objects.h"
#include "operator/daemon/followed_kind.h"
#include "operator/kube/client.h"
#include "operator/kube/event_recorder.h"

namespace headpond::operator_daemon {

// The objects of one kind of ours at an API server, from the cache of FollowedKind. Thread safe.
class ApiOneTimeObjects final : public controller::OneTimeObjects {
 public:
  struct Kind {
    std::string_view kind, plural;
  };
  static const Kind kBackups, kRestores;

  struct Options {
    std::string name_space;  // whose; empty: all
    // Asked before each write: false refuses it with Aborted, because another operator acts.
    std::function<bool()> may_write = [] { return true; };
  };
  // `changed` is called, from any thread, when List has something new. `client` and `clock` must
  // outlive this.
  ApiOneTimeObjects(const Kind& kind, kube::Client& client, const Clock& clock, Random random,
                    const Options& options, const std::function<void()>& changed);
  ~ApiOneTimeObjects() override;  // Stop()

  void Start();
  void Stop();

  // Unavailable until the first list has come.
  Result<Listing> List() override;
  Status WriteStatus(const nlohmann::json& object, const nlohmann::json& status) override;
  // As an event.
  void Tell(const nlohmann::json& object, const controller::Notice& notice) override;

 private:
  const Kind kind_;
  FollowedKind objects_;
  kube::EventRecorder events_;
};

// What the server has on record of a Backup. Errors: NotFound, naming it; those of Client::Get.
Result<controller::BackupState> FindBackup(kube::Client& client, const std::string& name_space,
                                           const std::string& name);

}  // namespace headpond::operator_daemon
