#include "journal/folder.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "journal/format.h"

namespace headpond::journal {
namespace {

constexpr std::string_view kLogSuffix = ".log";
constexpr std::string_view kSnapshotSuffix = ".snapshot";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr size_t kSequenceDigits = 20;  // of the largest 64-bit number
constexpr int64_t kStampLimitBytes = 4096;
constexpr std::string_view kStampVersionKey = "format.version=";
constexpr std::string_view kStampClusterKey = "cluster.id=";

std::optional<uint64_t> SequenceOf(std::string_view name, std::string_view suffix) {
  if (name.size() != kSequenceDigits + suffix.size() || !name.ends_with(suffix))
    return std::nullopt;
  uint64_t sequence = 0;
  const char* end = name.data() + kSequenceDigits;
  const auto [parsed, error] = std::from_chars(name.data(), end, sequence);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return sequence;
}

// One of our names with the suffix: nobody else's files are ever removed.
bool IsTemporary(std::string_view name) {
  if (!name.ends_with(kTemporarySuffix)) return false;
  name.remove_suffix(kTemporarySuffix.size());
  return name == kStampName || SequenceOf(name, kLogSuffix) || SequenceOf(name, kSnapshotSuffix);
}

// The rest of the line of `text` that starts with `key`.
std::optional<std::string> StampValue(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (line.starts_with(key)) return std::string(line.substr(key.size()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace

std::string LogPath(const std::string& folder, uint64_t first_sequence) {
  return fmt::format("{}/{:020}{}", folder, first_sequence, kLogSuffix);
}

std::string SnapshotPath(const std::string& folder, uint64_t first_sequence) {
  return fmt::format("{}/{:020}{}", folder, first_sequence, kSnapshotSuffix);
}

Result<FolderFiles> ListFolder(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const auto names, env.List(folder));
  FolderFiles files;
  for (const std::string& name : names) {
    if (const auto log = SequenceOf(name, kLogSuffix)) {
      files.logs.push_back(*log);
    } else if (const auto snapshot = SequenceOf(name, kSnapshotSuffix)) {
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

Result<std::string> ReadStamp(io::Env& env, const std::string& folder) {
  const std::string path = folder + "/" + kStampName;
  const auto text = io::ReadWholeFile(env, path, kStampLimitBytes);
  if (text.status().code() == Code::kNotFound)
    return FailedPrecondition(
        "the journal folder {} has not been formatted (no file {}): run `headpond formatJournal`, "
        "or "
        "point alluxio.master.journal.folder at the folder of the existing journal",
        folder, path);
  if (!text.ok()) return text.status();
  const auto version = StampValue(*text, kStampVersionKey);
  const auto cluster_id = StampValue(*text, kStampClusterKey);
  if (!version || !cluster_id || cluster_id->empty() || cluster_id->size() > kMaxClusterIdBytes)
    return DataLoss("{}: is not a journal stamp: restore it from a backup of the folder", path);
  if (*version != std::to_string(kFormatVersion))
    return FailedPrecondition("{}: format version {} is not {}, the one this program reads", path,
                              *version, kFormatVersion);
  return *cluster_id;
}

Status WriteStamp(io::Env& env, const std::string& folder, const std::string& cluster_id) {
  return io::WriteFileAtomically(
      env, folder + "/" + kStampName,
      fmt::format("{}{}\n{}{}\n", kStampVersionKey, kFormatVersion, kStampClusterKey, cluster_id));
}

}  // namespace headpond::journal
