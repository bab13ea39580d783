#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "operator/controller/master_access.h"

namespace headpond::controller {

// What a cluster's masters are asked for about one backup.
struct BackupCall {
  std::string id;
  // Begins it, unless one was begun with this id, which is then told of; else only looks.
  bool begins = false;
  std::string directory;
  bool local = false;
  MasterAccess access;
};

// How a backup stands, as the master that leads says.
struct BackupAnswer {
  enum class State { kUnknown, kRunning, kCompleted };
  State state = State::kUnknown;
  std::string id;  // a master that knows no wishes has its own
  std::string host, uri;
  int64_t entries = 0;
};

// Speaks to masters, without making anybody wait. Thread safe.
class BackupCaller {
 public:
  virtual ~BackupCaller() = default;

  // What became of this call, told once; nothing yet: it is being made, and whoever made this is
  // told when it is over. Errors: Aborted (that backup failed), InvalidArgument (no master will
  // ever take it), others (this time nothing came of it).
  virtual std::optional<Result<BackupAnswer>> Ask(const BackupCall& call) = 0;
  // Nobody will ask about other ids.
  virtual void KeepOnly(const std::set<std::string>& ids) = 0;
};

}  // namespace headpond::controller
