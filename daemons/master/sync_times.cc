#include "master/sync_times.h"

#include <algorithm>

#include "base/path.h"

namespace headpond::master {
namespace {

size_t Index(SyncDepth depth) {
  return static_cast<size_t>(depth);
}

}  // namespace

bool SyncTimes::Due(std::string_view path, SyncDepth depth, SyncPolicy policy,
                    int64_t now_ms) const {
  if (policy.interval_ms == 0) return true;
  if (policy.interval_ms < 0 && invalid_count_.load() == 0) return false;
  MutexLock lock(mutex_);
  const int64_t synced = LastSync(path, depth);
  const int64_t invalid = LastInvalidation(path, depth);
  if (invalid != kNever && invalid >= synced) return true;
  if (policy.interval_ms < 0) return false;
  return synced == kNever || now_ms - synced >= policy.interval_ms;
}

int64_t SyncTimes::LastSync(std::string_view path, SyncDepth depth) const {
  int64_t last = kNever;
  SyncDepth needed = depth;
  for (std::string_view at = path;; at = ParentOf(at)) {
    if (const auto entry = entries_.find(at); entry != entries_.end())
      for (size_t i = Index(needed); i <= Index(SyncDepth::kTree); ++i)
        last = std::max(last, entry->second.synced_ms[i]);
    if (at == "/") return last;
    // A parent's children answer for the path itself, but not for what is below it.
    needed = needed == SyncDepth::kSelf && at == path ? SyncDepth::kChildren : SyncDepth::kTree;
  }
}

int64_t SyncTimes::LastInvalidation(std::string_view path, SyncDepth depth) const {
  int64_t last = kNever;
  for (std::string_view at = path;; at = ParentOf(at)) {
    if (const auto entry = entries_.find(at); entry != entries_.end())
      last = std::max(last, entry->second.invalid_ms);
    if (at == "/") break;
  }
  if (depth == SyncDepth::kSelf) return last;
  const std::string below = path == "/" ? "/" : std::string(path) + "/";
  for (auto entry = entries_.lower_bound(below);
       entry != entries_.end() && entry->first.starts_with(below); ++entry) {
    if (depth == SyncDepth::kTree || entry->first.find('/', below.size()) == std::string::npos)
      last = std::max(last, entry->second.invalid_ms);
  }
  return last;
}

SyncTimes::Entry& SyncTimes::Fresh(const std::string& path) {
  auto [entry, added] = entries_.try_emplace(path);
  if (added) {
    entry->second.age = by_age_.insert(by_age_.end(), path);
  } else {
    by_age_.splice(by_age_.end(), by_age_, entry->second.age);
  }
  if (entries_.size() > capacity_) {
    const auto oldest = entries_.find(by_age_.front());
    if (oldest->second.invalid_ms != kNever) --invalid_count_;
    entries_.erase(oldest);
    by_age_.pop_front();
  }
  return entry->second;
}

void SyncTimes::Synced(const std::string& path, SyncDepth depth, int64_t began_ms) {
  MutexLock lock(mutex_);
  Entry& entry = Fresh(path);
  int64_t& synced = entry.synced_ms[Index(depth)];
  synced = std::max(synced, began_ms);
  // All below it was compared too, so nothing is left to wait for.
  if (depth == SyncDepth::kTree && entry.invalid_ms != kNever && entry.invalid_ms < began_ms) {
    entry.invalid_ms = kNever;
    --invalid_count_;
  }
}

void SyncTimes::Invalidate(const std::string& path, int64_t now_ms) {
  MutexLock lock(mutex_);
  Entry& entry = Fresh(path);
  if (entry.invalid_ms == kNever) ++invalid_count_;
  entry.invalid_ms = now_ms;
}

}  // namespace headpond::master
