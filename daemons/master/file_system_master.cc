#include "master/file_system_master.h"

#include <iterator>
#include <set>

#include "base/log.h"
#include "base/path.h"
#include "master/change.h"
#include "meta/ops/check_access.h"
#include "meta/ops/expire.h"
#include "meta/ops/load_metadata.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "file-system-master";

// With `again`, although the directory was listed before.
bool MayBeInUfs(const meta::PathWalk& walk, bool again) {
  if (walk.found() || walk.through_file) return false;
  return walk.may_exist_in_ufs || (again && walk.deepest().persisted());
}

struct AccessReply {
  Status checked;
  bool found = false;
  bool may_exist_in_ufs = false;
};

Result<AccessReply> AccessOf(const meta::Namespace& ns, const meta::Caller& caller,
                             const std::string& path, meta::Bits bits) {
  const meta::PathWalk walk = ns.Walk(path);
  return AccessReply{meta::CheckPathAccess(ns, caller, path, bits), walk.found(),
                     walk.may_exist_in_ufs};
}
}  // namespace

meta::UfsEntry ToEntry(std::string_view ufs_type, ufs::UfsStatus status) {
  meta::UfsEntry entry;
  entry.fingerprint = ufs::Fingerprint(ufs_type, status);
  entry.name = std::move(status.name);
  entry.is_directory = status.is_directory;
  entry.length = status.length;
  entry.modification_ms = status.modification_time_ms;
  entry.owner = std::move(status.owner);
  entry.group = std::move(status.group);
  entry.mode = status.mode;
  return entry;
}

void AppendBlocksOf(const meta::Namespace& ns, const std::vector<meta::InodeId>& files,
                    std::vector<BlockId>& blocks) {
  for (const meta::InodeId file : files) {
    const meta::Inode inode = ns.inodes().Find(file);
    const uint32_t count = inode ? inode.block_count() : 0;
    for (uint32_t i = 0; i < count; ++i) blocks.push_back(meta::BlockIdOf(file, i));
  }
}

FileSystemMaster::FileSystemMaster(FileSystemMasterOptions options, MetadataStore& store,
                                   BlockMaster& blocks, UfsPool& ufs, Executor& io,
                                   const Clock& clock)
    : options_(options), store_(store), blocks_(blocks), ufs_(ufs), io_(io), clock_(clock) {}

void FileSystemMaster::OnIo(std::function<void()> task, const std::function<void(Status)>& failed) {
  if (Status status = io_.Submit(std::move(task)); !status.ok()) failed(std::move(status));
}

Result<meta::PathLocks::Guard> FileSystemMaster::Claim(std::vector<meta::PathLocks::Claim> claims) {
  return locks_.Acquire(std::move(claims),
                        std::chrono::steady_clock::now() + options_.path_lock_timeout);
}

// ----------------------------------------------------------------------------------------------
// reads

template <typename Reply>
struct FileSystemMaster::Lookup {
  std::string path;
  LoadMetadata load = LoadMetadata::kOnce;
  SyncPolicy sync;
  std::function<Result<Reply>()> look;
  std::function<void(Result<Reply>)> answer;
};

template <typename Reply>
void FileSystemMaster::Look(Lookup<Reply> lookup) {
  const bool compare = SyncDue(lookup.path, SyncDepth::kSelf, lookup.sync);
  const bool again = lookup.load == LoadMetadata::kAlways;
  if (!compare) {
    Result<Reply> reply = lookup.look();
    const bool load = lookup.load != LoadMetadata::kNever && reply.ok() &&
                      (reply->may_exist_in_ufs || (again && !reply->found));
    if (!load) return lookup.answer(std::move(reply));
  }
  OnIo(
      [this, lookup, compare, again] {
        Status asked = compare ? ClaimAndSync(lookup.path, SyncDepth::kSelf)
                               : ClaimAndLoadPath(lookup.path, again);
        lookup.answer(asked.ok() ? lookup.look() : Result<Reply>(std::move(asked)));
      },
      lookup.answer);
}

