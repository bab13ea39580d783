#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "client/types.h"

namespace headpond::client {

// Reads one file. The nearest copy of each block serves it: its file itself on this machine (short
// circuit), the worker's domain socket, a worker over TCP, or the under-store through a worker. A
// copy that fails is passed over; when none is left the block's places are asked for again, until
// alluxio.user.block.read.retry.max.duration is over.
//
// Memory is bounded: per reader one stream with at most alluxio's 4 MiB under way, and file
// descriptors of the last 16 blocks.
class FileReader {
 public:
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  const FileInfo& info() const;
  int64_t length() const { return info().length; }

  // Up to `length` bytes at `offset` into `buffer`; fewer only at the end of the file. Reads that
  // follow each other are streamed ahead. Thread safe: a reader has one stream, so of several
  // threads at several places one is streamed and the others ask for exactly what they need.
  // Errors: InvalidArgument (negative offset), NotFound (the file or a block is gone), Unavailable,
  // DeadlineExceeded.
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer);

  // Sequential reading, by one thread at a time.
  Result<size_t> Read(size_t length, char* buffer);
  void Seek(int64_t offset) { position_ = offset; }
  int64_t position() const { return position_; }

  class Impl;

 private:
  friend class FileSystem;
  explicit FileReader(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  int64_t position_ = 0;
};

}  // namespace headpond::client
