#include "journal/shared/epochs.h"

#include <algorithm>
#include <charconv>

#include "io/numbered_files.h"
#include "io/remove_folder.h"
#include "io/stamp.h"
#include "journal/folder.h"

namespace headpond::journal {
namespace {

constexpr std::string_view kClaimSuffix = ".claim";
constexpr std::string_view kBeginSuffix = ".begin";
constexpr std::string_view kLogSuffix = ".epoch";
constexpr char kOwnerKey[] = "master";
// A chain line is first.<epoch>=<entry>.
constexpr std::string_view kFirstKey = "first.";
// Others may claim at the same moment, each of them once.
constexpr int kClaimAttempts = 100;

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string Epochs::LogFolder(uint64_t epoch) const {
  return io::NumberedPath(folder_, epoch, kLogSuffix);
}

Result<Epochs::Names> Epochs::List() const {
  ASSIGN_OR_RETURN(const auto names, env_.List(folder_));
  Names found;
  for (const std::string& name : names) {
    if (const auto claimed = io::NumberOf(name, kClaimSuffix))
      found.claimed = std::max(found.claimed, *claimed);
    if (const auto begun = io::NumberOf(name, kBeginSuffix))
      found.begun = std::max(found.begun, *begun);
  }
  return found;
}

Result<uint64_t> Epochs::Claim(const std::string& owner) {
  for (int attempt = 0; attempt < kClaimAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const Names names, List());
    const uint64_t epoch = std::max(names.claimed, names.begun) + 1;
    auto file =
        env_.OpenForWrite(io::NumberedPath(folder_, epoch, kClaimSuffix), io::OpenMode::kCreate);
    if (file.status().code() == Code::kAlreadyExists) continue;
    if (!file.ok()) return file.status();
    RETURN_IF_ERROR((*file)->Append(fmt::format("{}={}\n", kOwnerKey, owner)));
    RETURN_IF_ERROR((*file)->Sync());
    RETURN_IF_ERROR((*file)->Close());
    RETURN_IF_ERROR(env_.SyncDirectory(folder_));
    return epoch;
  }
  return Unavailable("other masters claim epochs of {} all the time", folder_);
}

Status Epochs::Begin(uint64_t epoch, const Chain& chain) {
  io::Stamp values;
  for (const Segment& segment : chain)
    values[fmt::format("{}{}", kFirstKey, segment.epoch)] = std::to_string(segment.first);
  return io::WriteStampFile(env_, io::NumberedPath(folder_, epoch, kBeginSuffix), values);
}

Result<Chain> Epochs::ReadChain(uint64_t epoch) const {
  const std::string path = io::NumberedPath(folder_, epoch, kBeginSuffix);
  ASSIGN_OR_RETURN(const auto values, io::ReadStampFile(env_, path));
  Chain chain;
  for (const auto& [key, value] : values) {
    if (!key.starts_with(kFirstKey)) continue;
    const auto number = ParseNumber(std::string_view(key).substr(kFirstKey.size()));
    const auto first = ParseNumber(value);
    if (!number || !first) return DataLoss("{}: the line {}={} makes no sense", path, key, value);
    chain.push_back({.epoch = *number, .first = *first});
  }
  std::ranges::sort(chain, {}, &Segment::epoch);
  const bool ordered = std::ranges::is_sorted(chain, {}, &Segment::first);
  if (chain.empty() || chain.back().epoch != epoch || !ordered)
    return DataLoss("{}: is no chain of epochs: restore it from a backup of the folder", path);
  return chain;
}

Status Epochs::CheckNewest(uint64_t epoch) const {
  ASSIGN_OR_RETURN(const Names names, List());
  if (names.claimed == epoch) return Status::Ok();
  if (names.claimed < epoch)
    return Unavailable("{}: the claim of epoch {} is gone: is the folder still mounted?", folder_,
                       epoch);
  return Aborted("another master has taken over the journal in {} (epoch {} after {})", folder_,
                 names.claimed, epoch);
}

Status Epochs::RemoveBefore(uint64_t epoch) {
  ASSIGN_OR_RETURN(const auto names, env_.List(folder_));
  const auto older = [epoch](const std::string& name, std::string_view suffix) {
    const auto number = io::NumberOf(name, suffix);
    return number && *number < epoch;
  };
  for (const std::string& name : names) {
    const std::string path = folder_ + "/" + name;
    if (older(name, kLogSuffix)) RETURN_IF_ERROR(io::RemoveFolder(env_, path));
    if (older(name, kBeginSuffix) || older(name, kClaimSuffix)) {
      const Status removed = env_.Remove(path);
      if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
    }
  }
  return Status::Ok();
}

Result<std::optional<std::string>> ReadSharedStamp(io::Env& env, const std::string& folder) {
  auto cluster_id = ReadStampAt(env, folder + "/" + kSharedStampName);
  if (cluster_id.status().code() == Code::kNotFound) return std::optional<std::string>();
  if (!cluster_id.ok()) return cluster_id.status();
  return std::optional(*std::move(cluster_id));
}

Status WriteSharedStamp(io::Env& env, const std::string& folder, const std::string& cluster_id) {
  RETURN_IF_ERROR(io::CreateDirectoriesDurably(env, folder));
  return WriteStampAt(env, folder + "/" + kSharedStampName, cluster_id);
}

Status CheckSharedFolder(io::Env& env, const std::string& folder, const std::string& name) {
  RETURN_IF_ERROR(io::CreateDirectoriesDurably(env, folder));
  const std::string path = folder + "/" + name;
  RETURN_IF_ERROR(io::WriteFileAtomically(env, path, "this folder can be written\n"));
  return env.Remove(path);
}

}  // namespace headpond::journal
