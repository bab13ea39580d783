#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace alluxio::grpc::block {
class WriteRequestCommand;
}

// Block data on the wire without copies. A data message is, byte for byte,
//
//   ReadResponse{chunk{data}}   0A <length> 0A <length> data
//   WriteRequest{chunk{data}}   12 <length> 0A <length> data
//
// with lengths as varints that cover exactly the rest: stock readers accept nothing else
// (compat/behaviour.md section 0, rules 3 and 4). So both ends put the few bytes of header in front
// of the caller's memory, and take them off again, instead of going through protobuf. All functions
// are pure and thread safe.

namespace headpond::net {

// The largest data of one message; stock uses 1 MiB, and protobuf itself ends at 2 GiB.
inline constexpr size_t kMaxChunkBytes = 1u << 30;

// `size` bytes at `data`, kept alive by `owner` until gRPC has sent them.
::grpc::Slice SliceOf(std::shared_ptr<const void> owner, const void* data, size_t size);

// The data of one message, in order: references to what gRPC received.
struct ChunkData {
  std::vector<::grpc::Slice> slices;
  size_t size = 0;  // sum of the slices

  // Copies the bytes from `offset` on; returns how many, at most `out.size()`.
  size_t CopyTo(std::span<std::byte> out, size_t offset = 0) const;
  std::string ToString() const;
};

// A message whose data is all of `data`, not copied. At most kMaxChunkBytes.
::grpc::ByteBuffer FrameReadResponse(std::span<const ::grpc::Slice> data);
::grpc::ByteBuffer FrameWriteChunk(std::span<const ::grpc::Slice> data);
::grpc::ByteBuffer FrameWriteCommand(const ::alluxio::grpc::block::WriteRequestCommand& command);

// The data of a ReadResponse. Other encodings of the same message than the one above are accepted,
// at the price of a copy. Errors: InvalidArgument for malformed bytes or a message without data.
Result<ChunkData> ParseReadResponse(const ::grpc::ByteBuffer& message);

// A WriteRequest: one of the two.
struct WriteMessage {
  WriteMessage();
  ~WriteMessage();
  WriteMessage(WriteMessage&&) noexcept;
  WriteMessage& operator=(WriteMessage&&) noexcept;

  std::unique_ptr<::alluxio::grpc::block::WriteRequestCommand> command;  // null: data
  ChunkData data;
};

// Errors as for ParseReadResponse; a message with neither command nor data is malformed.
Result<WriteMessage> ParseWriteRequest(const ::grpc::ByteBuffer& message);

}  // namespace headpond::net
