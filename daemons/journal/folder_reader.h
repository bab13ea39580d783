#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/env.h"
#include "journal/format.h"
#include "journal/journal.h"

namespace headpond::journal {

// What reading one file showed.
struct FileReport {
  std::string path;
  FileKind kind = FileKind::kLog;
  // Of a log: its entries; last is first - 1 when it has none. Of a snapshot: the first entry to
  // replay over it, and the last one it may show.
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  uint64_t records = 0;
  int64_t bytes = 0;
  // Log only. Where the last good frame starts (0: none) and where it ends.
  int64_t last_frame_offset = 0;
  int64_t good_bytes = 0;
  bool clean_end = false;  // the writer stopped in order
  bool torn_tail =
      false;  // the bytes from good_bytes on were never acknowledged and may be cut off
  bool unused_tail = false;  // zeros from good_bytes on: room for entries that were not written
  bool obsolete = false;     // a newer snapshot holds all of it
  Status problem;            // why it can't be used, naming file, offset and remedy
};

struct FolderReport {
  std::vector<FileReport> files;  // snapshots newest first, then logs oldest first
  uint64_t snapshot_sequence =
      1;  // of the newest good snapshot: the first entry not in it; 1: none
  uint64_t last_sequence = 0;
  // Why the state can't be recovered: damage to a file that is needed, or files that are missing.
  Status problem;
};

// Reads a folder without changing it, and hands the state to `replayer`. Without one, every file is
// read to its end or first damage, needed or not; with one, only what is needed, up to the first
// problem. The state is whole only if `problem` is OK. Errors: of the file system, and of the
// replayer.
Result<FolderReport> ReadFolder(io::Env& env, const std::string& folder,
                                const std::string& cluster_id, Replayer* replayer);

// Whether an error says that files are damaged or not what they should be, and not that they could
// not be read.
bool IsDamage(const Status& status);

// Reads one snapshot, which is named by `first_sequence`. Errors: of the file system.
Result<FileReport> ReadSnapshotFile(io::Env& env, const std::string& path, uint64_t first_sequence,
                                    const std::string& cluster_id);

// Reads one log; `newest` says that it has no successor, so that its tail may be torn.
Result<FileReport> ReadLog(io::Env& env, const std::string& folder, uint64_t first_sequence,
                           const std::string& cluster_id, bool newest,
                           const std::function<Status(uint64_t, std::string_view)>& on_entry);

}  // namespace headpond::journal
