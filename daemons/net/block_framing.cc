#include "net/block_framing.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "proto/block_worker.pb.h"

namespace headpond::net {
namespace {

using ::alluxio::grpc::block::ReadResponse;
using ::alluxio::grpc::block::WriteRequest;
using ::alluxio::grpc::block::WriteRequestCommand;

// A field number and wire type 2 (length-delimited).
constexpr uint8_t kReadResponseChunk = 1 << 3 | 2;
constexpr uint8_t kWriteRequestChunk = 2 << 3 | 2;
constexpr uint8_t kChunkData = 1 << 3 | 2;
// Protobuf's limit for lengths; a longer encoding is left to protobuf to judge.
constexpr int kMaxLengthBytes = 5;

class Header {
 public:
  void AddByte(uint8_t byte) { bytes_[size_++] = byte; }
  void AddVarint(uint64_t value) {
    while (value >= 0x80) {
      AddByte(static_cast<uint8_t>(value) | 0x80);
      value >>= 7;
    }
    AddByte(static_cast<uint8_t>(value));
  }
  ::grpc::Slice ToSlice() const { return ::grpc::Slice(bytes_.data(), size_); }

 private:
  std::array<uint8_t, 2 * (1 + kMaxLengthBytes)> bytes_;
  size_t size_ = 0;
};

size_t VarintLength(uint64_t value) {
  size_t length = 1;
  for (; value >= 0x80; value >>= 7) ++length;
  return length;
}

::grpc::ByteBuffer Frame(uint8_t outer_tag, std::span<const ::grpc::Slice> data) {
  size_t size = 0;
  for (const ::grpc::Slice& slice : data) size += slice.size();
  assert(size <= kMaxChunkBytes);
  Header header;
  header.AddByte(outer_tag);
  header.AddVarint(1 + VarintLength(size) + size);
  header.AddByte(kChunkData);
  header.AddVarint(size);
  std::vector<::grpc::Slice> slices;
  slices.reserve(1 + data.size());
  slices.push_back(header.ToSlice());
  slices.insert(slices.end(), data.begin(), data.end());
  return ::grpc::ByteBuffer(slices.data(), slices.size());
}

// Reads bytes that are spread over slices.
class Cursor {
 public:
  explicit Cursor(const std::vector<::grpc::Slice>& slices) : slices_(slices) {
    for (const ::grpc::Slice& slice : slices) left_ += slice.size();
  }

  size_t left() const { return left_; }

  std::optional<uint8_t> Byte() {
    while (index_ < slices_.size() && offset_ == slices_[index_].size()) {
      ++index_;
      offset_ = 0;
    }
    if (index_ == slices_.size()) return std::nullopt;
    --left_;
    return slices_[index_].begin()[offset_++];
  }

