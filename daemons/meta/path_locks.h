#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace headpond::meta {

// Logical locks on subtrees of the namespace, held by the master while it does under-store I/O for
// an operation, when the namespace's own lock is released: so that, say, a directory is not renamed
// while files are being created below it in the under-store. Two claims conflict when one path is
// the other or an ancestor of it and either is exclusive. Unrelated paths proceed in parallel.
//
//   plan (shared lock) -> PathLocks::Acquire -> I/O -> plan again, journal, apply (exclusive lock)
//   -> release
//
// Thread safe. A Guard may be released by any thread, and must go before its PathLocks.
class PathLocks {
 public:
  enum class Mode { kShared, kExclusive };
  struct Claim {
    std::string path;  // canonical
    Mode mode = Mode::kExclusive;
  };

  // Releases its claims when destroyed. Movable.
  class Guard {
   public:
    Guard() = default;
    Guard(Guard&& other) noexcept;
    Guard& operator=(Guard&& other) noexcept;
    ~Guard() { Release(); }
    void Release();

   private:
    friend class PathLocks;
    Guard(PathLocks* owner, uint64_t id) : owner_(owner), id_(id) {}
    PathLocks* owner_ = nullptr;
    uint64_t id_ = 0;
  };

  // All claims at once, so holders never deadlock with each other: one that waits holds nothing.
  // First come, first served among conflicting claims. DeadlineExceeded, naming the path that was
  // waited for.
  Result<Guard> Acquire(std::vector<Claim> claims, std::chrono::steady_clock::time_point deadline)
      EXCLUDES(mutex_);

  // True when nobody holds or waits for anything: one atomic load, for callers that only need a
  // lock if somebody else has one.
  bool idle() const { return entry_count_.load() == 0; }

  // True when a claim on `path` would have to wait now.
  bool WouldWait(const std::string& path, Mode mode) const EXCLUDES(mutex_);

 private:
  // Somebody who holds, or still waits for, all of `claims`.
  struct Entry {
    uint64_t id = 0;
    std::vector<Claim> claims;
  };

  // The first claim of `entries_` before `end` that conflicts with one of `claims`, or null.
  const Claim* FindConflict(const std::vector<Claim>& claims,
                            std::list<Entry>::const_iterator end) const REQUIRES(mutex_);
  void Release(uint64_t id) EXCLUDES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);  // in order of arrival
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::atomic<size_t> entry_count_{0};
};

}  // namespace headpond::meta
