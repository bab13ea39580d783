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
constexpr size_t kLoadBatch = 2000;  // under-store entries per journal entry

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

}  // namespace

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

void FileSystemMaster::GetStatus(meta::GetStatusRequest request, LoadMetadata load,
                                 Callback<meta::FileInfo> done) {
  const auto look = [this, request]() {
    return store_.Read([&](const meta::Namespace& ns) { return meta::GetStatus(ns, request); });
  };
  const auto answer = [this, done, now = clock_.NowMs()](Result<meta::StatusReply> reply) {
    if (reply.ok() && reply->found && !reply->info.folder)
      Touch(reply->info.file_id, reply->info.access_ms);
    store_.AfterDurable([done, reply = std::move(reply)](Status durable) mutable {
      if (!durable.ok()) return done(std::move(durable));
      if (!reply.ok()) return done(reply.status());
      if (!reply->found) return done(reply->missing);
      done(std::move(reply->info));
    });
  };
  auto reply = look();
  if (load == LoadMetadata::kNever || !reply.ok() || reply->found || !reply->may_exist_in_ufs)
    return answer(std::move(reply));
  OnIo(
      [this, look, answer, done, path = request.path] {
        if (Status loaded = ClaimAndLoadPath(path); !loaded.ok()) return done(std::move(loaded));
        answer(look());
      },
      done);
}

void FileSystemMaster::Exists(meta::Caller caller, std::string path, LoadMetadata load,
                              Callback<bool> done) {
  const auto look = [this, caller = std::move(caller), path]() {
    return store_.Read([&](const meta::Namespace& ns) { return meta::Exists(ns, caller, path); });
  };
  const auto answer = [this, done](Result<meta::ExistsReply> reply) {
    store_.AfterDurable([done, reply = std::move(reply)](Status durable) {
      if (!durable.ok()) return done(std::move(durable));
      if (!reply.ok()) return done(reply.status());
      done(reply->exists);
    });
  };
  auto reply = look();
  if (load == LoadMetadata::kNever || !reply.ok() || reply->exists || !reply->may_exist_in_ufs)
    return answer(std::move(reply));
  OnIo(
      [this, look, answer, done, path] {
        if (Status loaded = ClaimAndLoadPath(path); !loaded.ok()) return done(std::move(loaded));
        answer(look());
      },
      done);
}

Result<meta::Lister> FileSystemMaster::StartListing(const meta::ListRequest& request,
                                                    LoadMetadata load) {
  if (load != LoadMetadata::kNever) RETURN_IF_ERROR(ClaimAndLoadPath(request.path));
  // Each round loads one directory; a failed load ends the listing with its reason rather than
  // showing half of it.
  while (true) {
    ASSIGN_OR_RETURN(meta::Lister lister, store_.Read([&](const meta::Namespace& ns) {
      return meta::Lister::Start(ns, request);
    }));
    if (load == LoadMetadata::kNever || !lister.unloaded_directory()) return lister;
    const std::string directory = *lister.unloaded_directory();
    ASSIGN_OR_RETURN(const auto claim, Claim({{directory, meta::PathLocks::Mode::kShared}}));
    RETURN_IF_ERROR(LoadDirectory(directory));
  }
}

Status FileSystemMaster::LoadNext(const meta::Lister& lister, LoadMetadata load) {
  if (load == LoadMetadata::kNever || !lister.unloaded_directory()) return Status::Ok();
  const std::string& directory = *lister.unloaded_directory();
  ASSIGN_OR_RETURN(const auto claim, Claim({{directory, meta::PathLocks::Mode::kShared}}));
  const Status loaded = LoadDirectory(directory);
  // Removed since the listing met it: then there is nothing to show either.
  return loaded.code() == Code::kNotFound ? Status::Ok() : loaded;
}

