#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace headpond::master {

// How far below a path the under-store is compared.
enum class SyncDepth { kSelf, kChildren, kTree };

// How old what is known of a path may be: FileSystemMasterCommonPOptions.syncIntervalMs, else
// alluxio.user.file.metadata.sync.interval. -1 never asks the under-store, 0 always does.
struct SyncPolicy {
  int64_t interval_ms = -1;
};

// When paths were last compared with their under-store, and which ones somebody declared stale
// (`fs needsSync`). A directory compared with its children answers for each child, one compared as
// a tree for all below it. At most `capacity` paths are kept; the oldest are forgotten first, so
// that they are compared again. Not journaled: after a restart nothing counts as compared.
//
// Thread safe. Due costs one atomic load for the policy "never" while nothing is declared stale.
class SyncTimes {
 public:
  explicit SyncTimes(size_t capacity = 100'000) : capacity_(capacity) {}

  // True when `path`, canonical, is to be compared before it is used.
  bool Due(std::string_view path, SyncDepth depth, SyncPolicy policy, int64_t now_ms) const
      EXCLUDES(mutex_);
  // `path` was compared; `began_ms` is when that began.
  void Synced(const std::string& path, SyncDepth depth, int64_t began_ms) EXCLUDES(mutex_);
  // The next use of `path`, of anything below it, and of a listing that shows it, compares.
  void Invalidate(const std::string& path, int64_t now_ms) EXCLUDES(mutex_);

 private:
  static constexpr int64_t kNever = -1;
  struct Entry {
    int64_t synced_ms[3] = {kNever, kNever, kNever};  // by depth
    int64_t invalid_ms = kNever;
    std::list<std::string>::iterator age;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Entry& Fresh(const std::string& path) REQUIRES(mutex_);
  int64_t LastSync(std::string_view path, SyncDepth depth) const REQUIRES(mutex_);
  int64_t LastInvalidation(std::string_view path, SyncDepth depth) const REQUIRES(mutex_);

  const size_t capacity_;
  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  std::list<std::string> by_age_ GUARDED_BY(mutex_);  // the oldest first
  std::atomic<int64_t> invalid_count_{0};             // entries with invalid_ms
};

}  // namespace headpond::master