  std::optional<uint64_t> Length() {
    uint64_t value = 0;
    for (int i = 0; i < kMaxLengthBytes; ++i) {
      const auto byte = Byte();
      if (!byte) return std::nullopt;
      value |= uint64_t{*byte & 0x7Fu} << (7 * i);
      if ((*byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  // What is left, as slices of its own.
  ChunkData Rest() const {
    ChunkData rest;
    rest.size = left_;
    for (size_t i = index_; i < slices_.size(); ++i) {
      const size_t begin = i == index_ ? offset_ : 0;
      if (begin < slices_[i].size())
        rest.slices.push_back(slices_[i].sub(begin, slices_[i].size()));
    }
    return rest;
  }

 private:
  const std::vector<::grpc::Slice>& slices_;
  size_t index_ = 0;
  size_t offset_ = 0;
  size_t left_ = 0;
};

// The data of a message in the one form that stock peers send; nothing when it has another form.
std::optional<ChunkData> MatchChunk(const std::vector<::grpc::Slice>& slices, uint8_t outer_tag) {
  Cursor cursor(slices);
  for (const uint8_t tag : {outer_tag, kChunkData}) {
    if (cursor.Byte() != tag) return std::nullopt;
    const auto length = cursor.Length();
    if (!length || *length != cursor.left()) return std::nullopt;
  }
  return cursor.Rest();
}

Result<std::vector<::grpc::Slice>> SlicesOf(const ::grpc::ByteBuffer& message) {
  std::vector<::grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) return InvalidArgument("a block message can't be read");
  return slices;
}

// Any encoding, with a copy.
template <typename Message>
Result<Message> ParseWithProtobuf(const ::grpc::ByteBuffer& message) {
  ::grpc::ByteBuffer consumed(message);  // a reference: Deserialize empties what it is given
  Message parsed;
  if (!::grpc::SerializationTraits<Message>::Deserialize(&consumed, &parsed).ok()) {
    return InvalidArgument("a {} of {} bytes is malformed", Message::descriptor()->name(),
                           message.Length());
  }
  return parsed;
}

ChunkData TakeData(::alluxio::grpc::block::Chunk& chunk) {
  ChunkData data;
  data.size = chunk.data().size();
  if (data.size == 0) return data;
  const auto bytes = std::make_shared<const std::string>(std::move(*chunk.mutable_data()));
  data.slices.push_back(SliceOf(bytes, bytes->data(), bytes->size()));
  return data;
}

}  // namespace

::grpc::Slice SliceOf(std::shared_ptr<const void> owner, const void* data, size_t size) {
  using Owner = std::shared_ptr<const void>;
  // gRPC's slices are not const, but nothing writes through one that is being sent.
  return ::grpc::Slice(
      const_cast<void*>(data), size, [](void* held) { delete static_cast<Owner*>(held); },
      new Owner(std::move(owner)));
}

size_t ChunkData::CopyTo(std::span<std::byte> out, size_t offset) const {
  size_t copied = 0;
  for (const ::grpc::Slice& slice : slices) {
    if (offset >= slice.size()) {
      offset -= slice.size();
      continue;
    }
    const size_t length = std::min(slice.size() - offset, out.size() - copied);
    if (length == 0) break;
    std::memcpy(out.data() + copied, slice.begin() + offset, length);
    copied += length;
    offset = 0;
  }
  return copied;
}

std::string ChunkData::ToString() const {
  std::string bytes(size, '\0');
  CopyTo(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

::grpc::ByteBuffer FrameReadResponse(std::span<const ::grpc::Slice> data) {
  return Frame(kReadResponseChunk, data);
}

::grpc::ByteBuffer FrameWriteChunk(std::span<const ::grpc::Slice> data) {
  return Frame(kWriteRequestChunk, data);
}

::grpc::ByteBuffer FrameWriteCommand(const WriteRequestCommand& command) {
  WriteRequest request;
  *request.mutable_command() = command;
  const ::grpc::Slice slice(request.SerializeAsString());
  return ::grpc::ByteBuffer(&slice, 1);
}

Result<ChunkData> ParseReadResponse(const ::grpc::ByteBuffer& message) {
  ASSIGN_OR_RETURN(const auto slices, SlicesOf(message));
  if (auto data = MatchChunk(slices, kReadResponseChunk)) return *std::move(data);
  ASSIGN_OR_RETURN(ReadResponse response, ParseWithProtobuf<ReadResponse>(message));
  if (!response.has_chunk()) return InvalidArgument("a ReadResponse has no data");
  return TakeData(*response.mutable_chunk());
}

WriteMessage::WriteMessage() = default;
WriteMessage::~WriteMessage() = default;
WriteMessage::WriteMessage(WriteMessage&&) noexcept = default;
WriteMessage& WriteMessage::operator=(WriteMessage&&) noexcept = default;

Result<WriteMessage> ParseWriteRequest(const ::grpc::ByteBuffer& message) {
  ASSIGN_OR_RETURN(const auto slices, SlicesOf(message));
  WriteMessage result;
  if (auto data = MatchChunk(slices, kWriteRequestChunk)) {
    result.data = *std::move(data);
    return result;
  }
  ASSIGN_OR_RETURN(WriteRequest request, ParseWithProtobuf<WriteRequest>(message));
  if (request.has_command()) {
    result.command = std::make_unique<WriteRequestCommand>(std::move(*request.mutable_command()));
  } else if (request.has_chunk()) {
    result.data = TakeData(*request.mutable_chunk());
  } else {
    return InvalidArgument("a WriteRequest has neither a command nor data");
  }
  return result;
}

}  // namespace headpond::net
