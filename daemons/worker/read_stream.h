#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>

#include "base/mutex.h"
#include "net/stall_watch.h"
#include "proto/block_worker.pb.h"
#include "worker/block_service.h"

namespace headpond::worker {

// One ReadBlock call. The first message asks; chunks follow, at most one being sent and one being
// read from the file, each counted in the budget unless it is sent from a mapping of the block; the
// call ends with the range. Later messages of the client only acknowledge, and its half-close means
// that it has enough.
//
//   client: request ──> │ open ──> chunk ──> chunk ──> ... ──> OK
//           acks ─────> │ (ignored: HTTP/2 flow control and the two-chunk limit already bound what
//           is in flight)
//
// A client that takes nothing for long while others wait for the budget is cut off (deps.readers).
//
// Deletes itself when the call is over. File work runs on deps.io, callbacks on gRPC's threads.
class ReadStream final : public ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer> {
 public:
  // `abort` ends the call over the head of messages that the client does not take.
  ReadStream(const BlockServiceDeps& deps, net::CallAborter abort, Status authenticated,
             bool local_socket);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // Applies `change` under the lock, then moves the call on as far as it goes.
  template <typename Change>
  void Step(Change&& change) EXCLUDES(mutex_);
  // Starts what can be started; returns the size of the chunk that is to be read next, or 0.
  size_t Pump() REQUIRES(mutex_);
  Status Accept() REQUIRES(mutex_);
  void RequestChunk(size_t bytes) EXCLUDES(mutex_);
  // `buffer` is for bytes that can't be sent from where they are.
  void Produce(const std::shared_ptr<char[]>& buffer, size_t bytes) EXCLUDES(mutex_);
  // The next chunk; empty at the end of the block. Opens the block first if need be.
  Result<::grpc::Slice> ReadChunk(int64_t offset, size_t bytes,
                                  const std::shared_ptr<char[]>& buffer);

  const BlockServiceDeps& deps_;
  const ActiveCall active_{deps_.active.reads};
  const bool local_socket_;
  ::grpc::ByteBuffer in_;
  std::unique_ptr<BlockInput> input_;  // used by one Produce at a time

  // Written once, before the first Produce.
  ::alluxio::grpc::block::ReadRequest request_;

  Mutex mutex_;
  bool accepted_ GUARDED_BY(mutex_) = false;
  int64_t next_ GUARDED_BY(mutex_) = 0;  // offset in the block of the next chunk
  int64_t end_ GUARDED_BY(mutex_) = 0;
  bool producing_ GUARDED_BY(mutex_) = false;
  bool budgeted_ GUARDED_BY(mutex_) = true;  // chunks are buffers, not views of a mapping
  bool writing_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;   // the client wants no more
  bool finished_ GUARDED_BY(mutex_) = false;  // Finish was called
  Status outcome_ GUARDED_BY(mutex_);
  std::optional<::grpc::ByteBuffer> ready_ GUARDED_BY(mutex_);
  ::grpc::ByteBuffer out_ GUARDED_BY(mutex_);
  int references_ GUARDED_BY(mutex_) = 1;  // the call's, and one for each pending Produce
  std::unique_ptr<net::StallWatch::Stream> watched_;  // until OnDone

  void Release() EXCLUDES(mutex_);
};

}  // namespace headpond::worker
