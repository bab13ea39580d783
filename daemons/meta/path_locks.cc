#include "meta/path_locks.h"

#include <algorithm>
#include <utility>

#include "base/path.h"

namespace headpond::meta {
namespace {

bool Conflict(const PathLocks::Claim& a, const PathLocks::Claim& b) {
  if (a.mode == PathLocks::Mode::kShared && b.mode == PathLocks::Mode::kShared) return false;
  return IsWithin(a.path, b.path) || IsWithin(b.path, a.path);
}

}  // namespace

PathLocks::Guard::Guard(Guard&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_) {}

PathLocks::Guard& PathLocks::Guard::operator=(Guard&& other) noexcept {
  if (this != &other) {
    Release();
    owner_ = std::exchange(other.owner_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void PathLocks::Guard::Release() {
  if (PathLocks* owner = std::exchange(owner_, nullptr)) owner->Release(id_);
}

const PathLocks::Claim* PathLocks::FindConflict(const std::vector<Claim>& claims,
                                                std::list<Entry>::const_iterator end) const {
  for (auto entry = entries_.begin(); entry != end; ++entry) {
    for (const Claim& theirs : entry->claims) {
      for (const Claim& ours : claims) {
        if (Conflict(ours, theirs)) return &theirs;
      }
    }
  }
  return nullptr;
}

Result<PathLocks::Guard> PathLocks::Acquire(std::vector<Claim> claims,
                                            std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  // In the queue from the start: whoever comes later and conflicts waits behind, so that nobody
  // starves. A conflict is only ever with somebody earlier, so there is no circle of waiters.
  const auto self = entries_.insert(entries_.end(), Entry{next_id_++, std::move(claims)});
  entry_count_.store(entries_.size());
  while (const Claim* conflict = FindConflict(self->claims, self)) {
    const std::string blocking = conflict->path;
    if (changed_.WaitUntil(mutex_, deadline)) continue;
    if (FindConflict(self->claims, self) == nullptr) break;
    entries_.erase(self);
    entry_count_.store(entries_.size());
    changed_.NotifyAll();
    return DeadlineExceeded("another operation on {} takes too long; try again later", blocking);
  }
  return Guard(this, self->id);
}

void PathLocks::Release(uint64_t id) {
  MutexLock lock(mutex_);
  const auto entry =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.id == id; });
  if (entry == entries_.end()) return;
  entries_.erase(entry);
  entry_count_.store(entries_.size());
  if (!entries_.empty()) changed_.NotifyAll();
}

bool PathLocks::WouldWait(const std::string& path, Mode mode) const {
  MutexLock lock(mutex_);
  return FindConflict({{path, mode}}, entries_.end()) != nullptr;
}

}  // namespace headpond::meta
