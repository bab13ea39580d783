#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "io/env.h"
#include "io/frame_format.h"

namespace headpond::io {

// What the bytes behind the last good frame of a file are.
struct Tail {
  enum class Kind {
    kNone,     // nothing follows
    kUnused,   // zeros: room that was not written
    kTorn,     // a write that a crash cut short: it was never acknowledged
    kDamaged,  // what was durable once: see the top of frame_format.h
  };
  Kind kind = Kind::kNone;
  // Of kDamaged: where the next good frame is; nothing when it is in the next file.
  std::optional<int64_t> later;
};

// Reads the frames of one file in order, through one buffer. Not thread safe.
class FrameReader {
 public:
  // Checks the file header. Errors: DataLoss or FailedPrecondition as DecodeFileHeader, also when
  // the kind or the cluster is another one (an empty `cluster_id` accepts any); all name the file.
  static Result<FrameReader> Open(Env& env, const std::string& path, FileKind kind,
                                  const std::string& cluster_id);

  const FileHeader& header() const { return header_; }
  int64_t file_bytes() const { return file_->size(); }

  // The next frame, valid until the next call; nothing at the end of the file and where the bytes
  // at offset() are no frame. Errors: of the file system only.
  Result<std::optional<Frame>> Next();

  // The frame at `offset` if there is one, valid until the next call.
  Result<std::optional<Frame>> FrameAt(int64_t offset);

  // Next goes on at `offset`, where a frame ended that was read before.
  void SkipTo(int64_t offset) { offset_ = offset; }

  // Where the next frame starts, or should.
  int64_t offset() const { return offset_; }
  bool AtEnd() const { return offset_ == file_->size(); }

  // What lies from offset() on, where Next found no frame. `newest`: no file follows this one, so
  // that its end may be torn. Ends the use of Next. Aborted: what was no frame is one now, because
  // somebody is writing; to be read again from the beginning.
  Result<Tail> JudgeTail(bool newest);

 private:
  FrameReader(std::unique_ptr<RandomAccessFile> file, FileHeader header);

  // The bytes at `offset`, `wanted` of them or what there is. Valid until the next call.
  Result<std::string_view> Peek(int64_t offset, size_t wanted);
  // Whether all bytes from offset() on are zero.
  Result<bool> OnlyZerosLeft();
  // The offset of the first frame after offset() whatever lies between; nothing if none follows.
  Result<std::optional<int64_t>> FindLaterFrame();

  std::unique_ptr<RandomAccessFile> file_;
  FileHeader header_;
  int64_t offset_ = 0;
  std::string buffer_;
  int64_t buffer_offset_ = 0;  // of buffer_'s first byte in the file
};

}  // namespace headpond::io
