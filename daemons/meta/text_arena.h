#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace headpond::meta {

// Where the names of inodes live: short byte strings in 8-byte units, addressed by 32 bits (32 GiB
// in all), without the 16 bytes and more that malloc adds to each. Freed room is reused for texts
// of the same size in units. Not synchronised.
class TextArena {
 public:
  using Ref = uint32_t;
  static constexpr size_t kUnitBytes = 8;
  static constexpr size_t kMaxBytes = 16 * 1024;

  // Room for `size` bytes, at most kMaxBytes. The caller remembers the size.
  Ref Allocate(size_t size);
  void Free(Ref ref, size_t size);

  char* At(Ref ref) {
    return chunks_[ref / kUnitsPerChunk].get() + (ref % kUnitsPerChunk) * kUnitBytes;
  }
  const char* At(Ref ref) const { return const_cast<TextArena*>(this)->At(ref); }

  size_t MemoryBytes() const { return chunks_.size() * kChunkBytes; }

 private:
  static constexpr size_t kChunkBytes = 256 * 1024;
  static constexpr size_t kUnitsPerChunk = kChunkBytes / kUnitBytes;
  static constexpr size_t kMaxUnits = kMaxBytes / kUnitBytes;
  static constexpr Ref kNone = ~Ref{0};

  static size_t Units(size_t size) { return size == 0 ? 1 : (size + kUnitBytes - 1) / kUnitBytes; }
  void Push(Ref ref, size_t units);

  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t used_units_ = kUnitsPerChunk;  // of the last chunk
  // Head of the list of freed texts per size; a free text holds the next Ref in its first bytes.
  std::vector<Ref> free_ = std::vector<Ref>(kMaxUnits + 1, kNone);
};

}  // namespace headpond::meta
