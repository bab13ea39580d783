#include "consensus/raft_log_folder.h"

#include <fmt/ranges.h>

#include <charconv>
#include <optional>

#include "base/log.h"
#include "consensus/raft_log_records.h"
#include "io/frame_format.h"
#include "io/log_writer.h"
#include "io/numbered_files.h"
#include "io/stamp.h"

namespace headpond::consensus {
namespace {

constexpr char kVersionKey[] = "format.version";
constexpr char kClusterKey[] = "cluster.id";
constexpr char kNodeKey[] = "node.id";
constexpr char kAddressKey[] = "node.address";
constexpr char kFoundersKey[] = "founders";  // "id@host:port,id@host:port"
// Present while the folder is being formatted: nothing in it counts yet.
constexpr char kUnfinishedKey[] = "unfinished";
constexpr size_t kMaxAddressBytes = 300;  // a host name's 253 and a port

bool IsOneLine(const std::string& text, size_t limit) {
  return !text.empty() && text.size() <= limit && text.find_first_of("\r\n") == std::string::npos;
}

Status CheckIdentity(const NodeIdentity& identity) {
  if (!IsOneLine(identity.cluster_id, io::kMaxClusterIdBytes))
    return InvalidArgument("a cluster id has 1 to {} bytes and no line break, not '{}'",
                           io::kMaxClusterIdBytes,
                           identity.cluster_id.substr(0, io::kMaxClusterIdBytes));
  if (!IsOneLine(identity.address, kMaxAddressBytes))
    return InvalidArgument("a node's address is host:port, not '{}'",
                           identity.address.substr(0, kMaxAddressBytes));
  if (identity.node_id == 0) return InvalidArgument("a node's id is not 0");
  return Status::Ok();
}

std::string FoundersText(const Addresses& founders) {
  std::vector<std::string> all;
  for (const auto& [id, address] : founders) all.push_back(fmt::format("{}@{}", id, address));
  return fmt::format("{}", fmt::join(all, ","));
}

std::optional<uint64_t> ParseId(std::string_view text) {
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) return std::nullopt;
  return id;
}

std::optional<Addresses> ParseFounders(std::string_view text) {
  Addresses founders;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const size_t at = one.find('@');
    const auto id = ParseId(one.substr(0, at));
    if (!id || at == std::string_view::npos) return std::nullopt;
    founders[*id] = one.substr(at + 1);
  }
  return founders;
}

Status WriteStamp(io::Env& env, const std::string& folder, const NodeIdentity& identity,
                  const Addresses& founders, bool unfinished) {
  std::map<std::string, std::string> values = {
      {kVersionKey, std::to_string(io::kFormatVersion)},
      {kClusterKey, identity.cluster_id},
      {kNodeKey, std::to_string(identity.node_id)},
      {kAddressKey, identity.address},
      {kFoundersKey, FoundersText(founders)},
  };
  if (unfinished) values[kUnfinishedKey] = "true";
  return io::WriteStampFile(env, folder + "/" + kNodeStampName, values);
}

Result<bool> IsUnfinished(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const auto values, io::ReadStampFile(env, folder + "/" + kNodeStampName));
  return values.contains(kUnfinishedKey);
}

// Empty when the folder may be formatted, else a file in it that somebody may want.
Result<std::string> FindContent(io::Env& env, const std::string& folder) {
  auto files = ListRaftFolder(env, folder);
  if (files.status().code() == Code::kNotFound) return std::string();
  if (!files.ok()) return files.status();
  if (files->stamped) {
    ASSIGN_OR_RETURN(const bool unfinished, IsUnfinished(env, folder));
    return unfinished ? std::string() : folder + "/" + kNodeStampName;
  }
  if (!files->logs.empty()) return RaftLogPath(folder, files->logs.front());
  if (!files->others.empty()) return folder + "/" + files->others.front();
  return std::string();
}

Status RemoveUnfinished(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const RaftFolderFiles files, ListRaftFolder(env, folder));
  for (const uint64_t log : files.logs) RETURN_IF_ERROR(env.Remove(RaftLogPath(folder, log)));
  for (const std::string& name : files.temporaries)
    RETURN_IF_ERROR(env.Remove(folder + "/" + name));
  return Status::Ok();
}

// Makes the folder if need be, and sees that it may be formatted.
Result<std::unique_ptr<io::FileLock>> LockBlank(io::Env& env, const std::string& folder) {
  RETURN_IF_ERROR(io::CreateDirectoriesDurably(env, folder));
  ASSIGN_OR_RETURN(auto lock, env.Lock(folder + "/" + kNodeLockName));
  ASSIGN_OR_RETURN(const std::string content, FindContent(env, folder));
  if (content.empty()) return lock;
  return FailedPrecondition(
      "the journal folder {} is not empty ({}): formatting would lose what it holds; name an "
      "empty folder",
      folder, content);
}

// One file whose only record says where the log begins.
Status WriteFirstLog(io::Env& env, const std::string& folder, const NodeIdentity& identity,
                     const SnapshotMeta& initial, uint64_t salt) {
  const io::FileHeader header{.kind = io::FileKind::kRaftLog,
                              .first_sequence = 1,
                              .salt = salt,
                              .cluster_id = identity.cluster_id};
  BaseRecord base;
  base.state.term = initial.term;
  base.state.commit = initial.index;
  base.mark = {
      .snapshot = initial, .compacted_index = initial.index, .compacted_term = initial.term};
  base.last_index = initial.index;
  io::FrameBuilder frame;
  frame.Add(EncodeRecord(base));
  ASSIGN_OR_RETURN(const auto log, io::LogWriter::Create(env, RaftLogPath(folder, 1), header,
                                                         /*fill_bytes=*/0));
  RETURN_IF_ERROR(log->WriteDurably(frame.Seal(io::FrameType::kRaftRecords, 1, salt)));
  return log->Close();
}

}  // namespace

