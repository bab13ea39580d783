#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "client/types.h"

namespace headpond::client {

// Writes one new file, front to back. By its write type the bytes go to a worker's cache (block by
// block), to the under-store (one stream through a worker), or to both at the same time;
// ASYNC_THROUGH asks the master to copy the file later. Used by one thread at a time. Memory: one
// chunk per stream (alluxio.user.streaming.writer.chunk.size.bytes).
class FileWriter {
 public:
  // Without a Close that succeeded, or Leave: Cancel.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // What the master answered to the creation.
  const FileInfo& info() const;
  int64_t position() const;

  // Errors: Unavailable or ResourceExhausted with 2.9's "Failed to cache: ..." when the cache does
  // not take a block and nothing else would keep the bytes; with CACHE_THROUGH the file then goes
  // to the under-store only.
  Status Write(std::string_view data);
  // Commits: once it returned OK the file is complete and has this content.
  Status Close();
  // Drops what was written and removes the incomplete file. After a failed Write this is what is
  // left to do.
  void Cancel();
  // Lets the incomplete file be, as a writer that dies does.
  void Leave();

  class Impl;

 private:
  friend class FileSystem;
  explicit FileWriter(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::client
