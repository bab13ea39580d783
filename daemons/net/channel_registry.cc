#include "net/channel_registry.h"

namespace headpond::net {

ChannelRegistry::ChannelRegistry(Options options, const Clock& clock)
    : options_(options), clock_(clock) {}

Result<uint64_t> ChannelRegistry::Add(std::string_view channel_id, CallUser user) {
  WriterLock lock(mutex_);
  if (entries_.size() >= options_.max_channels) {
    return ResourceExhausted("{} channels are authenticated, the limit of this server",
                             options_.max_channels);
  }
  const auto [position, added] =
      entries_.try_emplace(std::string(channel_id), std::move(user), last_token_ + 1, NowMs());
  if (!added) return Unauthenticated("Channel: {} is authenticated already.", channel_id);
  return ++last_token_;
}

void ChannelRegistry::Remove(std::string_view channel_id, uint64_t token) {
  WriterLock lock(mutex_);
  const auto found = entries_.find(channel_id);
  if (found != entries_.end() && found->second.token == token) entries_.erase(found);
}

std::optional<CallUser> ChannelRegistry::Find(std::string_view channel_id) const {
  ReaderLock lock(mutex_);
  const auto found = entries_.find(channel_id);
  if (found == entries_.end()) return std::nullopt;
  found->second.last_use_ms.store(NowMs(), std::memory_order_relaxed);
  return found->second.user;
}

std::vector<uint64_t> ChannelRegistry::TakeStale() {
  const int64_t stale_before = NowMs() - options_.stale_after.count();
  std::vector<uint64_t> tokens;
  WriterLock lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) {
    if (item.second.last_use_ms.load(std::memory_order_relaxed) > stale_before) return false;
    tokens.push_back(item.second.token);
    return true;
  });
  return tokens;
}

size_t ChannelRegistry::size() const {
  ReaderLock lock(mutex_);
  return entries_.size();
}

int64_t ChannelRegistry::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch())
      .count();
}

}  // namespace headpond::net
