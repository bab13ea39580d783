#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::io {

// The bytes of files made of checksummed frames: the logs and snapshots of journals and the log of
// a consensus node (docs/adr/0004-journal-format.md, 0017-embedded-journal.md). All numbers little
// endian.
//
//   file  = header frame*
//   header (128 bytes) = magic 8, format version u32, kind u32, first sequence u64, salt u64,
//                        cluster id length u32, cluster id 64 (zero padded), zeros, crc32c u32 of
//                        all before it
//   frame  = magic u32, header crc32c u32, body length u32, type u16, zero u16, first sequence u64,
//            record count u32, body crc32c u32, body
//   body   = (length u32, bytes) per record
//
// A log's frame is what one write and one fdatasync made durable together, and the next frame is
// written only after that sync. So bytes that are no frame can be a torn write only if no frame
// follows them: a frame that follows proves that they were durable once.
//
// Both checksums start from the file's random salt: bytes that a client chose (a file name that
// looks like a frame) or that belonged to another file can't be taken for a frame of this one.

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kFileHeaderBytes = 128;
inline constexpr size_t kFrameHeaderBytes = 32;
inline constexpr size_t kMaxClusterIdBytes = 64;
// A frame is read whole, so this bounds what a reader may allocate for one.
inline constexpr size_t kMaxFrameBodyBytes = 128 << 20;
inline constexpr size_t kRecordOverheadBytes = sizeof(uint32_t);
inline constexpr size_t kMaxRecordBytes = kMaxFrameBodyBytes - kRecordOverheadBytes;

enum class FileKind : uint32_t { kLog = 1, kSnapshot = 2, kRaftLog = 3 };

struct FileHeader {
  FileKind kind = FileKind::kLog;
  // Of a log: the sequence of its first entry. Of a snapshot: of the first entry to replay over it.
  // Of a raft log: the number of its first frame.
  uint64_t first_sequence = 0;
  uint64_t salt = 0;
  std::string cluster_id;
};

std::string EncodeFileHeader(const FileHeader& header);
// Errors: DataLoss for bytes that are no header, FailedPrecondition for another format version.
Result<FileHeader> DecodeFileHeader(std::string_view bytes);

enum class FrameType : uint16_t {
  kEntries = 1,   // log: `count` entries from `first`
  kCleanEnd = 2,  // log: the writer stopped in order; `first` is the next sequence, no records
  kSnapshotRecords = 3,  // snapshot: `count` records; `first` is the index of the first, from 0
  // snapshot: complete with `first` records; its own records: the last sequence it may show, u64,
  // then, if there is one, a stamp that only the owner of the snapshot reads
  kSnapshotEnd = 4,
  kRaftRecords = 5,  // raft log: `count` records of consensus/raft_log_records.h; `first` numbers
                     // the frames of all files
};

// One valid frame; `body` points into the bytes it was parsed from.
struct Frame {
  FrameType type = FrameType::kEntries;
  uint64_t first = 0;
  uint32_t count = 0;
  std::string_view body;

  size_t bytes() const { return kFrameHeaderBytes + body.size(); }
  std::vector<std::string_view> Records() const;  // exactly `count`
};

struct FrameHeader {
  FrameType type = FrameType::kEntries;
  uint64_t first = 0;
  uint32_t count = 0;
  uint32_t body_length = 0;  // at most kMaxFrameBodyBytes
  uint32_t body_crc = 0;
};

// The first bytes of every frame, for the search after damage.
std::string_view FrameMagic();
// The first kFrameHeaderBytes of `bytes`; nothing if they are no frame header under this salt.
std::optional<FrameHeader> ParseFrameHeader(std::string_view bytes, uint64_t salt);
// Header and body at the beginning of `bytes`; nothing if either is cut short or fails its
// checksum.
std::optional<Frame> ParseFrame(std::string_view bytes, uint64_t salt);

// Collects records into a frame. Not thread safe. Keeps its memory over Clear.
class FrameBuilder {
 public:
  FrameBuilder() { Clear(); }
  void Clear();
  void Add(std::string_view record);
  uint32_t count() const { return count_; }
  size_t bytes() const { return buffer_.size(); }
  size_t capacity() const { return buffer_.capacity(); }
  // Fills in the header and returns the frame, valid until the next Clear or Add.
  std::string_view Seal(FrameType type, uint64_t first, uint64_t salt);

 private:
  std::string buffer_;  // room for the header, then the body
  uint32_t count_ = 0;
};

std::string EncodeUint64(uint64_t value);
uint64_t DecodeUint64(std::string_view bytes);  // of exactly 8 bytes

}  // namespace headpond::io