std::string RaftLogPath(const std::string& folder, uint64_t first_frame) {
  return io::NumberedPath(folder, first_frame, kRaftLogSuffix);
}

Result<RaftFolderFiles> ListRaftFolder(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const auto names, env.List(folder));
  constexpr std::string_view kTemporarySuffix = ".tmp";
  RaftFolderFiles files;
  for (const std::string& name : names) {
    const std::string_view stem =
        std::string_view(name).substr(0, name.size() - std::min(name.size(), size_t{4}));
    if (const auto log = io::NumberOf(name, kRaftLogSuffix)) {
      files.logs.push_back(*log);
    } else if (name.ends_with(kTemporarySuffix) &&
               (stem == kNodeStampName || io::NumberOf(stem, kRaftLogSuffix))) {
      files.temporaries.push_back(name);
    } else if (name == kNodeStampName) {
      files.stamped = true;
    } else if (name != kNodeLockName && name != "lost+found") {
      files.others.push_back(name);
    }
  }
  return files;
}

Result<uint64_t> ReserveNodeId(io::Env& env, const std::string& folder, const std::string& address,
                               Random& random) {
  ASSIGN_OR_RETURN(const auto lock, LockBlank(env, folder));
  auto found = io::ReadStampFile(env, folder + "/" + kNodeStampName);
  if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
  auto values = found.ok() ? *std::move(found) : std::map<std::string, std::string>();
  if (const auto id = ParseId(values[kNodeKey]); id && values[kAddressKey] == address) return *id;
  NodeIdentity identity{.node_id = 0, .address = address};
  while (identity.node_id == 0) identity.node_id = random.Next();
  RETURN_IF_ERROR(WriteStamp(env, folder, identity, {}, /*unfinished=*/true));
  return identity.node_id;
}

Status FormatRaftFolder(io::Env& env, const std::string& folder, const NodeIdentity& identity,
                        const SnapshotMeta& initial, uint64_t salt,
                        const std::function<Status()>& prepare) {
  RETURN_IF_ERROR(CheckIdentity(identity));
  ASSIGN_OR_RETURN(const auto lock, LockBlank(env, folder));
  RETURN_IF_ERROR(WriteStamp(env, folder, identity, initial.addresses, /*unfinished=*/true));
  RETURN_IF_ERROR(RemoveUnfinished(env, folder));
  RETURN_IF_ERROR(WriteFirstLog(env, folder, identity, initial, salt));
  if (prepare) RETURN_IF_ERROR(prepare());
  RETURN_IF_ERROR(WriteStamp(env, folder, identity, initial.addresses, /*unfinished=*/false));
  LogInfo("consensus", "formatted {} for node {} ({}) of cluster {}", folder, identity.node_id,
          identity.address, identity.cluster_id);
  return Status::Ok();
}

Result<bool> IsBlankRaftFolder(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string content, FindContent(env, folder));
  return content.empty();
}

Result<NodeIdentity> ReadNodeStamp(io::Env& env, const std::string& folder) {
  const std::string path = folder + "/" + kNodeStampName;
  auto values = io::ReadStampFile(env, path);
  if (values.status().code() == Code::kNotFound ||
      (values.ok() && values->contains(kUnfinishedKey)))
    return FailedPrecondition(
        "the journal folder {} has not been formatted (no complete file {}): a new cluster's "
        "masters format theirs once; a master that lost its volume is removed from the quorum and "
        "joins again under a new id; else point alluxio.master.journal.folder at its own folder",
        folder, path);
  if (!values.ok()) return values.status();
  const std::string version = (*values)[kVersionKey];
  if (!version.empty() && version != std::to_string(io::kFormatVersion))
    return FailedPrecondition("{}: format version {} is not {}, the one this program reads", path,
                              version, io::kFormatVersion);
  const NodeIdentity identity{.cluster_id = (*values)[kClusterKey],
                              .node_id = ParseId((*values)[kNodeKey]).value_or(0),
                              .address = (*values)[kAddressKey]};
  if (version.empty() || !CheckIdentity(identity).ok())
    return DataLoss("{}: is not a node's stamp: restore it from a backup of the folder", path);
  return identity;
}

Result<Addresses> ReadFounders(io::Env& env, const std::string& folder) {
  RETURN_IF_ERROR(ReadNodeStamp(env, folder).status());
  const std::string path = folder + "/" + kNodeStampName;
  ASSIGN_OR_RETURN(const auto values, io::ReadStampFile(env, path));
  const auto line = values.find(kFoundersKey);
  const auto founders = ParseFounders(line == values.end() ? std::string_view() : line->second);
  if (!founders)
    return DataLoss("{}: is not a node's stamp: restore it from a backup of the folder", path);
  return *founders;
}

Status CheckNodeStamp(io::Env& env, const std::string& folder, const NodeIdentity& expected) {
  ASSIGN_OR_RETURN(const NodeIdentity found, ReadNodeStamp(env, folder));
  if (found == expected) return Status::Ok();
  return FailedPrecondition(
      "the journal folder {} belongs to node {} ({}) of cluster {}, this is node {} ({}) of "
      "cluster "
      "{}: point alluxio.master.journal.folder at this node's own folder; nothing was changed",
      folder, found.node_id, found.address, found.cluster_id, expected.node_id, expected.address,
      expected.cluster_id);
}

}  // namespace headpond::consensus
