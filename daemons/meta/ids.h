#pragma once

#include <cstdint>

namespace headpond::meta {

// Ids of the 2.9 protocol (compat/behaviour.md section 5): 40 bits of container, 24 bits of
// sequence. A file owns one container: its own id has the highest sequence, its blocks have 0, 1,
// 2, ... So block ids are computed, never stored. Directories share containers; they never take the
// highest sequence, so the id alone tells a file from a directory.
using InodeId = int64_t;
using BlockId = int64_t;
using MountId = int64_t;

inline constexpr int kSequenceBits = 24;
inline constexpr int64_t kMaxSequence = (int64_t{1} << kSequenceBits) - 1;
inline constexpr int64_t kMaxContainer = (int64_t{1} << 39) - 1;  // keeps ids positive

inline constexpr InodeId kRootId = 0;
inline constexpr InodeId kNoInode = -1;
inline constexpr MountId kRootMountId = 1;

constexpr int64_t ContainerOf(int64_t id) {
  return id >> kSequenceBits;
}
constexpr int64_t SequenceOf(int64_t id) {
  return id & kMaxSequence;
}
constexpr InodeId FileIdOfContainer(int64_t container) {
  return (container << kSequenceBits) | kMaxSequence;
}
constexpr bool IsFileId(InodeId id) {
  return id >= 0 && SequenceOf(id) == kMaxSequence;
}
// The file that owns `block`.
constexpr InodeId FileIdOfBlock(BlockId block) {
  return block | kMaxSequence;
}
// The `index`-th block of `file`.
constexpr BlockId BlockIdOf(InodeId file, int64_t index) {
  return (file & ~kMaxSequence) | index;
}

// Names one client request; a client repeats it when it lost the reply. All zero: none was given.
struct OperationId {
  uint64_t most = 0;
  uint64_t least = 0;

  bool empty() const { return most == 0 && least == 0; }
  friend bool operator==(const OperationId&, const OperationId&) = default;
};

}  // namespace headpond::meta
