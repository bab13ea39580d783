#include "journal/folder.h"

#include "io/numbered_files.h"
#include "io/stamp.h"
#include "journal/format.h"

namespace headpond::journal {
namespace {

constexpr std::string_view kLogSuffix = ".log";
constexpr std::string_view kSnapshotSuffix = ".snapshot";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr char kStampVersionKey[] = "format.version";
constexpr char kStampClusterKey[] = "cluster.id";

// One of our names with the suffix: nobody else's files are ever removed.
bool IsTemporary(std::string_view name) {
  if (!name.ends_with(kTemporarySuffix)) return false;
  name.remove_suffix(kTemporarySuffix.size());
  return name == kStampName || io::NumberOf(name, kLogSuffix) ||
         io::NumberOf(name, kSnapshotSuffix);
}

}  // namespace

std::string LogPath(const std::string& folder, uint64_t first_sequence) {
  return io::NumberedPath(folder, first_sequence, kLogSuffix);
}

std::string SnapshotPath(const std::string& folder, uint64_t first_sequence) {
  return io::NumberedPath(folder, first_sequence, kSnapshotSuffix);
}

Result<FolderFiles> ListFolder(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const auto names, env.List(folder));
  FolderFiles files;
  for (const std::string& name : names) {
    if (const auto log = io::NumberOf(name, kLogSuffix)) {
      files.logs.push_back(*log);
    } else if (const auto snapshot = io::NumberOf(name, kSnapshotSuffix)) {
      files.snapshots.push_back(*snapshot);
    } else if (IsTemporary(name)) {
      files.temporaries.push_back(name);
    } else if (name == kStampName) {
      files.stamped = true;
    } else if (name != kLockName && name != "lost+found") {
      files.others.push_back(name);
    }
  }
  return files;
}

Result<std::string> ReadStampAt(io::Env& env, const std::string& path) {
  ASSIGN_OR_RETURN(io::Stamp stamp, io::ReadStampFile(env, path));
  const std::string& version = stamp[kStampVersionKey];
  const std::string& cluster_id = stamp[kStampClusterKey];
  if (version.empty() || cluster_id.empty() || cluster_id.size() > kMaxClusterIdBytes)
    return DataLoss("{}: is not a journal stamp: restore it from a backup of the folder", path);
  if (version != std::to_string(kFormatVersion))
    return FailedPrecondition("{}: format version {} is not {}, the one this program reads", path,
                              version, kFormatVersion);
  return cluster_id;
}

Status WriteStampAt(io::Env& env, const std::string& path, const std::string& cluster_id) {
  return io::WriteStampFile(
      env, path,
      {{kStampVersionKey, std::to_string(kFormatVersion)}, {kStampClusterKey, cluster_id}});
}

Result<std::string> ReadStamp(io::Env& env, const std::string& folder) {
  const std::string path = folder + "/" + kStampName;
  auto cluster_id = ReadStampAt(env, path);
  if (cluster_id.status().code() == Code::kNotFound)
    return FailedPrecondition(
        "the journal folder {} has not been formatted (no file {}): run `headpond formatJournal`, "
        "or point alluxio.master.journal.folder at the folder of the existing journal",
        folder, path);
  return cluster_id;
}

Status WriteStamp(io::Env& env, const std::string& folder, const std::string& cluster_id) {
  return WriteStampAt(env, folder + "/" + kStampName, cluster_id);
}

}  // namespace headpond::journal
