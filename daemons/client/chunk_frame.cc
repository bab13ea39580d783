#include "client/chunk_frame.h"

#include <grpc/slice.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace headpond::client {
namespace {

// Field numbers with wire type 2.
constexpr char kReadChunk = 0x0A;   // ReadResponse.chunk = 1
constexpr char kWriteChunk = 0x12;  // WriteRequest.chunk = 2
constexpr char kData = 0x0A;        // Chunk.data = 1
// Two tags and two lengths of at most five bytes.
constexpr size_t kMaxHeaderBytes = 12;

// Takes a varint of at most 32 bits off the front of `text`.
std::optional<uint32_t> TakeVarint(std::string_view& text) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (!(byte & 0x80))
      return value <= UINT32_MAX ? std::make_optional(static_cast<uint32_t>(value)) : std::nullopt;
  }
  return std::nullopt;
}

// Takes `tag length` off the front.
std::optional<uint32_t> TakeField(std::string_view& text, char tag) {
  if (text.empty() || text.front() != tag) return std::nullopt;
  text.remove_prefix(1);
  return TakeVarint(text);
}

void AppendField(std::string& out, char tag, size_t length) {
  out += tag;
  for (; length >= 0x80; length >>= 7) out += static_cast<char>(length | 0x80);
  out += static_cast<char>(length);
}

}  // namespace

Result<ChunkFrame> ParseReadResponse(std::span<const grpc::Slice> slices) {
  std::array<char, kMaxHeaderBytes> head;
  size_t head_bytes = 0, total = 0;
  for (const grpc::Slice& slice : slices) {
    const size_t some = std::min(head.size() - head_bytes, slice.size());
    std::copy_n(slice.begin(), some, head.begin() + static_cast<ptrdiff_t>(head_bytes));
    head_bytes += some;
    total += slice.size();
  }
  std::string_view rest(head.data(), head_bytes);
  const auto outer = TakeField(rest, kReadChunk);
  const size_t outer_begin = head_bytes - rest.size();
  const auto inner = outer ? TakeField(rest, kData) : std::nullopt;
  size_t begin = head_bytes - rest.size();
  if (!inner || outer_begin + *outer != total || begin + *inner != total)
    return Internal("a data message of {} bytes is not one chunk", total);
  ChunkFrame frame{.data_bytes = *inner};
  while (frame.slice < slices.size() && begin >= slices[frame.slice].size())
    begin -= slices[frame.slice++].size();
  frame.offset = begin;
  return frame;
}

grpc::ByteBuffer MakeWriteRequest(std::string data) {
  std::string inner, header;
  AppendField(inner, kData, data.size());
  AppendField(header, kWriteChunk, inner.size() + data.size());
  header += inner;
  auto* owned = new std::string(std::move(data));
  const grpc::Slice slices[] = {
      grpc::Slice(header),
      grpc::Slice(
          owned->data(), owned->size(),
          [](void* string) { delete static_cast<std::string*>(string); }, owned)};
  return grpc::ByteBuffer(slices, 2);
}

}  // namespace headpond::client
