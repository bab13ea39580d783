#include "operator/controller/home.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace headpond::controller {
namespace {

constexpr std::chrono::milliseconds kLockRetry(10);
constexpr mode_t kPrivate = 0700;

}  // namespace

Result<std::string> HomePath(const std::map<std::string, std::string>& environment) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  std::string path = value("HEADPOND_HOME");
  if (path.empty() && !value("XDG_STATE_HOME").empty())
    path = value("XDG_STATE_HOME") + "/headpond";
  if (path.empty() && !value("HOME").empty()) path = value("HOME") + "/.local/state/headpond";
  if (path.empty())
    return FailedPrecondition("set HEADPOND_HOME to a folder for the clusters' state");
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (!path.starts_with('/'))
    return FailedPrecondition("HEADPOND_HOME must be an absolute path: {}", path);
  if (path.find(',') != std::string::npos)
    return FailedPrecondition("HEADPOND_HOME can't have a comma: {}", path);
  return path;
}

std::map<std::string, std::string> ProcessEnvironment() {
  std::map<std::string, std::string> environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return environment;
}

Status EnsurePrivateDirectory(const std::string& path) {
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(path));
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  if (info.st_uid != ::geteuid())
    return FailedPrecondition("{} belongs to user {}; set HEADPOND_HOME to a folder of your own",
                              path, info.st_uid);
  if ((info.st_mode & ~S_IFMT & ~kPrivate) != 0 && ::chmod(path.c_str(), kPrivate) != 0)
    return ErrnoStatus(errno, "chmod " + path);
  return Status::Ok();
}

Result<std::unique_ptr<io::FileLock>> LockWithin(const std::string& path,
                                                 std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    auto lock = io::Env::Posix().Lock(path);
    if (lock.ok() || lock.status().code() != Code::kUnavailable ||
        std::chrono::steady_clock::now() >= deadline)
      return lock;
    // The system has no file lock with a time limit.
    ::poll(nullptr, 0, static_cast<int>(kLockRetry.count()));
  }
}

}  // namespace headpond::controller
