#include "ufs/owners.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <vector>

#include "base/log.h"
#include "ufs/posix_files.h"

namespace headpond::ufs {
namespace {

constexpr std::chrono::seconds kLifetime{60};
constexpr size_t kMaxRemembered = 4096;
// A group of a directory service can list thousands of members; past this the id stands for the
// name.
constexpr size_t kMaxRecordBytes = 1 << 20;

// Calls one of the get*_r functions with a buffer that grows while it says ERANGE. `call` returns
// its error number.
template <typename Record, typename Call>
std::optional<Record> LookUp(std::vector<char>& buffer, Call call) {
  buffer.resize(1024);
  while (true) {
    Record record;
    Record* found = nullptr;
    const int error = call(&record, buffer.data(), buffer.size(), &found);
    if (error == EINTR) continue;
    if (error == ERANGE && buffer.size() < kMaxRecordBytes) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (error != 0 || found == nullptr) return std::nullopt;
    return record;
  }
}

std::optional<uint32_t> ParseId(const std::string& text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (id == std::numeric_limits<uint32_t>::max()) return std::nullopt;  // chown(2): leave it
  return id;
}

std::optional<uid_t> UserId(const std::string& name) {
  std::vector<char> buffer;
  const auto record =
      LookUp<passwd>(buffer, [&](passwd* out, char* space, size_t size, passwd** found) {
        return ::getpwnam_r(name.c_str(), out, space, size, found);
      });
  return record ? record->pw_uid : ParseId(name);
}

std::optional<gid_t> GroupId(const std::string& name) {
  std::vector<char> buffer;
  const auto record =
      LookUp<group>(buffer, [&](group* out, char* space, size_t size, group** found) {
        return ::getgrnam_r(name.c_str(), out, space, size, found);
      });
  return record ? record->gr_gid : ParseId(name);
}

}  // namespace

Owners::Owners(const Clock& clock) : clock_(clock) {}

std::string Owners::UserName(uid_t id) {
  {
    MutexLock lock(mutex_);
    if (auto name = Recall(users_, id)) return *name;
  }
  std::vector<char> buffer;
  const auto record =
      LookUp<passwd>(buffer, [&](passwd* out, char* space, size_t size, passwd** found) {
        return ::getpwuid_r(id, out, space, size, found);
      });
  std::string name = record ? record->pw_name : std::to_string(id);
  MutexLock lock(mutex_);
  Remember(users_, id, name);
  return name;
}

std::string Owners::GroupName(gid_t id) {
  {
    MutexLock lock(mutex_);
    if (auto name = Recall(groups_, id)) return *name;
  }
  std::vector<char> buffer;
  const auto record =
      LookUp<group>(buffer, [&](group* out, char* space, size_t size, group** found) {
        return ::getgrgid_r(id, out, space, size, found);
      });
  std::string name = record ? record->gr_name : std::to_string(id);
  MutexLock lock(mutex_);
  Remember(groups_, id, name);
  return name;
}

Result<OwnerIds> Owners::Find(const std::string& user, const std::string& group) {
  OwnerIds ids;
  if (!user.empty()) {
    ids.user = UserId(user);
    if (!ids.user) return InvalidArgument("no user named {} on this machine", user);
  }
  if (!group.empty()) {
    ids.group = GroupId(group);
    if (!ids.group) return InvalidArgument("no group named {} on this machine", group);
  }
  return ids;
}

Status Owners::Change(int fd, const OwnerIds& owner, std::string_view path) {
  const uid_t user = owner.user.value_or(static_cast<uid_t>(-1));
  const gid_t group = owner.group.value_or(static_cast<gid_t>(-1));
  if (::fchownat(fd, "", user, group, AT_EMPTY_PATH) != 0) return UfsError(errno, "chown", path);
  return Status::Ok();
}

void Owners::TryChange(int fd, const std::string& user, const std::string& group,
                       std::string_view path) {
  if (user.empty() && group.empty()) return;
  const auto ids = Find(user, group);
  const Status changed = ids.ok() ? Change(fd, *ids, path) : ids.status();
  if (changed.ok() || failure_logged_.exchange(true)) return;
  LogWarn("ufs",
          "cannot give {} to {}:{}: {}; files written here keep the user of this process (run it "
          "as root and give it "
          "the users' names to change that; logged once)",
          path, user, group, changed.message());
}

std::optional<std::string> Owners::Recall(const Cache& cache, uint32_t id) {
  const auto entry = cache.find(id);
  if (entry == cache.end() || entry->second.expires <= clock_.Now()) return std::nullopt;
  return entry->second.name;
}

void Owners::Remember(Cache& cache, uint32_t id, const std::string& name) {
  if (cache.size() >= kMaxRemembered) cache.clear();
  cache[id] = Entry{name, clock_.Now() + kLifetime};
}

}  // namespace headpond::ufs
