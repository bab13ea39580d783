#include "net/user_groups.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace headpond::net {
namespace {

// Entries of the user and group databases are copied into a buffer of the caller's, who learns from
// ERANGE that it was too small. A group with tens of thousands of members still fits.
constexpr size_t kFirstBufferBytes = 1024;
constexpr size_t kMaxBufferBytes = 4u << 20;

// Calls `lookup(buffer, size)` with ever larger buffers. ENOENT and the like mean "no such entry"
// in several name services (getpwnam(3), ERRORS).
template <typename Lookup>
int WithGrowingBuffer(std::vector<char>& buffer, Lookup lookup) {
  int error = ERANGE;
  for (size_t size = kFirstBufferBytes; error == ERANGE && size <= kMaxBufferBytes; size *= 4) {
    buffer.resize(size);
    do {
      error = lookup(buffer.data(), buffer.size());
    } while (error == EINTR);
  }
  return error == ENOENT || error == ESRCH || error == EBADF || error == EPERM ? 0 : error;
}

// The user's primary group, or nothing for an unknown user.
Result<std::optional<gid_t>> PrimaryGroup(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer;
  const int error = WithGrowingBuffer(buffer, [&](char* data, size_t size) {
    return getpwnam_r(user.c_str(), &entry, data, size, &found);
  });
  if (error != 0) {
    return Unavailable("{}", ErrnoStatus(error, "looking up user " + user).message());
  }
  return found == nullptr ? std::nullopt : std::optional(found->pw_gid);
}

std::string GroupName(gid_t id) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer;
  WithGrowingBuffer(
      buffer, [&](char* data, size_t size) { return getgrgid_r(id, &entry, data, size, &found); });
  return found == nullptr ? std::to_string(id) : found->gr_name;
}

}  // namespace

Result<std::vector<std::string>> UnixUserGroups::Groups(const std::string& user) {
  ASSIGN_OR_RETURN(const std::optional<gid_t> primary, PrimaryGroup(user));
  if (!primary) return std::vector<std::string>();
  // NGROUPS_MAX is 65536; getgrouplist says how many it needs when the array is too small.
  int count = 64;
  std::vector<gid_t> ids(count);
  if (getgrouplist(user.c_str(), *primary, ids.data(), &count) < 0) {
    ids.resize(count);
    if (getgrouplist(user.c_str(), *primary, ids.data(), &count) < 0) {
      return Unavailable("the groups of user {} changed while they were read", user);
    }
  }
  ids.resize(count);
  std::vector<std::string> names;
  names.reserve(ids.size());
  for (const gid_t id : ids) names.push_back(GroupName(id));
  return names;
}

CachedUserGroups::CachedUserGroups(UserGroups& source, const Clock& clock,
                                   std::chrono::milliseconds time_to_live)
    : source_(source), clock_(clock), time_to_live_(time_to_live) {}

Result<std::vector<std::string>> CachedUserGroups::Groups(const std::string& user) {
  const auto now = clock_.Now();
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(user);
    if (found != entries_.end() && now < found->second.expires) return found->second.groups;
  }
  // Outside the lock, as this may be network I/O; two callers may ask for the same user at once.
  ASSIGN_OR_RETURN(std::vector<std::string> groups, source_.Groups(user));
  MutexLock lock(mutex_);
  if (entries_.size() >= kMaxUsers) {
    std::erase_if(entries_, [now](const auto& item) { return item.second.expires <= now; });
    if (entries_.size() >= kMaxUsers) entries_.clear();
  }
  entries_[user] = Entry{groups, now + time_to_live_};
  return groups;
}

std::string ProcessUser() {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer;
  const uid_t id = geteuid();
  WithGrowingBuffer(
      buffer, [&](char* data, size_t size) { return getpwuid_r(id, &entry, data, size, &found); });
  return found == nullptr ? std::to_string(id) : found->pw_name;
}

}  // namespace headpond::net