void FileSystemMaster::GetStatus(meta::GetStatusRequest request, LoadMetadata load, SyncPolicy sync,
                                 Callback<meta::FileInfo> done) {
  std::string path = request.path;
  Look<meta::StatusReply>(
      {.path = std::move(path),
       .load = load,
       .sync = sync,
       .look =
           [this, request = std::move(request)] {
             return store_.Read(
                 [&](const meta::Namespace& ns) { return meta::GetStatus(ns, request); });
           },
       .answer =
           [this, done = std::move(done)](Result<meta::StatusReply> reply) {
             if (reply.ok() && reply->found && !reply->info.folder)
               Touch(reply->info.file_id, reply->info.access_ms);
             store_.AfterDurable([done, reply = std::move(reply)](Status durable) mutable {
               if (!durable.ok()) return done(std::move(durable));
               if (!reply.ok()) return done(reply.status());
               if (!reply->found) return done(reply->missing);
               done(std::move(reply->info));
             });
           }});
}

void FileSystemMaster::Exists(meta::Caller caller, std::string path, LoadMetadata load,
                              SyncPolicy sync, Callback<bool> done) {
  Look<meta::ExistsReply>(
      {.path = path,
       .load = load,
       .sync = sync,
       .look =
           [this, caller = std::move(caller), path] {
             return store_.Read(
                 [&](const meta::Namespace& ns) { return meta::Exists(ns, caller, path); });
           },
       .answer =
           [this, done = std::move(done)](Result<meta::ExistsReply> reply) {
             store_.AfterDurable([done, reply = std::move(reply)](Status durable) {
               if (!durable.ok()) return done(std::move(durable));
               if (!reply.ok()) return done(reply.status());
               done(reply->found);
             });
           }});
}

void FileSystemMaster::CheckAccess(meta::Caller caller, std::string path, meta::Bits bits,
                                   SyncPolicy sync, Done done) {
  Look<AccessReply>({.path = path,
                     .sync = sync,
                     .look =
                         [this, caller = std::move(caller), path, bits] {
                           return store_.Read([&](const meta::Namespace& ns) {
                             return AccessOf(ns, caller, path, bits);
                           });
                         },
                     .answer =
                         [this, done = std::move(done)](Result<AccessReply> reply) {
                           store_.AfterDurable([done, reply](Status durable) {
                             if (!durable.ok()) return done(std::move(durable));
                             done(reply.ok() ? reply->checked : reply.status());
                           });
                         }});
}

Result<meta::Lister> FileSystemMaster::StartListing(const meta::ListRequest& request,
                                                    LoadMetadata load, SyncPolicy sync) {
  const SyncDepth depth = request.recursive ? SyncDepth::kTree : SyncDepth::kChildren;
  const bool first = request.start_after.empty() && !request.offset_id && request.offset_count == 0;
  if (first && SyncDue(request.path, depth, sync)) {
    RETURN_IF_ERROR(ClaimAndSync(request.path, depth));
  } else if (first && load == LoadMetadata::kAlways) {
    ASSIGN_OR_RETURN(const auto claim, Claim({{request.path, meta::PathLocks::Mode::kShared}}));
    RETURN_IF_ERROR(LoadPath(request.path, /*again=*/true));
    RETURN_IF_ERROR(ReadBelow(request.path, depth, /*compare=*/false));
  } else if (load != LoadMetadata::kNever) {
    RETURN_IF_ERROR(ClaimAndLoadPath(request.path, /*again=*/false));
  }
  // Each round loads one directory; a failed load ends the listing with its reason rather than
  // showing half of it.
  while (true) {
    ASSIGN_OR_RETURN(meta::Lister lister, store_.Read([&](const meta::Namespace& ns) {
      return meta::Lister::Start(ns, request);
    }));
    if (load == LoadMetadata::kNever || !lister.unloaded_directory()) return lister;
    const std::string directory = *lister.unloaded_directory();
    ASSIGN_OR_RETURN(const auto claim, Claim({{directory, meta::PathLocks::Mode::kShared}}));
    RETURN_IF_ERROR(ReadDirectory(directory, /*compare=*/false));
  }
}

