#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace headpond::net {

// Who makes a call.
struct CallUser {
  std::string name;             // whose permissions count
  std::string connection_user;  // who authenticated; differs from `name` under impersonation

  friend bool operator==(const CallUser&, const CallUser&) = default;
};

// The authenticated channels of one server: channel id (a UUID the client made up) -> user. Thread
// safe; a lookup takes a shared lock and copies two short strings.
class ChannelRegistry {
 public:
  struct Options {
    // A client process holds two to four channels per server; beyond this, new ones are refused.
    size_t max_channels = 200'000;
    // alluxio.security.stale.channel.purge.interval (3 days; the chart sets 365).
    std::chrono::milliseconds stale_after = std::chrono::hours(72);
  };

  // `clock` must outlive this.
  ChannelRegistry(Options options, const Clock& clock);

  // Registers an id and returns a token for Remove and TakeStale; tokens are never 0 and never
  // reused. Errors: Unauthenticated when the id is registered already, ResourceExhausted when full.
  Result<uint64_t> Add(std::string_view channel_id, CallUser user) EXCLUDES(mutex_);

  // Ends the registration that `token` stands for; a later one of the same id stays. No-op when
  // gone.
  void Remove(std::string_view channel_id, uint64_t token) EXCLUDES(mutex_);

  // The user of a registered id, which counts as a use of it.
  std::optional<CallUser> Find(std::string_view channel_id) const EXCLUDES(mutex_);

  // Ends all registrations unused for `stale_after`; returns their tokens.
  std::vector<uint64_t> TakeStale() EXCLUDES(mutex_);

  size_t size() const EXCLUDES(mutex_);

 private:
  struct Entry {
    Entry(CallUser u, uint64_t t, int64_t now) : user(std::move(u)), token(t), last_use_ms(now) {}
    const CallUser user;
    const uint64_t token;
    mutable std::atomic<int64_t> last_use_ms;  // monotonic
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
  };

  int64_t NowMs() const;

  const Options options_;
  const Clock& clock_;
  mutable SharedMutex mutex_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_ GUARDED_BY(mutex_);
  uint64_t last_token_ GUARDED_BY(mutex_) = 0;
};

}  // namespace headpond::net
