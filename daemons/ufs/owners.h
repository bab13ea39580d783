#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace headpond::ufs {

// Who is to own a file; none = leave as it is.
struct OwnerIds {
  std::optional<uid_t> user;
  std::optional<gid_t> group;
};

// The users and groups of one store's files. Names of ids are remembered for a minute (the life
// that stock gives group names, alluxio.security.group.mapping.cache.timeout): a directory service
// may stand behind each look-up, and a listing asks once per file. Thread safe; looks up without
// holding its lock.
class Owners {
 public:
  explicit Owners(const Clock& clock);

  // The name, or the decimal id when nobody has it.
  std::string UserName(uid_t id);
  std::string GroupName(gid_t id);

  // The ids of names, or of decimal ids that are nobody's name; "" = none. InvalidArgument for
  // unknown ones. Not remembered: rare.
  static Result<OwnerIds> Find(const std::string& user, const std::string& group);

  // chown of an open descriptor (O_PATH will do). Status as UfsError.
  static Status Change(int fd, const OwnerIds& owner, std::string_view path);
  // The same for a new file, where failure (not the superuser, unknown name) is logged, once, and
  // lived with.
  void TryChange(int fd, const std::string& user, const std::string& group, std::string_view path);

 private:
  struct Entry {
    std::string name;
    std::chrono::steady_clock::time_point expires;
  };
  using Cache = std::unordered_map<uint32_t, Entry>;

  std::optional<std::string> Recall(const Cache& cache, uint32_t id) REQUIRES(mutex_);
  void Remember(Cache& cache, uint32_t id, const std::string& name) REQUIRES(mutex_);

  const Clock& clock_;
  std::atomic<bool> failure_logged_{false};
  Mutex mutex_;
  Cache users_ GUARDED_BY(mutex_);
  Cache groups_ GUARDED_BY(mutex_);
};

}  // namespace headpond::ufs
