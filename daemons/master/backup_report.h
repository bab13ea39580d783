#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/mutex.h"
#include "base/status.h"

namespace headpond::master {

// How a backup stands.
struct BackupReport {
  enum class State { kUnknown, kInitiating, kRunning, kCompleted, kFailed };
  std::string id;
  State state = State::kUnknown;
  std::string host;        // that makes it
  std::string uri;         // of the file, once it is known
  uint64_t inodes = 0;     // in it, once it is complete
  Status error;            // of kFailed
  bool elsewhere = false;  // another master makes it, and tells of it

  bool ended() const { return state == State::kCompleted || state == State::kFailed; }
};

// What a master knows of the last hundred backups. Thread safe.
class BackupReports {
 public:
  void Add(BackupReport report) EXCLUDES(mutex_);
  // kUnknown for an id that is not one of them.
  BackupReport Find(const std::string& id) const EXCLUDES(mutex_);
  // How it stands then. Nothing for an id that is not one of them.
  BackupReport Change(const std::string& id, const std::function<void(BackupReport&)>& change)
      EXCLUDES(mutex_);
  void Forget(const std::string& id) EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::deque<BackupReport> reports_ GUARDED_BY(mutex_);  // the newest last
};

}  // namespace headpond::master
