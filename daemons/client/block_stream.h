#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "client/connection.h"
#include "client/impl.h"
#include "net/block_framing.h"
#include "proto/block_worker.pb.h"

namespace headpond::client {

// One block (or part of it) being read from one worker, front to back. Used by one thread at a
// time.
class RemoteBlockStream {
 public:
  // Sends the request; data is asked for by Read. `request` names block, offset and length.
  static Result<std::unique_ptr<RemoteBlockStream>> Open(FileSystem::Impl& fs,
                                                         const WorkerAddress& worker,
                                                         alluxio::grpc::block::ReadRequest request);

  // Up to `length` bytes; 0 only at the end of the range. Errors end the stream.
  Result<size_t> Read(size_t length, char* buffer);

  // Offset in the block of the next byte.
  int64_t position() const { return position_; }
  bool at_end() const { return position_ == end_; }
  const WorkerAddress& worker() const { return worker_; }

 private:
  RemoteBlockStream(WorkerAddress worker, alluxio::grpc::block::ReadRequest request,
                    std::unique_ptr<ByteStream> stream, Millis timeout);

  Status NextChunk();
  Status Acknowledge();

  const WorkerAddress worker_;
  alluxio::grpc::block::ReadRequest request_;  // repeated with offset_received to acknowledge
  const std::unique_ptr<ByteStream> stream_;
  const Millis timeout_;
  int64_t position_;
  const int64_t end_;
  int64_t acknowledged_;
  // The rest of the chunk at hand.
  net::ChunkData chunk_;
  size_t slice_ = 0;
  size_t slice_offset_ = 0;
};

// A committed block whose file is on this machine. The worker keeps the block while this lives.
// Thread safe.
class LocalBlock {
 public:
  // Errors: NotFound (the worker does not have the block), PermissionDenied or others when its file
  // can't be opened here; the worker is then marked, so that no other block tries.
  static Result<std::unique_ptr<LocalBlock>> Open(FileSystem::Impl& fs, const WorkerAddress& worker,
                                                  int64_t block_id, bool promote);
  ~LocalBlock();

  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const;

 private:
  LocalBlock(std::unique_ptr<ByteStream> lease, UniqueFd fd)
      : lease_(std::move(lease)), fd_(std::move(fd)) {}

  const std::unique_ptr<ByteStream> lease_;
  const UniqueFd fd_;
};

// One message as raw bytes.
grpc::ByteBuffer ToBytes(const google::protobuf::MessageLite& message);
// Internal when `bytes` is no such message; `what` names it.
Status FromBytes(grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message,
                 std::string_view what);

}  // namespace headpond::client