void FileSystemMaster::List(meta::ListRequest request, LoadMetadata load, size_t batch_size,
                            Batch batch, Done done) {
  OnIo(
      [this, request = std::move(request), load, batch_size, batch = std::move(batch), done] {
        auto lister = StartListing(request, load);
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

void FileSystemMaster::ListPage(meta::ListRequest request, LoadMetadata load, size_t limit,
                                Callback<Page> done) {
  OnIo(
      [this, request = std::move(request), load, limit, done] {
        auto lister = StartListing(request, load);
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

void FileSystemMaster::CheckAccess(meta::Caller caller, std::string path, meta::Bits bits,
                                   Done done) {
  const auto check = [this, caller = std::move(caller), path, bits]() {
    return store_.Read(
        [&](const meta::Namespace& ns) { return meta::CheckPathAccess(ns, caller, path, bits); });
  };
  const bool load =
      store_.Read([&](const meta::Namespace& ns) { return ns.Walk(path).may_exist_in_ufs; });
  if (!load)
    return store_.AfterDurable(
        [done, status = check()](Status durable) { done(durable.ok() ? status : durable); });
  OnIo(
      [this, check, done, path] {
        const Status loaded = ClaimAndLoadPath(path);
        done(loaded.ok() ? check() : loaded);
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

Status FileSystemMaster::ClaimAndLoadPath(const std::string& path) {
  const bool load =
      store_.Read([&](const meta::Namespace& ns) { return ns.Walk(path).may_exist_in_ufs; });
  if (!load) return Status::Ok();
  ASSIGN_OR_RETURN(const auto claim, Claim({{path, meta::PathLocks::Mode::kShared}}));
  return LoadPath(path);
}

Status FileSystemMaster::LoadPath(const std::string& path) {
  while (true) {
    struct Next {
      std::string directory;
      meta::UfsLocation location;
    };
    const auto next = store_.Read([&](const meta::Namespace& ns) -> std::optional<Next> {
      const meta::PathWalk walk = ns.Walk(path);
      if (!walk.may_exist_in_ufs) return std::nullopt;
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

Status FileSystemMaster::LoadDirectory(const std::string& path) {
  const auto location =
      store_.Read([&](const meta::Namespace& ns) { return ns.mounts().Resolve(path); });
  if (!location.ok()) return location.status();
  ASSIGN_OR_RETURN(const Store store, StoreOf(location->mount_id));
  meta::LoadMetadataRequest request{.now_ms = clock_.NowMs(),
                                    .directory = path,
                                    .complete = false,
                                    .block_size = options_.default_block_size};
  const auto flush = [&] {
    const Status status =
        store_.CommitAndWait([&](const meta::Namespace& ns) -> Result<meta::Mutation> {
          ASSIGN_OR_RETURN(meta::LoadMetadataPlan plan, meta::PlanLoadMetadata(ns, request));
          return std::move(plan.mutation);
        });
    request.entries.clear();
    return status;
  };
  RETURN_IF_ERROR(store.ufs->List(location->ufs_path, [&](ufs::UfsStatus status) -> Status {
    request.entries.push_back(ToEntry(store.ufs->type(), std::move(status)));
    return request.entries.size() < kLoadBatch ? Status::Ok() : flush();
  }));
  request.complete = true;
  return flush();
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
  Status first;
  for (const meta::UfsDelete& item : deletes) {
    auto store = StoreOf(item.location.mount_id);
    Status status = store.status();
    if (store.ok()) {
      status = item.is_directory ? store->ufs->DeleteDirectory(item.location.ufs_path,
                                                               {.recursive = item.recursive})
                                 : store->ufs->DeleteFile(item.location.ufs_path);
    }
    if (status.ok() || status.code() == Code::kNotFound) continue;  // gone behind our back is gone
    keep.insert(item.id);
    LogWarn(kComponent, "could not delete {} of {}: {}", item.location.ufs_path, item.path,
            status.ToString());
    if (first.ok())
      first =
          status.WithContext(fmt::format("failed to delete {} from the under-store", item.path));
  }
  return first;
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
