#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "cache/block_files.h"

// What a start makes of the files that a former run left.
namespace headpond::cache {

// Takes the directory's lock (".headpond.lock", flock: a dead process holds none), deletes all
// temporary files and the blocks that are shorter than they were when committed, and lists the
// other blocks. Names that are no block's are left alone and counted. Reads names and sizes only.
// Errors: Unavailable (another process has the lock), Internal.
Result<DirectoryScan> ScanBlockDirectory(const BlockLayout& layout);

// Writes a block's length to the file, and reads it; nothing when it has none (written by stock, or
// by a file system without user attributes, which a crash of the machine may leave with blocks cut
// short that only a reader will notice).
void KeepLength(int fd, int64_t length_bytes);
std::optional<int64_t> KeptLength(const std::string& path);

// Of `blocks`, which together may be larger than `quota_bytes`, those to keep: the most recently
// committed that fit, oldest first in the result; the others go to `dropped`.
struct TrimPlan {
  std::vector<FoundBlock> kept;
  std::vector<FoundBlock> dropped;
};
TrimPlan PlanTrim(std::vector<FoundBlock> blocks, int64_t quota_bytes);

}  // namespace headpond::cache
