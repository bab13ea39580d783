// How a TieredBlockStore comes up: checks of the options, and what a former run left.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/path.h"
#include "cache/recovery.h"
#include "cache/space_check.h"
#include "cache/tiered_block_store.h"

namespace headpond::cache {
namespace {

constexpr size_t kMaxTiers = 3;  // stock's templates and its master know no more

Status CheckDirectory(const TierOptions& tier, const DirectoryOptions& directory) {
  if (!directory.path.starts_with('/')) {
    return InvalidArgument("tier {}: directory \"{}\" is not an absolute path", tier.alias,
                           directory.path);
  }
  if (directory.quota_bytes <= 0) {
    return InvalidArgument("tier {}: the quota of {} is {} bytes; give it more than 0", tier.alias,
                           directory.path, directory.quota_bytes);
  }
  return Status::Ok();
}

Status CheckFolderName(const std::string& key, const std::string& name) {
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
  if (plain && ParseBlockName(name) < 0) return Status::Ok();
  return InvalidArgument("{} \"{}\" must be a plain folder name that is no number", key, name);
}

Status CheckOptions(const BlockStoreOptions& options) {
  if (options.tiers.empty() || options.tiers.size() > kMaxTiers) {
    return InvalidArgument("{} tiers are configured; 1 to {} are possible", options.tiers.size(),
                           kMaxTiers);
  }
  RETURN_IF_ERROR(CheckFolderName("data folder", options.data_folder));
  RETURN_IF_ERROR(CheckFolderName("temporary folder", options.temporary_folder));
  std::set<std::string> aliases, paths;
  for (const TierOptions& tier : options.tiers) {
    if (tier.alias.empty() || !aliases.insert(tier.alias).second) {
      return InvalidArgument("tier alias \"{}\" is empty or used twice", tier.alias);
    }
    if (tier.directories.empty()) return InvalidArgument("tier {} has no directory", tier.alias);
    for (const DirectoryOptions& directory : tier.directories) {
      RETURN_IF_ERROR(CheckDirectory(tier, directory));
      ASSIGN_OR_RETURN(const std::string path, NormalizePath(directory.path));
      if (!paths.insert(path).second) {
        return InvalidArgument("directory {} is configured twice; its room would count twice",
                               path);
      }
    }
  }
  return Status::Ok();
}

BlockLayout LayoutOf(const BlockStoreOptions& options, const std::string& path) {
  BlockLayout layout;
  layout.directory = JoinPath(path, options.data_folder);
  layout.temporary_directory = JoinPath(layout.directory, options.temporary_folder);
  layout.directory_mode = options.directory_mode;
  return layout;
}

}  // namespace

// What the directories hold, gathered before the index takes it in by age over all of them.
struct TieredBlockStore::Recovered {
  struct Block {
    DirectoryId directory;
    FoundBlock found;
  };
  std::vector<Block> blocks;
  std::vector<std::string> failures;
};

Result<std::unique_ptr<BlockStore>> OpenTieredBlockStore(BlockStoreOptions options) {
  return TieredBlockStore::Open(std::move(options), BlockFiles::Posix());
}

Result<std::unique_ptr<BlockStore>> TieredBlockStore::Open(BlockStoreOptions options,
                                                           std::unique_ptr<BlockFiles> files) {
  RETURN_IF_ERROR(CheckOptions(options));
  std::vector<BlockIndex::Directory> directories;
  std::vector<BlockLayout> layouts;
  for (size_t tier = 0; tier < options.tiers.size(); ++tier) {
    const TierOptions& tier_options = options.tiers[tier];
    for (const DirectoryOptions& directory : tier_options.directories) {
      ASSIGN_OR_RETURN(const std::string path, NormalizePath(directory.path));
      layouts.push_back(LayoutOf(options, path));
      const std::string& medium =
          directory.medium_type.empty() ? tier_options.alias : directory.medium_type;
      directories.push_back({static_cast<int>(tier), Location{tier_options.alias, medium},
                             layouts.back().directory, directory.quota_bytes});
    }
  }
  std::unique_ptr<TieredBlockStore> store(new TieredBlockStore(
      std::move(options), std::move(files), std::move(directories), std::move(layouts)));
  RETURN_IF_ERROR(store->Recover());
  return std::unique_ptr<BlockStore>(std::move(store));
}

Status TieredBlockStore::Recover() {
  Recovered recovered;
  for (DirectoryId id = 0; id < layouts_.size(); ++id) {
    RETURN_IF_ERROR(RecoverDirectory(id, recovered));
  }
  if (recovered.failures.size() == layouts_.size()) {
    std::string text = "no block directory can be used";
    for (const std::string& failure : recovered.failures) text += "; " + failure;
    return Internal("{}", text);
  }
  std::sort(recovered.blocks.begin(), recovered.blocks.end(), [](const auto& a, const auto& b) {
    return a.found.committed_ns < b.found.committed_ns;
  });
  for (const auto& [directory, found] : recovered.blocks) {
    bool added = false;
    {
      MutexLock lock(mutex_);
      added = index_.AddRecovered(directory, found.block, found.length_bytes);
    }
    if (added) continue;
    LogInfo("block-store", "deletes the second copy of block {} in {}", found.block,
            layouts_[directory].directory);
    const Status removed = files_->Remove(layouts_[directory].BlockPath(found.block));
    if (!removed.ok()) Suspect(directory, removed);
  }
  WarnAboutSpace();
  return Status::Ok();
}

Status TieredBlockStore::RecoverDirectory(DirectoryId directory, Recovered& recovered) {
  const Status taken = TakeOver(directory, recovered);
  if (taken.ok() || taken.code() == Code::kUnavailable) return taken;
  LogError("block-store", "directory {} is out of service until a restart: {}",
           layouts_[directory].directory, taken.message());
  recovered.failures.push_back(taken.message());
  MutexLock lock(mutex_);
  index_.DropDirectory(directory);
  return Status::Ok();
}

Status TieredBlockStore::TakeOver(DirectoryId directory, Recovered& recovered) {
  const BlockLayout& layout = layouts_[directory];
  ASSIGN_OR_RETURN(DirectoryScan scan, files_->Prepare(layout));
  int64_t quota = 0;
  {
    MutexLock lock(mutex_);
    quota = index_.directory(directory).capacity_bytes;
  }
  const TrimPlan trim = PlanTrim(std::move(scan.blocks), quota);
  for (const FoundBlock& block : trim.dropped) {
    RETURN_IF_ERROR(files_->Remove(layout.BlockPath(block.block)));
  }
  if (!trim.dropped.empty()) {
    LogWarn("block-store", "{} holds more than its quota of {} bytes; deleted its {} oldest blocks",
            layout.directory, quota, trim.dropped.size());
  }
  LogInfo("block-store",
          "{}: took over {} blocks, deleted {} temporary files and {} blocks cut short by a crash, "
          "left {} other names alone",
          layout.directory, trim.kept.size(), scan.temporaries_deleted, scan.cut_short_deleted,
          scan.ignored);
  locks_[directory] = std::move(scan.lock);
  for (const FoundBlock& block : trim.kept) recovered.blocks.push_back({directory, block});
  return Status::Ok();
}

void TieredBlockStore::WarnAboutSpace() {
  std::vector<DirectoryNeed> needs;
  {
    MutexLock lock(mutex_);
    for (DirectoryId id = 0; id < index_.directory_count(); ++id) {
      if (!index_.in_service(id)) continue;
      needs.push_back(
          {layouts_[id].directory, index_.directory(id).capacity_bytes, index_.used_bytes(id)});
    }
  }
  for (const std::string& warning : SpaceWarnings(needs)) LogWarn("block-store", "{}", warning);
}

}  // namespace headpond::cache
