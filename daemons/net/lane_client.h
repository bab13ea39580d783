#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "net/channel.h"

namespace google::protobuf {
class MessageLite;
}

namespace headpond::net {

class RunningStreams;

// The client's side of a connection's lane (net/lane.h): opened with the second call, so that a
// process that makes one pays for none, and again when it broke. Thread safe.
//
// Calls of many threads share messages: while one is being sent, the calls that come gather for the
// next. The thread that finds nothing under way sends its call itself, so a call that is alone
// waits for nobody.
class LaneClient {
 public:
  // `channel` must outlive this.
  explicit LaneClient(AuthenticatedChannel& channel);
  // No call may be under way.
  ~LaneClient();

  // Makes a unary call of `method` ("/package.Service/Method") over the lane; returns the bytes of
  // its response or what the server answered instead. nullopt: the lane does not take this call,
  // and nothing of it has happened; make it by itself. That is so while there is no lane (a stock
  // server never has one), for methods that the server has not on it, requests above
  // kMaxLaneRequestBytes, while kMaxLaneCallsInFlight are under way, and when the server has
  // forgotten who this channel is.
  //
  // Errors of the lane itself: DeadlineExceeded after `timeout`, Unavailable when the lane broke;
  // in both cases the server may or may not have made the call.
  std::optional<Result<std::string>> Call(std::string_view method,
                                          const google::protobuf::MessageLite& request,
                                          std::chrono::milliseconds timeout) EXCLUDES(mutex_);
  // Ends the lane for good: calls under way get Unavailable, later ones are not taken.
  void Close() EXCLUDES(mutex_);

 private:
  class Stream;

  // The lane if it is open; opens one in the background if need be.
  std::shared_ptr<Stream> Current() EXCLUDES(mutex_);
  void Drop(const std::shared_ptr<Stream>& stream) EXCLUDES(mutex_);

  AuthenticatedChannel& channel_;
  const std::shared_ptr<RunningStreams> streams_;
  Mutex mutex_;
  std::shared_ptr<Stream> stream_ GUARDED_BY(mutex_);
  bool called_ GUARDED_BY(mutex_) = false;
  bool opening_ GUARDED_BY(mutex_) = false;
  bool unsupported_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point next_open_ GUARDED_BY(mutex_){};
};

}  // namespace headpond::net
