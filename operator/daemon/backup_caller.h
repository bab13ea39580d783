#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/executor.h"
#include "base/mutex.h"
#include "operator/controller/backup_call.h"
#include "operator/daemon/admin_call.h"

namespace headpond::operator_daemon {

// By `headpond fsadmin backup`, on threads of its own. Thread safe.
class AdminBackupCaller final : public controller::BackupCaller {
 public:
  // `answered` is called, from any thread, when an outcome can be asked for.
  AdminBackupCaller(AdminProgram program, std::function<void()> answered);
  ~AdminBackupCaller() override;  // waits for the calls under way

  std::optional<Result<controller::BackupAnswer>> Ask(const controller::BackupCall& call) override
      EXCLUDES(mutex_);
  void KeepOnly(const std::set<std::string>& ids) override EXCLUDES(mutex_);

 private:
  using Outcome = std::optional<Result<controller::BackupAnswer>>;  // none while the call lasts

  const AdminProgram program_;
  const std::function<void()> answered_;
  Mutex mutex_;
  std::map<std::string, Outcome> calls_ GUARDED_BY(mutex_);  // by verb and id
  ThreadPool threads_;
};

// The outcome of `headpond fsadmin backup -o json`. Errors: the one that it tells of, Unavailable
// when it can't be read.
Result<controller::BackupAnswer> ReadBackupOutcome(const std::string& output);

}  // namespace headpond::operator_daemon
