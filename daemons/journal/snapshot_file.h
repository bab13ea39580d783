#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/env.h"
#include "journal/format.h"
#include "journal/journal.h"

namespace headpond::journal {

// Writes one snapshot to a temporary name; nothing is visible before Publish. Destroyed before
// that, it removes what it wrote. Not thread safe.
class SnapshotWriter {
 public:
  static Result<std::unique_ptr<SnapshotWriter>> Create(io::Env& env, const std::string& folder,
                                                        const FileHeader& header);
  ~SnapshotWriter();

  Status Add(const std::vector<std::string>& records);

  // Durable and under its name when it returned OK. `shown_sequence` is the last entry whose effect
  // the records may show: the log must hold it durably already.
  // `stamp` is for who reads it back; empty: none.
  Status Publish(uint64_t shown_sequence, std::string_view stamp = {});

  uint64_t records() const { return records_; }

 private:
  SnapshotWriter(io::Env& env, std::string folder, FileHeader header,
                 std::unique_ptr<io::WritableFile> file);
  Status WriteFrame(FrameType type, uint64_t first);

  io::Env& env_;
  const std::string folder_;
  const FileHeader header_;
  std::unique_ptr<io::WritableFile> file_;
  FrameBuilder frame_;
  uint64_t records_ = 0;  // given to Add
  uint64_t framed_ = 0;   // written in frames
  bool published_ = false;
};

// Writes all that `source` has; `check` (may be null) may end it after each batch.
Status AddAll(SnapshotSource& source, SnapshotWriter& writer,
              const std::function<Status()>& check = nullptr);

struct SnapshotSummary {
  uint64_t first_sequence = 0;  // the first entry to replay over it
  uint64_t shown_sequence = 0;  // the last entry it may show, possibly before first_sequence
  uint64_t records = 0;
  int64_t bytes = 0;
  std::string stamp;  // given to Publish
};

// Calls `on_record` (may be null: only checks) for each record in order. Errors: those of
// `on_record`, of the file system, and DataLoss naming file and offset for a snapshot that is
// damaged or incomplete.
Result<SnapshotSummary> ReadSnapshot(io::Env& env, const std::string& path,
                                     const std::string& cluster_id,
                                     const std::function<Status(std::string_view)>& on_record);

}  // namespace headpond::journal