Status FileSystemMaster::LoadNext(const meta::Lister& lister, LoadMetadata load) {
  if (load == LoadMetadata::kNever || !lister.unloaded_directory()) return Status::Ok();
  const std::string& directory = *lister.unloaded_directory();
  ASSIGN_OR_RETURN(const auto claim, Claim({{directory, meta::PathLocks::Mode::kShared}}));
  const Status loaded = ReadDirectory(directory, /*compare=*/false);
  // Removed since the listing met it: then there is nothing to show either.
  return loaded.code() == Code::kNotFound ? Status::Ok() : loaded;
}

void FileSystemMaster::List(meta::ListRequest request, LoadMetadata load, SyncPolicy sync,
                            size_t batch_size, Batch batch, Done done) {
  OnIo(
      [this, request = std::move(request), load, sync, batch_size, batch = std::move(batch), done] {
        auto lister = StartListing(request, load, sync);
        while (lister.ok() && !lister->done()) {
          auto entries =
              store_.Read([&](const meta::Namespace& ns) { return lister->Next(ns, batch_size); });
          if (!entries.empty() && !batch(std::move(entries))) break;
          if (Status loaded = LoadNext(*lister, load); !loaded.ok()) return done(std::move(loaded));
        }
        done(lister.ok() ? Status::Ok() : lister.status());
      },
      done);
}

void FileSystemMaster::ListPage(meta::ListRequest request, LoadMetadata load, SyncPolicy sync,
                                size_t limit, Callback<Page> done) {
  OnIo(
      [this, request = std::move(request), load, sync, limit, done] {
        auto lister = StartListing(request, load, sync);
        if (!lister.ok()) return done(lister.status());
        Page page;
        page.file_count = lister->file_count();
        while (!lister->done() && page.entries.size() < limit) {
          auto entries = store_.Read([&](const meta::Namespace& ns) {
            return lister->Next(ns, limit - page.entries.size());
          });
          std::move(entries.begin(), entries.end(), std::back_inserter(page.entries));
          if (Status loaded = LoadNext(*lister, load); !loaded.ok()) return done(std::move(loaded));
        }
        page.truncated = !lister->done();
        store_.AfterDurable([done, page = std::move(page)](Status durable) mutable {
          if (durable.ok()) return done(std::move(page));
          done(std::move(durable));
        });
      },
      done);
}

void FileSystemMaster::Touch(meta::InodeId id, int64_t access_ms) {
  const int64_t now_ms = clock_.NowMs();
  if (now_ms - access_ms < options_.access_time_precision_ms) return;
  store_.Commit(
      [&](const meta::Namespace& ns) -> Result<meta::Mutation> {
        return meta::PlanTouchAccess(ns, id, now_ms, options_.access_time_precision_ms);
      },
      [](Status) {});  // a lost access time is no reason to fail a read
}

// ---------------------------------------------------------------------------------- the
// under-store's side

Result<FileSystemMaster::Store> FileSystemMaster::StoreOf(meta::MountId mount_id) const {
  const auto mount = store_.Read([&](const meta::Namespace& ns) -> std::optional<meta::MountInfo> {
    const meta::MountInfo* info = ns.mounts().FindById(mount_id);
    return info == nullptr ? std::nullopt : std::optional(*info);
  });
  if (!mount) return NotFound("no mount has id {}; it was unmounted meanwhile", mount_id);
  ASSIGN_OR_RETURN(auto opened, ufs_.Get(*mount));
  return Store{std::move(opened), *mount};
}

Status FileSystemMaster::ClaimAndLoadPath(const std::string& path, bool again) {
  const bool load =
      store_.Read([&](const meta::Namespace& ns) { return MayBeInUfs(ns.Walk(path), again); });
  if (!load) return Status::Ok();
  ASSIGN_OR_RETURN(const auto claim, Claim({{path, meta::PathLocks::Mode::kShared}}));
  return LoadPath(path, again);
}

