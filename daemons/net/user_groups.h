#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace headpond::net {

// Which groups a user belongs to, primary group first. Thread safe.
class UserGroups {
 public:
  virtual ~UserGroups() = default;
  // Empty for a user that does not exist. May block on name-service I/O: not for reactor threads
  // unless cached. Errors: Unavailable when the name service fails.
  virtual Result<std::vector<std::string>> Groups(const std::string& user) = 0;
};

// The operating system's answer (passwd and group databases through NSS), like `id -Gn`. A group
// without a name is given by its number.
class UnixUserGroups final : public UserGroups {
 public:
  Result<std::vector<std::string>> Groups(const std::string& user) override;
};

// Remembers what `source` said for `time_to_live`, whether or not the user exists; errors are not
// remembered. Holds at most kMaxUsers users.
class CachedUserGroups final : public UserGroups {
 public:
  static constexpr size_t kMaxUsers = 10'000;

  // `source` and `clock` must outlive this. 60 s is alluxio.security.group.mapping.cache.timeout.
  CachedUserGroups(UserGroups& source, const Clock& clock,
                   std::chrono::milliseconds time_to_live = std::chrono::seconds(60));

  Result<std::vector<std::string>> Groups(const std::string& user) override EXCLUDES(mutex_);

 private:
  struct Entry {
    std::vector<std::string> groups;
    std::chrono::steady_clock::time_point expires;
  };

  UserGroups& source_;
  const Clock& clock_;
  const std::chrono::milliseconds time_to_live_;
  Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
};

// The name of the user this process runs as; its number when it has no name.
std::string ProcessUser();

}  // namespace headpond::net
