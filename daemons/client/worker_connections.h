#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "client/connection.h"
#include "client/types.h"
#include "net/channel.h"

namespace headpond::client {

// The client's connections to workers: a few sockets per worker for data, as one HTTP/2 connection
// carries no more than one core's worth of bytes. Thread safe.
class WorkerConnections {
 public:
  struct Options {
    net::ChannelOptions rpc;  // `target` is filled in
    net::ChannelOptions data;
    size_t max_data_connections =
        8;  // per worker; at most alluxio.user.network.streaming.max.connections
  };
  explicit WorkerConnections(Options options) : options_(std::move(options)) {}

  // A stream on the least busy data connection to the worker. It keeps its connection alive.
  // `local` workers are reached through their domain socket when they have one.
  Result<std::unique_ptr<ByteStream>> OpenStream(const WorkerAddress& worker, const char* method)
      EXCLUDES(mutex_);
  Status Unary(const WorkerAddress& worker, const char* method,
               const google::protobuf::MessageLite& request,
               google::protobuf::MessageLite& response, Millis timeout) EXCLUDES(mutex_);

  // A short range of a block, over the worker's lane: `request` as for ReadBlock, its length at
  // most net::kMaxLaneReadBytes. nullopt: the worker has no lane (yet), use a stream.
  std::optional<Result<std::string>> ReadRange(const WorkerAddress& worker,
                                               const google::protobuf::MessageLite& request,
                                               Millis timeout) EXCLUDES(mutex_);

  // Files of this worker can't be opened from here (other container, other user): don't try each
  // block.
  void MarkUnreadable(const WorkerAddress& worker) EXCLUDES(mutex_);
  bool IsUnreadable(const WorkerAddress& worker) const EXCLUDES(mutex_);

 private:
  class LeasedStream;
  struct Worker {
    std::shared_ptr<Connection> rpc;
    std::shared_ptr<Connection> lane;
    std::vector<std::shared_ptr<Connection>> data;
  };

  std::shared_ptr<Connection> LeaseData(const std::string& target) EXCLUDES(mutex_);

  const Options options_;
  mutable Mutex mutex_;
  std::map<std::string, Worker> workers_ GUARDED_BY(mutex_);
  std::set<std::string> unreadable_ GUARDED_BY(mutex_);
};

// "host:port" of the data port, or "unix:/path" when the worker's domain socket is on this machine.
std::string DataTarget(const WorkerAddress& worker);

}  // namespace headpond::client
