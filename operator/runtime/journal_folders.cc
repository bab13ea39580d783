#include "operator/runtime/journal_folders.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/log.h"
#include "io/env.h"
#include "operator/plan/restore.h"

namespace headpond::runtime {
namespace {

constexpr std::string_view kComponent = "journals";
constexpr mode_t kPrivate = 0700;

Status Move(const std::string& from, const std::string& to) {
  io::Env& env = io::Env::Posix();
  RETURN_IF_ERROR(env.Rename(from, to));
  RETURN_IF_ERROR(env.SyncDirectory(io::ParentDirectory(to)));
  LogInfo(kComponent, "{} is {} now", from, to);
  return Status::Ok();
}

}  // namespace

Status SetAsideFolder(const std::string& folder, const std::string& tag) {
  io::Env& env = io::Env::Posix();
  const std::string aside = plan::SetAsidePath(folder, tag);
  ASSIGN_OR_RETURN(const bool done, env.Exists(aside));
  if (done) return Status::Ok();
  ASSIGN_OR_RETURN(const bool there, env.Exists(folder));
  if (there) return Move(folder, aside);
  if (::mkdir(aside.c_str(), kPrivate) != 0) return ErrnoStatus(errno, "create " + aside);
  return env.SyncDirectory(io::ParentDirectory(aside));
}

Status PutBackFolder(const std::string& folder, const std::string& tag) {
  io::Env& env = io::Env::Posix();
  const std::string aside = plan::SetAsidePath(folder, tag);
  const std::string failed = plan::FailedPath(folder, tag);
  ASSIGN_OR_RETURN(const bool is_aside, env.Exists(aside));
  if (!is_aside) return Status::Ok();
  ASSIGN_OR_RETURN(const bool taken, env.Exists(folder));
  if (taken) {
    ASSIGN_OR_RETURN(const bool in_the_way, env.Exists(failed));
    if (in_the_way)
      return FailedPrecondition("{} and {} are both there: move one of them away", folder, failed);
    RETURN_IF_ERROR(Move(folder, failed));
  }
  return Move(aside, folder);
}

}  // namespace headpond::runtime
