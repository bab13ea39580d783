#include "master/shared_folder.h"

#include <charconv>
#include <string_view>

#include "consensus/raft_log_folder.h"
#include "io/stamp.h"
#include "journal/local_journal.h"
#include "journal/shared/epochs.h"

namespace headpond::master {
namespace {

constexpr const char* kFolder = "alluxio.master.journal.folder";
constexpr const char* kClusterKey = "cluster.id";
constexpr const char* kFormedKey = "formed";
constexpr const char* kEpochKey = "epoch";
constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kNotShared =
    "is it mounted here, and is it the folder that the other masters share? Nothing was changed";

}  // namespace

std::string ClusterRecordPath(const std::string& election_path) {
  return election_path + ".cluster";
}

std::string EncodeClusterRecord(const ClusterRecord& record) {
  return io::StampText({{kClusterKey, record.cluster_id},
                        {kFormedKey, record.formed ? "true" : "false"},
                        {kEpochKey, std::to_string(record.epoch)}});
}

Result<ClusterRecord> ParseClusterRecord(const std::string& text) {
  io::Stamp stamp = io::ParseStamp(text);
  ClusterRecord record{.cluster_id = stamp[kClusterKey], .formed = stamp[kFormedKey] == "true"};
  const std::string& epoch = stamp[kEpochKey];
  const auto [stop, error] =
      std::from_chars(epoch.data(), epoch.data() + epoch.size(), record.epoch);
  if (record.cluster_id.empty() || error != std::errc() || stop != epoch.data() + epoch.size())
    return DataLoss("is no record of a cluster: {}", text);
  return record;
}

Result<std::optional<ClusterRecord>> ReadClusterRecord(zookeeper::Session& session,
                                                       const std::string& path) {
  const auto node = session.Get(path);
  if (node.status().code() == Code::kNotFound) return std::optional<ClusterRecord>();
  if (!node.ok()) return node.status();
  auto record = ParseClusterRecord(node->data);
  if (!record.ok()) return record.status().WithContext("ZooKeeper's node " + path);
  return std::optional(*std::move(record));
}

Status WriteClusterRecord(zookeeper::Session& session, const std::string& path,
                          const ClusterRecord& record) {
  const std::string text = EncodeClusterRecord(record);
  const auto made = session.Create(path, text, zookeeper::NodeKind::kPersistent);
  if (made.status().code() != Code::kAlreadyExists) return made.status();
  return session.Set(path, text);
}

Result<FolderView> LookAtSharedFolder(io::Env& env, const std::string& folder) {
  FolderView view{.folder = folder};
  ASSIGN_OR_RETURN(view.cluster_id, journal::ReadSharedStamp(env, folder));
  ASSIGN_OR_RETURN(const auto names, journal::Epochs(env, folder).List());
  view.epoch = names.claimed;
  return view;
}

Result<FolderStep> NextFolderStep(const std::optional<ClusterRecord>& record,
                                  const FolderView& folder, bool elected) {
  if (!record) {
    if (!elected) return FolderStep::kWait;
    return folder.cluster_id ? FolderStep::kAdopt : FolderStep::kRecord;
  }
  if (!folder.cluster_id) {
    if (record->formed)
      return FailedPrecondition(
          "{}={} is blank, but ZooKeeper knows the journal of cluster {} (epoch {}): {}", kFolder,
          folder.folder, record->cluster_id, record->epoch, kNotShared);
    return elected ? FolderStep::kStamp : FolderStep::kWait;
  }
  if (*folder.cluster_id != record->cluster_id)
    return FailedPrecondition(
        "{}={} holds the journal of cluster {}, and ZooKeeper knows cluster {}: {}", kFolder,
        folder.folder, *folder.cluster_id, record->cluster_id, kNotShared);
  if (folder.epoch < record->epoch)
    return FailedPrecondition(
        "{}={} ends with epoch {}, and ZooKeeper knows epoch {} of cluster {}: {}", kFolder,
        folder.folder, folder.epoch, record->epoch, record->cluster_id, kNotShared);
  if (!record->formed) return elected ? FolderStep::kStamp : FolderStep::kWait;
  return FolderStep::kUse;
}

Result<std::string> SharedFolderOf(const Config& config, io::Env& env) {
  std::string folder = config.GetString(kFolder);
  if (folder.starts_with(kFileScheme)) folder.erase(0, kFileScheme.size());
  if (folder.find("://") != std::string::npos)
    return InvalidArgument(
        "{}={}: masters share a local folder or a mounted one (NFS), named by its path", kFolder,
        folder);
  if (journal::ReadJournalClusterId(env, folder).ok())
    return FailedPrecondition(
        "{}={} holds the journal of a single master, and alluxio.zookeeper.enabled asks for a "
        "shared "
        "one, which would begin without what it knows: give the masters another folder, with "
        "alluxio.master.journal.init.from.backup for what is in this one",
        kFolder, folder);
  const auto no_quorum = consensus::IsBlankRaftFolder(env, folder + "/raft");
  if (no_quorum.ok() && !*no_quorum)
    return FailedPrecondition(
        "{}={} holds a master's part of an embedded journal: give the masters that "
        "alluxio.zookeeper.enabled asks for a folder that they share",
        kFolder, folder);
  return folder;
}

}  // namespace headpond::master
