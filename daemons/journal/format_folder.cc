#include "base/log.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/local_journal.h"
#include "journal/snapshot_file.h"

namespace headpond::journal {
namespace {

constexpr uint64_t kFirstSequence = 1;
constexpr const char* kRetiredSuffix = ".retired";

// A journal that begins with a state gets that as a snapshot, and then its stamp. A snapshot before
// the first entry, without a stamp and without a log, is what a crash in between left.
bool IsBlank(const FolderFiles& files) {
  const bool no_snapshots =
      files.snapshots.empty() || files.snapshots == std::vector<uint64_t>{kFirstSequence};
  return !files.stamped && files.logs.empty() && no_snapshots && files.others.empty();
}

Result<FolderFiles> ListOrEmpty(io::Env& env, const std::string& folder) {
  auto files = ListFolder(env, folder);
  if (files.status().code() == Code::kNotFound) return FolderFiles();
  return files;
}

std::string NameOneFile(const std::string& folder, const FolderFiles& files) {
  if (files.stamped) return folder + "/" + kStampName;
  if (!files.logs.empty()) return LogPath(folder, files.logs.front());
  if (!files.snapshots.empty()) return SnapshotPath(folder, files.snapshots.front());
  return folder + "/" + files.others.front();
}

// The stamp goes first: a half-emptied folder must not open.
Status RemoveJournalFiles(io::Env& env, const std::string& folder, const FolderFiles& files) {
  if (files.stamped) {
    RETURN_IF_ERROR(env.Remove(folder + "/" + kStampName));
    RETURN_IF_ERROR(env.SyncDirectory(folder));
  }
  for (const uint64_t log : files.logs) RETURN_IF_ERROR(env.Remove(LogPath(folder, log)));
  for (const uint64_t first : files.snapshots)
    RETURN_IF_ERROR(env.Remove(SnapshotPath(folder, first)));
  for (const std::string& name : files.temporaries)
    RETURN_IF_ERROR(env.Remove(folder + "/" + name));
  for (const std::string& name : files.others)
    LogWarn("journal", "{}/{} is no part of a journal and stays", folder, name);
  return env.SyncDirectory(folder);
}

}  // namespace

Status FormatLocalJournal(io::Env& env, const std::string& folder, const std::string& cluster_id,
                          bool force, SnapshotSource* initial) {
  if (cluster_id.empty() || cluster_id.size() > kMaxClusterIdBytes ||
      cluster_id.find_first_of("\r\n") != std::string::npos)
    return InvalidArgument("a cluster id has 1 to {} bytes and no line break, not '{}'",
                           kMaxClusterIdBytes, cluster_id.substr(0, kMaxClusterIdBytes));
  RETURN_IF_ERROR(io::CreateDirectoriesDurably(env, folder));
  ASSIGN_OR_RETURN(const auto lock, env.Lock(folder + "/" + kLockName));
  ASSIGN_OR_RETURN(const FolderFiles files, ListFolder(env, folder));
  if (!force && !IsBlank(files))
    return FailedPrecondition(
        "the journal folder {} is not empty ({}): formatting would lose what it holds; name an "
        "empty "
        "folder, or force it",
        folder, NameOneFile(folder, files));
  RETURN_IF_ERROR(RemoveJournalFiles(env, folder, files));
  if (initial != nullptr) {
    Random random = Random::FromSystem();
    ASSIGN_OR_RETURN(const auto snapshot, SnapshotWriter::Create(env, folder,
                                                                 {.kind = FileKind::kSnapshot,
                                                                  .first_sequence = kFirstSequence,
                                                                  .salt = random.Next(),
                                                                  .cluster_id = cluster_id}));
    RETURN_IF_ERROR(AddAll(*initial, *snapshot));
    RETURN_IF_ERROR(snapshot->Publish(kFirstSequence - 1));
  }
  RETURN_IF_ERROR(WriteStamp(env, folder, cluster_id));
  LogInfo("journal", "formatted {} for cluster {}", folder, cluster_id);
  return Status::Ok();
}

Status RetireLocalJournal(io::Env& env, const std::string& folder) {
  const std::string stamp = fmt::format("{}/{}", folder, kStampName);
  ASSIGN_OR_RETURN(const bool stamped, env.Exists(stamp));
  if (!stamped) return Status::Ok();
  RETURN_IF_ERROR(env.Rename(stamp, stamp + kRetiredSuffix));
  RETURN_IF_ERROR(env.SyncDirectory(folder));
  LogInfo("journal", "{} is no journal any more: its logs and snapshots can be deleted", folder);
  return Status::Ok();
}

Result<bool> IsBlankJournalFolder(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const FolderFiles files, ListOrEmpty(env, folder));
  return IsBlank(files);
}

Result<std::string> ReadJournalClusterId(io::Env& env, const std::string& folder) {
  return ReadStamp(env, folder);
}

}  // namespace headpond::journal
