#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/env.h"

namespace headpond::journal {

// The files of a local journal's folder:
//   VERSION               the stamp: format version and cluster id, as text
//   LOCK                  held by the master that uses the folder
//   <sequence>.log        entries from that sequence (20 digits)
//   <sequence>.snapshot   state without the entries from that sequence on, at least
//   *.tmp                 not finished when a process died; removed at the next start
inline constexpr char kStampName[] = "VERSION";
inline constexpr char kLockName[] = "LOCK";

std::string LogPath(const std::string& folder, uint64_t first_sequence);
std::string SnapshotPath(const std::string& folder, uint64_t first_sequence);

struct FolderFiles {
  std::vector<uint64_t> logs;       // by first sequence, ascending
  std::vector<uint64_t> snapshots;  // ascending
  std::vector<std::string> temporaries;
  std::vector<std::string> others;  // neither ours nor part of an empty disk (lost+found)
  bool stamped = false;
};

// Errors: NotFound when there is no such folder.
Result<FolderFiles> ListFolder(io::Env& env, const std::string& folder);

// The stamp of a journal, at `path`, is its format version and cluster id. Errors: NotFound when
// there is none; FailedPrecondition when it is of another version; DataLoss when it can't be read
// as one.
Result<std::string> ReadStampAt(io::Env& env, const std::string& path);
Status WriteStampAt(io::Env& env, const std::string& path, const std::string& cluster_id);

// The cluster id of the folder's stamp. Errors: FailedPrecondition with the remedy when the folder
// is absent or not formatted; those of ReadStampAt.
Result<std::string> ReadStamp(io::Env& env, const std::string& folder);
Status WriteStamp(io::Env& env, const std::string& folder, const std::string& cluster_id);

}  // namespace headpond::journal
