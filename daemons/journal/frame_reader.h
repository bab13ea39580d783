#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "io/env.h"
#include "journal/format.h"

namespace headpond::journal {

// Reads the frames of one journal file in order, through one buffer. Not thread safe.
class FrameReader {
 public:
  // Checks the file header. Errors: DataLoss or FailedPrecondition as DecodeFileHeader, also when
  // the kind or the cluster is another one (an empty `cluster_id` accepts any); all name the file.
  static Result<FrameReader> Open(io::Env& env, const std::string& path, FileKind kind,
                                  const std::string& cluster_id);

  const FileHeader& header() const { return header_; }
  int64_t file_bytes() const { return file_->size(); }

  // The next frame, valid until the next call; nothing at the end of the file and where the bytes
  // at offset() are no frame. Errors: of the file system only.
  Result<std::optional<Frame>> Next();

  // Where the next frame starts, or should.
  int64_t offset() const { return offset_; }
  bool AtEnd() const { return offset_ == file_->size(); }

  // Whether all bytes from offset() on are zero. Ends the use of Next.
  Result<bool> OnlyZerosLeft();

  // The offset of the first frame after offset() whatever lies between; nothing if none follows.
  // Ends the use of Next.
  Result<std::optional<int64_t>> FindLaterFrame();

 private:
  FrameReader(std::unique_ptr<io::RandomAccessFile> file, FileHeader header);

  // The bytes at `offset`, `wanted` of them or what there is. Valid until the next call.
  Result<std::string_view> Peek(int64_t offset, size_t wanted);
  // The frame at `offset` if there is one.
  Result<std::optional<Frame>> FrameAt(int64_t offset);

  std::unique_ptr<io::RandomAccessFile> file_;
  FileHeader header_;
  int64_t offset_ = 0;
  std::string buffer_;
  int64_t buffer_offset_ = 0;  // of buffer_'s first byte in the file
};

}  // namespace headpond::journal