Status FileSystemMaster::LoadPath(const std::string& path, bool again) {
  while (true) {
    struct Next {
      std::string directory;
      meta::UfsLocation location;
    };
    const auto next = store_.Read([&](const meta::Namespace& ns) -> std::optional<Next> {
      const meta::PathWalk walk = ns.Walk(path);
      if (!MayBeInUfs(walk, again)) return std::nullopt;
      std::string directory = ns.PathOf(walk.deepest());
      const auto name = PathComponents(path)[walk.missing_component - 1];
      auto location = ns.mounts().Resolve(JoinPath(directory, name));
      if (!location.ok()) return std::nullopt;
      return Next{std::move(directory), *std::move(location)};
    });
    if (!next) return Status::Ok();
    ASSIGN_OR_RETURN(const Store store, StoreOf(next->location.mount_id));
    auto status = store.ufs->GetStatus(next->location.ufs_path);
    if (status.status().code() == Code::kNotFound) return Status::Ok();
    if (!status.ok()) return status.status();
    meta::LoadMetadataRequest request{.now_ms = clock_.NowMs(),
                                      .directory = next->directory,
                                      .entries = {ToEntry(store.ufs->type(), *std::move(status))},
                                      .complete = false,
                                      .block_size = options_.default_block_size};
    int64_t created = 0;
    RETURN_IF_ERROR(store_.CommitAndWait([&](const meta::Namespace& ns) -> Result<meta::Mutation> {
      ASSIGN_OR_RETURN(meta::LoadMetadataPlan plan, meta::PlanLoadMetadata(ns, request));
      created = plan.created;
      return std::move(plan.mutation);
    }));
    if (created == 0)
      return Status::Ok();  // another reader loaded it first, or its name can't be shown
  }
}

Status FileSystemMaster::MakeDirectories(const std::vector<meta::UfsMakeDirectory>& directories) {
  for (const meta::UfsMakeDirectory& directory : directories) {
    ASSIGN_OR_RETURN(const Store store, StoreOf(directory.location.mount_id));
    RETURN_IF_ERROR(
        store.ufs->CreateDirectory(directory.location.ufs_path, {.owner = directory.owner,
                                                                 .group = directory.group,
                                                                 .mode = directory.mode,
                                                                 .create_parents = true}));
  }
  return Status::Ok();
}

Status FileSystemMaster::Delete(const std::vector<meta::UfsDelete>& deletes,
                                std::set<meta::InodeId>& keep) {
  std::vector<meta::RemoveFailure> failures;
  std::set<std::string, std::less<>> not_empty;  // because of what could not be deleted in them
  for (const meta::UfsDelete& item : deletes) {
    Status status = not_empty.contains(item.path) ? FailedPrecondition("Directory not empty")
                                                  : DeleteFromUfs(item);
    if (status.ok() || status.code() == Code::kNotFound) continue;  // gone behind our back is gone
    keep.insert(item.id);
    not_empty.emplace(ParentOf(item.path));
    LogWarn(kComponent, "could not delete {} of {}: {}", item.location.ufs_path, item.path,
            status.ToString());
    failures.push_back({item.path, status.message()});
  }
  return failures.empty() ? Status::Ok() : meta::RemoveFailed(failures);
}

Status FileSystemMaster::DeleteFromUfs(const meta::UfsDelete& item) {
  ASSIGN_OR_RETURN(const Store store, StoreOf(item.location.mount_id));
  if (!item.is_directory) return store.ufs->DeleteFile(item.location.ufs_path);
  return store.ufs->DeleteDirectory(item.location.ufs_path, {.recursive = item.recursive});
}

Status FileSystemMaster::SetUfsAttributes(const std::vector<meta::UfsSetAttributes>& updates) {
  for (const meta::UfsSetAttributes& update : updates) {
    ASSIGN_OR_RETURN(const Store store, StoreOf(update.location.mount_id));
    if (!update.owner.empty() || !update.group.empty())
      RETURN_IF_ERROR(store.ufs->SetOwner(update.location.ufs_path, update.owner, update.group)
                          .WithContext(fmt::format("owner of {}", update.path)));
    if (update.mode)
      RETURN_IF_ERROR(store.ufs->SetMode(update.location.ufs_path, *update.mode)
                          .WithContext(fmt::format("mode of {}", update.path)));
  }
  return Status::Ok();
}

}  // namespace headpond::master
