#include "base/path.h"
#include "master/change.h"
#include "master/file_system_master.h"
#include "meta/ops/blocks.h"
#include "meta/ops/persist.h"
#include "ufs/persist_path.h"

namespace headpond::master {
namespace {

using Mode = meta::PathLocks::Mode;

// The fingerprint of a file that was just written to the under-store with the inode's own
// attributes.
std::string FingerprintOf(const meta::Namespace& ns, const std::string& path, int64_t length,
                          const std::string& content_hash) {
  const meta::Inode inode = ns.Walk(path).inode();
  const meta::MountInfo* mount = ns.mounts().Find(path);
  if (!inode || mount == nullptr) return "";
  return ufs::Fingerprint(ufs::TypeOf(mount->ufs_uri), {.is_directory = false,
                                                        .length = length,
                                                        .owner = std::string(inode.owner()),
                                                        .group = std::string(inode.group()),
                                                        .mode = inode.mode(),
                                                        .content_hash = content_hash});
}

template <typename PlanResult>
std::function<void(Result<PlanResult>)> StatusOnly(FileSystemMaster::Done done) {
  return [done = std::move(done)](Result<PlanResult> result) { done(result.status()); };
}

}  // namespace

void FileSystemMaster::CreateFile(meta::CreateFileRequest request, SyncPolicy sync,
                                  Callback<meta::FileInfo> done) {
  auto change = std::make_shared<Change<meta::CreateFilePlan>>();
  change->claims = {{request.path, Mode::kExclusive}};
  change->load_paths = {request.path};
  change->sync = sync;
  change->sync_paths = {{request.path, SyncDepth::kSelf}};
  change->plan = [request](const meta::Namespace& ns) { return meta::PlanCreateFile(ns, request); };
  change->has_ufs_work = [](const meta::CreateFilePlan& plan) {
    return !plan.make_directories.empty();
  };
  change->ufs_work = [this](meta::CreateFilePlan& plan) {
    return MakeDirectories(plan.make_directories);
  };
  auto info = std::make_shared<meta::FileInfo>();
  change->applied = [info, path = request.path](const meta::CreateFilePlan&,
                                                const meta::Namespace& ns) {
    if (const meta::PathWalk walk = ns.Walk(path); walk.found())
      *info = ns.Describe(walk.inode(), path);
  };
  change->reply = [info, done = std::move(done)](Result<meta::CreateFilePlan> result) {
    if (!result.ok()) return done(result.status());
    done(std::move(*info));
  };
  Run(std::move(change));
}

void FileSystemMaster::CompleteFile(meta::CompleteFileRequest request, std::string content_hash,
                                    Done done) {
  auto change = std::make_shared<Change<meta::CompleteFilePlan>>();
  change->claims = {{request.path, Mode::kExclusive}};
  change->plan = [request, content_hash = std::move(content_hash)](const meta::Namespace& ns) {
    meta::CompleteFileRequest asked = request;
    if (!content_hash.empty())
      asked.fingerprint = FingerprintOf(ns, request.path, request.ufs_length, content_hash);
    return meta::PlanCompleteFile(ns, asked);
  };
  change->reply = [this, done = std::move(done)](Result<meta::CompleteFilePlan> result) {
    if (result.ok()) blocks_.Free(result->surplus_blocks);
    done(result.status());
  };
  Run(std::move(change));
}

void FileSystemMaster::NewBlock(meta::OperationContext context, std::string path,
                                Callback<BlockId> done) {
  auto change = std::make_shared<Change<meta::NewBlockPlan>>();
  change->claims = {{path, Mode::kExclusive}};
  change->plan = [request = meta::NewBlockRequest{std::move(context), std::move(path)}](
                     const meta::Namespace& ns) { return meta::PlanNewBlock(ns, request); };
  change->reply = [done = std::move(done)](Result<meta::NewBlockPlan> result) {
    if (!result.ok()) return done(result.status());
    done(result->block_id);
  };
  Run(std::move(change));
}

void FileSystemMaster::CreateDirectory(meta::CreateDirectoryRequest request, SyncPolicy sync,
                                       Done done) {
  auto change = std::make_shared<Change<meta::CreateDirectoryPlan>>();
  change->claims = {{request.path, Mode::kExclusive}};
  change->load_paths = {request.path};
  change->sync = sync;
  change->sync_paths = {{request.path, SyncDepth::kSelf}};
  change->plan = [request](const meta::Namespace& ns) {
    return meta::PlanCreateDirectory(ns, request);
  };
  change->has_ufs_work = [](const meta::CreateDirectoryPlan& plan) {
    return !plan.make_directories.empty();
  };
  change->ufs_work = [this](meta::CreateDirectoryPlan& plan) {
    return MakeDirectories(plan.make_directories);
  };
  change->reply = StatusOnly<meta::CreateDirectoryPlan>(std::move(done));
  Run(std::move(change));
}

void FileSystemMaster::Rename(meta::RenameRequest request, SyncPolicy sync, Done done) {
  auto change = std::make_shared<Change<meta::RenamePlan>>();
  change->claims = {{request.source, Mode::kExclusive}, {request.destination, Mode::kExclusive}};
  change->load_paths = {request.source, request.destination};
  change->sync = sync;
  change->sync_paths = {{request.source, SyncDepth::kTree},
                        {request.destination, SyncDepth::kSelf}};
  change->plan = [request](const meta::Namespace& ns) { return meta::PlanRename(ns, request); };
  change->has_ufs_work = [](const meta::RenamePlan& plan) {
    return !plan.make_directories.empty() || plan.replaced || plan.rename;
  };
  change->ufs_work = [this](meta::RenamePlan& plan) -> Status {
    RETURN_IF_ERROR(MakeDirectories(plan.make_directories));
    if (plan.replaced) {
      std::set<meta::InodeId> kept;
      RETURN_IF_ERROR(Delete({*plan.replaced}, kept));
    }
    if (!plan.rename) return Status::Ok();
    ASSIGN_OR_RETURN(const Store store, StoreOf(plan.rename->from.mount_id));
    return store.ufs->Rename(plan.rename->from.ufs_path, plan.rename->to.ufs_path);
  };
  change->reply = StatusOnly<meta::RenamePlan>(std::move(done));
  Run(std::move(change));
}

void FileSystemMaster::Remove(meta::RemoveRequest request, SyncPolicy sync, Done done) {
  auto change = std::make_shared<Change<meta::RemovePlan>>();
  change->claims = {{request.path, Mode::kExclusive}};
  change->load_paths = {request.path};
  change->sync = sync;
  // What is only forgotten here need not be looked for there.
  if (!request.alluxio_only)
    change->sync_paths = {
        {request.path, request.recursive ? SyncDepth::kTree : SyncDepth::kChildren}};
  // What could not be deleted stays, with its ancestors; all the rest goes, and the caller is told
  // why not all.
  struct Partial {
    std::set<meta::InodeId> keep;
    Status reason;
  };
  auto partial = std::make_shared<Partial>();
  change->plan = [request, partial](const meta::Namespace& ns) {
    meta::RemoveRequest asked = request;
    asked.keep = partial->keep;
    return meta::PlanRemove(ns, asked);
  };
  change->has_ufs_work = [](const meta::RemovePlan& plan) {
    return !plan.deletes.empty() || !plan.temp_files.empty();
  };
  change->ufs_work = [this, partial](meta::RemovePlan& plan) -> Status {
    partial->reason = Delete(plan.deletes, partial->keep);
    for (const meta::UfsLocation& temp : plan.temp_files) {
      // Best effort: a left-over is replaced by the next attempt, or seen by nobody.
      if (auto store = StoreOf(temp.mount_id); store.ok())
        (void)store->ufs->DeleteFile(temp.ufs_path);
    }
    return Status::Ok();
  };
  change->reply = [this, partial, done = std::move(done)](Result<meta::RemovePlan> result) {
    if (!result.ok()) return done(result.status());
    for (const meta::MountId mount : result->removed_mounts) ufs_.Drop(mount);
    done(partial->reason);
  };
  Run(std::move(change));
}

void FileSystemMaster::ChangeAttributes(std::string path, SyncDepth depth, SyncPolicy sync,
                                        AttributePlanner plan, Done done) {
  auto change = std::make_shared<Change<meta::SetAttributePlan>>();
  change->claims = {{path, Mode::kExclusive}};
  change->load_paths = {path};
  change->sync = sync;
  change->sync_paths = {{path, depth}};
  change->plan = plan;
  change->has_ufs_work = [](const meta::SetAttributePlan& planned) {
    return !planned.ufs_updates.empty();
  };
  change->ufs_work = [this](meta::SetAttributePlan& planned) {
    return SetUfsAttributes(planned.ufs_updates);
  };
  change->reply = [this, path = std::move(path), depth, plan = std::move(plan),
                   done = std::move(done)](Result<meta::SetAttributePlan> result) {
    if (!result.ok() || !result->more) return done(result.status());
    // The next part of a large tree, which was compared already.
    OnIo([this, path, depth, plan, done] { ChangeAttributes(path, depth, {}, plan, done); }, done);
  };
  Run(std::move(change));
}

void FileSystemMaster::SetAttribute(meta::SetAttributeRequest request, SyncPolicy sync, Done done) {
  std::string path = request.path;
  const SyncDepth depth = request.recursive ? SyncDepth::kTree : SyncDepth::kSelf;
  ChangeAttributes(
      std::move(path), depth, sync,
      [request = std::move(request)](const meta::Namespace& ns) {
        return meta::PlanSetAttribute(ns, request);
      },
      std::move(done));
}

void FileSystemMaster::SetAcl(meta::SetAclRequest request, SyncPolicy sync, Done done) {
  std::string path = request.path;
  const SyncDepth depth = request.recursive ? SyncDepth::kTree : SyncDepth::kSelf;
  ChangeAttributes(
      std::move(path), depth, sync,
      [request = std::move(request)](const meta::Namespace& ns) {
        return meta::PlanSetAcl(ns, request);
      },
      std::move(done));
}

void FileSystemMaster::Free(meta::FreeRequest request, SyncPolicy sync, Done done) {
  auto change = std::make_shared<Change<meta::FreePlan>>();
  change->claims = {{request.path, Mode::kShared}};
  change->load_paths = {request.path};
  change->sync = sync;
  change->sync_paths = {{request.path, SyncDepth::kSelf}};
  auto blocks = std::make_shared<std::vector<BlockId>>();
  change->plan = [request, blocks](const meta::Namespace& ns) -> Result<meta::FreePlan> {
    ASSIGN_OR_RETURN(meta::FreePlan plan, meta::PlanFree(ns, request));
    blocks->clear();
    AppendBlocksOf(ns, plan.files, *blocks);
    return plan;
  };
  change->reply = [this, request, blocks, done = std::move(done)](Result<meta::FreePlan> result) {
    if (!result.ok()) return done(result.status());
    if (result->more) return OnIo([this, request, done] { Free(request, {}, done); }, done);
    blocks_.Free(*blocks);
    done(Status::Ok());
  };
  Run(std::move(change));
}

namespace {

// Plans that are nothing but a mutation.
struct MutationPlan {
  meta::Mutation mutation;
};

auto Wrap(std::function<Result<meta::Mutation>(const meta::Namespace&)> plan) {
  return [plan = std::move(plan)](const meta::Namespace& ns) -> Result<MutationPlan> {
    ASSIGN_OR_RETURN(meta::Mutation mutation, plan(ns));
    return MutationPlan{std::move(mutation)};
  };
}

}  // namespace

void FileSystemMaster::SchedulePersist(meta::OperationContext context, std::string path,
                                       int64_t wait_ms, Done done) {
  auto change = std::make_shared<Change<MutationPlan>>();
  change->claims = {{path, Mode::kExclusive}};
  change->load_paths = {path};
  change->plan = Wrap([context = std::move(context), path, wait_ms](const meta::Namespace& ns) {
    return meta::PlanSchedulePersist(ns, context, path, wait_ms);
  });
  change->reply = StatusOnly<MutationPlan>(std::move(done));
  Run(std::move(change));
}

void FileSystemMaster::Mount(meta::MountRequest request, Done done) {
  OnIo(
      [this, request = std::move(request), done]() mutable {
        const auto probe = ufs_.Probe(request.ufs_uri, request.properties);
        if (!probe.ok()) return done(probe.status());
        auto root = (*probe)->GetStatus(request.ufs_uri);
        if (!root.ok())
          return done(root.status().WithContext(fmt::format("Ufs path {}", request.ufs_uri)));
        if (!root->is_directory)
          return done(InvalidArgument("Ufs path {} is not a directory and can't be mounted",
                                      request.ufs_uri));
        request.root = {.name = "",
                        .is_directory = true,
                        .length = 0,
                        .modification_ms = root->modification_time_ms,
                        .owner = root->owner,
                        .group = root->group,
                        .mode = root->mode,
                        .fingerprint = ufs::Fingerprint((*probe)->type(), *root)};
        const auto shadowed = store_.Read(
            [&](const meta::Namespace& ns) { return ns.mounts().Resolve(request.path); });
        if (shadowed.ok()) {
          if (const auto store = StoreOf(shadowed->mount_id); store.ok())
            request.shadows_ufs_path = store->ufs->GetStatus(shadowed->ufs_path).ok();
        }
        auto change = std::make_shared<Change<MutationPlan>>();
        change->claims = {{request.path, Mode::kExclusive}};
        change->plan =
            Wrap([request](const meta::Namespace& ns) { return meta::PlanMount(ns, request); });
        change->reply = StatusOnly<MutationPlan>(std::move(done));
        RunWithUfs(change);
      },
      done);
}

void FileSystemMaster::Unmount(meta::OperationContext context, std::string path, Done done) {
  auto change = std::make_shared<Change<meta::UnmountPlan>>();
  change->claims = {{path, Mode::kExclusive}};
  change->plan = [context = std::move(context), path](const meta::Namespace& ns) {
    return meta::PlanUnmount(ns, context, path);
  };
  change->reply = [this, done = std::move(done)](Result<meta::UnmountPlan> result) {
    if (!result.ok()) return done(result.status());
    for (const meta::MountId mount : result->removed_mounts) ufs_.Drop(mount);
    done(Status::Ok());
  };
  Run(std::move(change));
}

void FileSystemMaster::UpdateMount(meta::UpdateMountRequest request, Done done) {
  auto change = std::make_shared<Change<MutationPlan>>();
  change->claims = {{request.path, Mode::kExclusive}};
  change->plan =
      Wrap([request](const meta::Namespace& ns) { return meta::PlanUpdateMount(ns, request); });
  change->reply = StatusOnly<MutationPlan>(std::move(done));
  Run(std::move(change));
}

void FileSystemMaster::MountTable(bool ask_ufs, Callback<std::vector<MountDescription>> done) {
  auto mounts = store_.Read([](const meta::Namespace& ns) {
    std::vector<MountDescription> result;
    for (const auto& [path, mount] : ns.mounts().mounts()) result.push_back({mount, "", {}});
    return result;
  });
  OnIo(
      [this, ask_ufs, done, mounts = std::move(mounts)]() mutable {
        for (MountDescription& description : mounts) {
          const auto store = ufs_.Get(description.mount);
          if (!store.ok()) continue;  // listed without type and space rather than not at all
          description.ufs_type = (*store)->type();
          if (ask_ufs) description.space = (*store)->GetSpace().value_or({});
        }
        done(std::move(mounts));
      },
      done);
}

Result<std::string> FileSystemMaster::PersistTempPathOf(meta::InodeId file) const {
  return store_.Read([&](const meta::Namespace& ns) -> Result<std::string> {
    ASSIGN_OR_RETURN(const std::string path, ns.PathOf(file));
    const meta::MountInfo* mount = ns.mounts().Find(path);
    if (mount == nullptr) return NotFound("no mount holds {}", path);
    return ufs::PersistTempPath(mount->ufs_uri, options_.persist_temp_dir, file);
  });
}

void FileSystemMaster::FinishPersist(meta::InodeId file, Done done) {
  const auto path = store_.Read([&](const meta::Namespace& ns) { return ns.PathOf(file); });
  if (!path.ok()) return done(path.status());
  // The fingerprint of the copy in place, found by the under-store work and wanted by the plan
  // after it.
  struct Copy {
    bool in_place = false;
    int64_t length = 0;
    std::string fingerprint;
  };
  auto copy = std::make_shared<Copy>();
  auto change = std::make_shared<Change<MutationPlan>>();
  change->claims = {{*path, Mode::kExclusive}};
  change->plan = Wrap([this, file, copy](const meta::Namespace& ns) -> Result<meta::Mutation> {
    if (!copy->in_place) return meta::Mutation{};
    return meta::PlanMarkPersisted(ns, file, copy->length, copy->fingerprint, clock_.NowMs());
  });
  change->has_ufs_work = [](const MutationPlan&) { return true; };
  change->ufs_work = [this, file, copy, path = *path](MutationPlan&) -> Status {
    // The claim is on the path that the file had before.
    ASSIGN_OR_RETURN(const std::string path_now,
                     store_.Read([&](const meta::Namespace& ns) { return ns.PathOf(file); }));
    if (path_now != path) return Aborted("{} was renamed to {} meanwhile", path, path_now);
    ASSIGN_OR_RETURN(const std::string temp, PersistTempPathOf(file));
    ASSIGN_OR_RETURN(
        const meta::UfsLocation final_place,
        store_.Read([&](const meta::Namespace& ns) { return ns.mounts().Resolve(path); }));
    ASSIGN_OR_RETURN(const auto directories, store_.Read([&](const meta::Namespace& ns) {
      return meta::MissingUfsDirectories(ns, file);
    }));
    RETURN_IF_ERROR(MakeDirectories(directories));
    ASSIGN_OR_RETURN(const Store store, StoreOf(final_place.mount_id));
    Status moved = store.ufs->Rename(temp, final_place.ufs_path);
    if (moved.code() == Code::kAlreadyExists) {
      // The copy of a file that this one has replaced, left there as stock leaves it.
      RETURN_IF_ERROR(store.ufs->DeleteFile(final_place.ufs_path));
      moved = store.ufs->Rename(temp, final_place.ufs_path);
    }
    // A repeated report finds the copy where it belongs.
    if (!moved.ok() && moved.code() != Code::kNotFound) return moved;
    ASSIGN_OR_RETURN(const ufs::UfsStatus status, store.ufs->GetStatus(final_place.ufs_path));
    *copy = {true, status.length, ufs::Fingerprint(store.ufs->type(), status)};
    return Status::Ok();
  };
  change->reply = StatusOnly<MutationPlan>(std::move(done));
  OnIo([this, change] { RunWithUfs(change); },
       [change](Status why) { change->reply(std::move(why)); });
}

}  // namespace headpond::master
