#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/config.h"
#include "base/result.h"
#include "io/env.h"
#include "zookeeper/session.h"

namespace headpond::master {

// What ZooKeeper knows of the shared journal, in a node beside the election's. It tells a folder
// that is shared from one that only looks so (a mount that is missing, another cluster's folder, an
// old copy): a master never begins a journal where there is one already.
struct ClusterRecord {
  std::string cluster_id;
  bool formed = false;  // the folder has its stamp
  uint64_t epoch = 0;   // of the last leader
  bool operator==(const ClusterRecord&) const = default;
};

std::string ClusterRecordPath(const std::string& election_path);
std::string EncodeClusterRecord(const ClusterRecord& record);
Result<ClusterRecord> ParseClusterRecord(const std::string& text);

// Nothing when there is none yet.
Result<std::optional<ClusterRecord>> ReadClusterRecord(zookeeper::Session& session,
                                                       const std::string& path);
Status WriteClusterRecord(zookeeper::Session& session, const std::string& path,
                          const ClusterRecord& record);

// What a master finds in the folder.
struct FolderView {
  std::string folder;
  std::optional<std::string> cluster_id;  // of its stamp; nothing: it is blank
  uint64_t epoch = 0;                     // the newest that was claimed
};
Result<FolderView> LookAtSharedFolder(io::Env& env, const std::string& folder);

enum class FolderStep {
  kWait,    // for the elected master to do one of the others
  kRecord,  // a new cluster: give it an id, in ZooKeeper
  kStamp,   // write that id into the folder
  kAdopt,   // tell ZooKeeper what the folder says: its record was lost
  kUse,
};
// What comes next. Pure. The record must have been read before the folder. Errors:
// FailedPrecondition when this can't be the folder that the other masters share.
Result<FolderStep> NextFolderStep(const std::optional<ClusterRecord>& record,
                                  const FolderView& folder, bool elected);

// alluxio.master.journal.folder, as a path of this machine. Errors, naming the property:
// InvalidArgument for another scheme than file; FailedPrecondition when it holds another kind of
// journal.
Result<std::string> SharedFolderOf(const Config& config, io::Env& env);

}  // namespace headpond::master
