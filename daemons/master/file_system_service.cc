#include "master/file_system_service.h"

#include <google/protobuf/arena.h>

#include "base/path.h"
#include "master/request_checks.h"
#include "master/service_support.h"
#include "master/wire.h"
#include "proto/file_system_master.grpc.pb.h"

namespace headpond::master {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

constexpr int64_t kDefaultBlockSize = 64 << 20;  // alluxio.user.block.size.bytes.default
constexpr uint16_t kDefaultFileMode = 0644;      // 0666 & ~022
constexpr uint16_t kDefaultDirectoryMode = 0755;

bool IsPersistedType(fspb::WritePType type) {
  return type == fspb::THROUGH || type == fspb::CACHE_THROUGH;
}

template <typename Request>
LoadMetadata LoadTypeOf(const Request& options) {
  return options.has_loadmetadatatype() ? static_cast<LoadMetadata>(options.loadmetadatatype())
                                        : LoadMetadata::kOnce;
}

template <typename Map>
meta::XattrMap XattrOf(const Map& wire) {
  meta::XattrMap result;
  for (const auto& [key, value] : wire) result[key] = value;
  return result;
}

// One ListStatus call: a batch is written, its completion asks for the next. The listing waits on
// its I/O thread for the client to take each batch, at most kWriteTimeout.
class ListReactor final : public ::grpc::ServerWriteReactor<fspb::ListStatusPResponse> {
 public:
  static constexpr std::chrono::seconds kWriteTimeout{60};

  // False: the client is gone, or too slow; no further batch may be written then.
  template <typename FillBatch>
  bool WriteAndWait(const FillBatch& fill) {
    memory_.Reset();
    auto* batch = google::protobuf::Arena::CreateMessage<fspb::ListStatusPResponse>(&memory_);
    fill(*batch);
    MutexLock lock(mutex_);
    writing_ = true;
    StartWrite(batch);
    const auto deadline = std::chrono::steady_clock::now() + kWriteTimeout;
    while (writing_)
      if (!written_.WaitUntil(mutex_, deadline) && writing_) return false;
    return writable_;
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    writable_ = ok;
    written_.NotifyAll();
  }
  void OnDone() override { delete this; }

 private:
  // Below malloc's threshold for mapping, so that memory is used again.
  static constexpr size_t kArenaBlock = 64 << 10;

  static google::protobuf::ArenaOptions ArenaOfBlocks() {
    google::protobuf::ArenaOptions options;
    options.start_block_size = options.max_block_size = kArenaBlock;
    return options;
  }

  // Of the batch being made or written, thousands of messages; the listing's thread uses it while
  // no write is under way.
  google::protobuf::Arena memory_{ArenaOfBlocks()};
  Mutex mutex_;
  CondVar written_;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool writable_ GUARDED_BY(mutex_) = true;
};

class FileSystemClientService final : public fspb::FileSystemMasterClientService::CallbackService {
 public:
  FileSystemClientService(const ServiceDeps& deps, net::LaneMethods& lanes)
      : deps_(deps),
        gate_("alluxio.grpc.file.FileSystemMasterClientService", deps.authenticator, deps.groups,
              deps.metrics) {
    using Self = FileSystemClientService;
    const auto add = [&](std::string_view name, auto method) {
      lanes.Add(
          fmt::format("/{}/{}", fspb::FileSystemMasterClientService::service_full_name(), name),
          *this, method);
    };
    add("CheckAccess", &Self::CheckAccess);
    add("CompleteFile", &Self::CompleteFile);
    add("CreateDirectory", &Self::CreateDirectory);
    add("CreateFile", &Self::CreateFile);
    add("Exists", &Self::Exists);
    add("Free", &Self::Free);
    add("GetFilePath", &Self::GetFilePath);
    add("GetNewBlockIdForFile", &Self::GetNewBlockIdForFile);
    add("GetStatus", &Self::GetStatus);
    add("NeedsSync", &Self::NeedsSync);
    add("Remove", &Self::Remove);
    add("Rename", &Self::Rename);
    add("ScheduleAsyncPersistence", &Self::ScheduleAsyncPersistence);
    add("SetAcl", &Self::SetAcl);
    add("SetAttribute", &Self::SetAttribute);
  }

  ServerUnaryReactor* GetStatus(CallbackServerContext* context,
                                const fspb::GetStatusPRequest* request,
                                fspb::GetStatusPResponse* response) override {
    return gate_.Run(
        context, "GetStatus", "GetFileInfo", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          const meta::Bits access =
              options.has_accessmode() ? FromWire(options.accessmode()) : meta::kNone;
          deps_.files.GetStatus({std::move(caller), std::move(path), access}, LoadTypeOf(options),
                                SyncOf(options.commonoptions()),
                                [this, response, finish](Result<meta::FileInfo> info) {
                                  if (info.ok())
                                    Fill(std::move(*info), response->mutable_fileinfo());
                                  finish(info.status());
                                });
          return Status::Ok();
        });
  }

  ServerUnaryReactor* Exists(CallbackServerContext* context, const fspb::ExistsPRequest* request,
                             fspb::ExistsPResponse* response) override {
    return gate_.Run(context, "Exists", "", [&](meta::Caller caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
      deps_.files.Exists(std::move(caller), std::move(path), LoadTypeOf(request->options()),
                         SyncOf(request->options().commonoptions()),
                         [response, finish](Result<bool> exists) {
                           if (exists.ok()) response->set_exists(*exists);
                           finish(exists.status());
                         });
      return Status::Ok();
    });
  }

  ::grpc::ServerWriteReactor<fspb::ListStatusPResponse>* ListStatus(
      CallbackServerContext* context, const fspb::ListStatusPRequest* request) override {
    auto* reactor = new ListReactor;
    if (const Status status = StartList(*context, *request, reactor); !status.ok())
      reactor->Finish(net::ToGrpc(status));
    return reactor;
  }

  ServerUnaryReactor* ListStatusPartial(CallbackServerContext* context,
                                        const fspb::ListStatusPartialPRequest* request,
                                        fspb::ListStatusPartialPResponse* response) override {
    return gate_.Run(
        context, "ListStatusPartial", "GetFileInfo",
        [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          if (options.batchsize() < 0)
            return InvalidArgument("batchSize is {}, must not be negative", options.batchsize());
          if (options.offsetcount() < 0)
            return InvalidArgument("offsetCount is {}, must not be negative",
                                   options.offsetcount());
          meta::ListRequest list{.caller = std::move(caller),
                                 .path = std::move(path),
                                 .recursive = options.options().recursive(),
                                 .mount_info = !options.options().excludemountinfo(),
                                 .start_after = options.startafter(),
                                 .offset_count = options.offsetcount(),
                                 .prefix = options.prefix()};
          if (options.has_offsetid()) list.offset_id = options.offsetid();
          const size_t limit = options.batchsize() == 0 ? deps_.list_batch
                                                        : static_cast<size_t>(options.batchsize());
          deps_.files.ListPage(std::move(list), LoadTypeOf(options.options()),
                               SyncOf(options.options().commonoptions()), limit,
                               [this, response, finish](Result<FileSystemMaster::Page> page) {
                                 if (page.ok()) {
                                   for (meta::FileInfo& entry : page->entries)
                                     Fill(std::move(entry), response->add_fileinfos());
                                   response->set_istruncated(page->truncated);
                                   response->set_filecount(page->file_count);
                                 }
                                 finish(page.status());
                               });
          return Status::Ok();
        });
  }

  ServerUnaryReactor* CreateFile(CallbackServerContext* context,
                                 const fspb::CreateFilePRequest* request,
                                 fspb::CreateFilePResponse* response) override {
    return gate_.Run(
        context, "CreateFile", "CreateFile", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          const auto& common = options.commonoptions();
          RETURN_IF_ERROR(CheckOptions(options));
          const auto type = options.has_writetype() ? options.writetype() : fspb::ASYNC_THROUGH;
          meta::CreateFileRequest create{.context = ContextOf(std::move(caller), common),
                                         .path = std::move(path)};
          create.block_size =
              options.has_blocksizebytes() ? options.blocksizebytes() : kDefaultBlockSize;
          create.mode = options.has_mode() ? FromWire(options.mode()) : kDefaultFileMode;
          create.recursive = options.recursive();
          create.overwrite = options.overwrite();
          create.persisted = IsPersistedType(type);
          create.async_persist = type == fspb::ASYNC_THROUGH;
          create.ttl_ms = common.has_ttl() ? common.ttl() : meta::kNoTtl;
          if (common.has_ttlaction())
            create.ttl_action = static_cast<meta::TtlAction>(common.ttlaction());
          create.replication_min = options.replicationmin();
          create.replication_max = options.has_replicationmax() ? options.replicationmax() : -1;
          create.replication_durable =
              options.has_replicationdurable() ? options.replicationdurable() : 1;
          create.xattr = XattrOf(options.xattr());
          create.xattr_propagation = static_cast<meta::XattrPropagation>(options.xattrpropstrat());
          deps_.files.CreateFile(std::move(create), SyncOf(common),
                                 [this, response, finish](Result<meta::FileInfo> info) {
                                   if (info.ok())
                                     Fill(std::move(*info), response->mutable_fileinfo());
                                   finish(info.status());
                                 });
          return Status::Ok();
        });
  }

  ServerUnaryReactor* CompleteFile(CallbackServerContext* context,
                                   const fspb::CompleteFilePRequest* request,
                                   fspb::CompleteFilePResponse*) override {
    return gate_.Run(
        context, "CompleteFile", "CompleteFile", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          RETURN_IF_ERROR(CheckOptions(options));
          meta::CompleteFileRequest complete{
              .context = ContextOf(std::move(caller), options.commonoptions()),
              .path = std::move(path),
              .ufs_length = options.ufslength()};
          if (options.has_asyncpersistoptions())
            complete.async_persist_wait_ms = options.asyncpersistoptions().persistencewaittime();
          deps_.files.CompleteFile(std::move(complete), options.contenthash(), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* GetNewBlockIdForFile(CallbackServerContext* context,
                                           const fspb::GetNewBlockIdForFilePRequest* request,
                                           fspb::GetNewBlockIdForFilePResponse* response) override {
    return gate_.Run(context, "GetNewBlockIdForFile", "GetNewBlock",
                     [&](meta::Caller caller, Finish finish) -> Status {
                       ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
                       deps_.files.NewBlock(
                           ContextOf(std::move(caller), request->options().commonoptions()),
                           std::move(path), [response, finish](Result<BlockId> id) {
                             if (id.ok()) response->set_id(*id);
                             finish(id.status());
                           });
                       return Status::Ok();
                     });
  }

  ServerUnaryReactor* CreateDirectory(CallbackServerContext* context,
                                      const fspb::CreateDirectoryPRequest* request,
                                      fspb::CreateDirectoryPResponse*) override {
    return gate_.Run(
        context, "CreateDirectory", "CreateDirectory",
        [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          const auto& common = options.commonoptions();
          RETURN_IF_ERROR(CheckOptions(options));
          meta::CreateDirectoryRequest create{.context = ContextOf(std::move(caller), common),
                                              .path = std::move(path)};
          create.mode = options.has_mode() ? FromWire(options.mode()) : kDefaultDirectoryMode;
          create.recursive = options.recursive();
          create.allow_exists = options.allowexists();
          create.persisted = IsPersistedType(options.writetype());
          create.ttl_ms = common.has_ttl() ? common.ttl() : meta::kNoTtl;
          if (common.has_ttlaction())
            create.ttl_action = static_cast<meta::TtlAction>(common.ttlaction());
          create.xattr = XattrOf(options.xattr());
          create.xattr_propagation = static_cast<meta::XattrPropagation>(options.xattrpropstrat());
          deps_.files.CreateDirectory(std::move(create), SyncOf(common), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* Rename(CallbackServerContext* context, const fspb::RenamePRequest* request,
                             fspb::RenamePResponse*) override {
    return gate_.Run(
        context, "Rename", "RenamePath", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string source, NormalizePath(request->path()));
          ASSIGN_OR_RETURN(std::string destination, NormalizePath(request->dstpath()));
          const auto& options = request->options();
          deps_.files.Rename({.context = ContextOf(std::move(caller), options.commonoptions()),
                              .source = std::move(source),
                              .destination = std::move(destination),
                              .persist = options.persist(),
                              .overwrite = options.s3syntaxoptions().overwrite()},
                             SyncOf(options.commonoptions()), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* Remove(CallbackServerContext* context, const fspb::DeletePRequest* request,
                             fspb::DeletePResponse*) override {
    return gate_.Run(
        context, "Remove", "DeletePath", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          deps_.files.Remove({.context = ContextOf(std::move(caller), options.commonoptions()),
                              .path = std::move(path),
                              .recursive = options.recursive(),
                              .alluxio_only = options.alluxioonly(),
                              .unchecked = options.unchecked(),
                              .delete_mount_point = options.deletemountpoint()},
                             SyncOf(options.commonoptions()), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* SetAttribute(CallbackServerContext* context,
                                   const fspb::SetAttributePRequest* request,
                                   fspb::SetAttributePResponse*) override {
    return gate_.Run(
        context, "SetAttribute", "SetAttribute", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          const auto& common = options.commonoptions();
          RETURN_IF_ERROR(CheckOptions(options));
          meta::SetAttributeRequest set{.context = ContextOf(std::move(caller), common),
                                        .path = std::move(path)};
          set.recursive = options.recursive();
          if (options.has_pinned()) set.pinned = options.pinned();
          set.pinned_media.assign(options.pinnedmedia().begin(), options.pinnedmedia().end());
          if (options.has_persisted()) set.persisted = options.persisted();
          if (options.has_owner()) set.owner = options.owner();
          if (options.has_group()) set.group = options.group();
          if (set.owner && set.group) {
            ASSIGN_OR_RETURN(set.owner_groups, deps_.groups.Groups(*set.owner));
          }
          if (options.has_mode()) set.mode = FromWire(options.mode());
          if (common.has_ttl()) set.ttl_ms = common.ttl();
          if (common.has_ttlaction())
            set.ttl_action = static_cast<meta::TtlAction>(common.ttlaction());
          if (options.has_replicationmin()) set.replication_min = options.replicationmin();
          if (options.has_replicationmax()) set.replication_max = options.replicationmax();
          if (options.has_xattrupdatestrategy() || !options.xattr().empty()) {
            set.xattr = XattrOf(options.xattr());
            if (options.has_xattrupdatestrategy())
              set.xattr_update = static_cast<meta::XattrUpdate>(options.xattrupdatestrategy());
          }
          if (options.has_directchildrenloaded())
            set.children_loaded = options.directchildrenloaded();
          deps_.files.SetAttribute(std::move(set), SyncOf(common), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* SetAcl(CallbackServerContext* context, const fspb::SetAclPRequest* request,
                             fspb::SetAclPResponse*) override {
    return gate_.Run(
        context, "SetAcl", "SetAcl", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          RETURN_IF_ERROR(CheckAclEntries(request->entries()));
          ASSIGN_OR_RETURN(std::vector<meta::AclEntry> entries, FromWire(request->entries()));
          deps_.files.SetAcl(
              {.context = ContextOf(std::move(caller), request->options().commonoptions()),
               .path = std::move(path),
               .action = static_cast<meta::AclAction>(request->action()),
               .entries = std::move(entries),
               .recursive = request->options().recursive()},
              SyncOf(request->options().commonoptions()), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* Free(CallbackServerContext* context, const fspb::FreePRequest* request,
                           fspb::FreePResponse*) override {
    return gate_.Run(
        context, "Free", "FreeFile", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          deps_.files.Free({.context = ContextOf(std::move(caller), options.commonoptions()),
                            .path = std::move(path),
                            .recursive = options.recursive(),
                            .forced = options.forced()},
                           SyncOf(options.commonoptions()), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* CheckAccess(CallbackServerContext* context,
                                  const fspb::CheckAccessPRequest* request,
                                  fspb::CheckAccessPResponse*) override {
    return gate_.Run(context, "CheckAccess", "", [&](meta::Caller caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
      deps_.files.CheckAccess(std::move(caller), std::move(path),
                              FromWire(request->options().bits()),
                              SyncOf(request->options().commonoptions()), finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* NeedsSync(CallbackServerContext* context,
                                const fspb::NeedsSyncRequest* request,
                                fspb::NeedsSyncResponse*) override {
    return gate_.Run(context, "NeedsSync", "", [&](meta::Caller caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(const std::string path, NormalizePath(request->path()));
      deps_.files.NeedsSync(std::move(caller), path, finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* CheckConsistency(CallbackServerContext* context,
                                       const fspb::CheckConsistencyPRequest* request,
                                       fspb::CheckConsistencyPResponse* response) override {
    return gate_.Run(
        context, "CheckConsistency", "", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          deps_.files.CheckConsistency(std::move(caller), std::move(path),
                                       [response, finish](Result<std::vector<std::string>> paths) {
                                         if (paths.ok())
                                           response->mutable_inconsistentpaths()->Add(
                                               paths->begin(), paths->end());
                                         finish(paths.status());
                                       });
          return Status::Ok();
        });
  }

  ServerUnaryReactor* ScheduleAsyncPersistence(
      CallbackServerContext* context, const fspb::ScheduleAsyncPersistencePRequest* request,
      fspb::ScheduleAsyncPersistencePResponse*) override {
    return gate_.Run(
        context, "ScheduleAsyncPersistence", "", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->path()));
          const auto& options = request->options();
          if (options.persistencewaittime() < 0)
            return InvalidArgument("persistenceWaitTime is {} ms, must not be negative",
                                   options.persistencewaittime());
          deps_.files.SchedulePersist(ContextOf(std::move(caller), options.commonoptions()),
                                      std::move(path), options.persistencewaittime(), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* GetFilePath(CallbackServerContext* context,
                                  const fspb::GetFilePathPRequest* request,
                                  fspb::GetFilePathPResponse* response) override {
    return gate_.Run(context, "GetFilePath", "", [&](meta::Caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(*response->mutable_path(), deps_.store.Read([&](const meta::Namespace& ns) {
        return ns.PathOf(request->fileid());
      }));
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* ReverseResolve(CallbackServerContext* context,
                                     const fspb::ReverseResolvePRequest* request,
                                     fspb::ReverseResolvePResponse* response) override {
    return gate_.Run(context, "ReverseResolve", "", [&](meta::Caller, Finish finish) -> Status {
      const auto path = deps_.store.Read(
          [&](const meta::Namespace& ns) { return ns.mounts().ReverseResolve(request->ufsuri()); });
      if (!path)
        return InvalidArgument("ufsUri {} is in no mounted under-store", request->ufsuri());
      response->set_alluxiopath(*path);
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* Mount(CallbackServerContext* context, const fspb::MountPRequest* request,
                            fspb::MountPResponse*) override {
    return gate_.Run(context, "Mount", "Mount", [&](meta::Caller caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(std::string path, NormalizePath(request->alluxiopath()));
      const auto& options = request->options();
      RETURN_IF_ERROR(CheckOptions(options));
      RETURN_IF_ERROR(CheckText("ufsPath", request->ufspath(), kMaxPathBytes));
      deps_.files.Mount({.context = ContextOf(std::move(caller), options.commonoptions()),
                         .path = std::move(path),
                         .ufs_uri = request->ufspath(),
                         .mount_id = NewMountId(),
                         .read_only = options.readonly(),
                         .shared = options.shared(),
                         .properties = {options.properties().begin(), options.properties().end()}},
                        finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* Unmount(CallbackServerContext* context, const fspb::UnmountPRequest* request,
                              fspb::UnmountPResponse*) override {
    return gate_.Run(
        context, "Unmount", "Unmount", [&](meta::Caller caller, Finish finish) -> Status {
          ASSIGN_OR_RETURN(std::string path, NormalizePath(request->alluxiopath()));
          deps_.files.Unmount(ContextOf(std::move(caller), request->options().commonoptions()),
                              std::move(path), finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* UpdateMount(CallbackServerContext* context,
                                  const fspb::UpdateMountPRequest* request,
                                  fspb::UpdateMountPResponse*) override {
    return gate_.Run(context, "UpdateMount", "", [&](meta::Caller caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(std::string path, NormalizePath(request->alluxiopath()));
      const auto& options = request->options();
      RETURN_IF_ERROR(CheckOptions(options));
      deps_.files.UpdateMount(
          {.context = ContextOf(std::move(caller), options.commonoptions()),
           .path = std::move(path),
           .new_mount_id = NewMountId(),
           .read_only = options.readonly(),
           .shared = options.shared(),
           .properties = {options.properties().begin(), options.properties().end()}},
          finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetMountTable(CallbackServerContext* context,
                                    const fspb::GetMountTablePRequest* request,
                                    fspb::GetMountTablePResponse* response) override {
    return gate_.Run(context, "GetMountTable", "", [&](meta::Caller, Finish finish) -> Status {
      const bool ask_ufs = !request->has_checkufs() || request->checkufs();
      deps_.files.MountTable(
          ask_ufs,
          [response, finish](Result<std::vector<FileSystemMaster::MountDescription>> mounts) {
            if (mounts.ok()) {
              for (const auto& description : *mounts) {
                auto& out = (*response->mutable_mountpoints())[description.mount.path];
                out.set_ufsuri(description.mount.ufs_uri);
                out.set_ufstype(description.ufs_type);
                out.set_ufscapacitybytes(description.space.total_bytes);
                out.set_ufsusedbytes(description.space.used_bytes);
                out.set_readonly(description.mount.read_only);
                out.set_shared(description.mount.shared);
                out.set_mountid(description.mount.id);
                for (const auto& [key, value] : description.mount.properties)
                  (*out.mutable_properties())[key] = value;
              }
            }
            finish(mounts.status());
          });
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetSyncPathList(CallbackServerContext* context,
                                      const fspb::GetSyncPathListPRequest*,
                                      fspb::GetSyncPathListPResponse*) override {
    // Active sync exists for HDFS only; no mount of this build can have sync points.
    return gate_.Run(context, "GetSyncPathList", "", [](meta::Caller, Finish finish) -> Status {
      finish(Status::Ok());
      return Status::Ok();
    });
  }

 private:
  meta::OperationContext ContextOf(meta::Caller caller,
                                   const fspb::FileSystemMasterCommonPOptions& options) const {
    return {std::move(caller), deps_.clock.NowMs(), OperationIdOf(options)};
  }

  SyncPolicy SyncOf(const fspb::FileSystemMasterCommonPOptions& options) const {
    return options.has_syncintervalms() ? SyncPolicy{options.syncintervalms()} : deps_.default_sync;
  }

  meta::MountId NewMountId() const { return Random::FromSystem().NonNegativeId(); }

  void Fill(meta::FileInfo&& info, fspb::FileInfo* out) const {
    std::vector<BlockId> ids;
    ids.reserve(info.blocks.size());
    for (const meta::BlockSpan& span : info.blocks) ids.push_back(span.id);
    ToWire(std::move(info),
           ids.empty() ? std::vector<std::vector<BlockCopy>>() : deps_.blocks.CopiesOf(ids), out);
  }

  Status StartList(const CallbackServerContext& context, const fspb::ListStatusPRequest& request,
                   ListReactor* reactor) {
    ASSIGN_OR_RETURN(meta::Caller caller, gate_.CallerOf(context, "ListStatus"));
    ASSIGN_OR_RETURN(std::string path, NormalizePath(request.path()));
    deps_.metrics.counter("Master.GetFileInfoOps").Add();
    const auto& options = request.options();
    const bool metadata_only = options.loadmetadataonly();
    deps_.files.List(
        {.caller = std::move(caller),
         .path = std::move(path),
         .recursive = options.recursive(),
         .mount_info = !options.excludemountinfo()},
        LoadTypeOf(options), SyncOf(options.commonoptions()), deps_.list_batch,
        [this, reactor, metadata_only](std::vector<meta::FileInfo> entries) {
          if (metadata_only) return true;
          return reactor->WriteAndWait([&](fspb::ListStatusPResponse& batch) {
            batch.mutable_fileinfos()->Reserve(static_cast<int>(entries.size()));
            for (meta::FileInfo& entry : entries) Fill(std::move(entry), batch.add_fileinfos());
          });
        },
        [this, reactor](Status status) {
          deps_.store.AfterDurable([reactor, status](Status durable) {
            reactor->Finish(net::ToGrpc(status.ok() ? durable : status));
          });
        });
    return Status::Ok();
  }

  const ServiceDeps deps_;
  const CallGate gate_;
};

}  // namespace

std::unique_ptr<::grpc::Service> MakeFileSystemClientService(const ServiceDeps& deps,
                                                             net::LaneMethods& lanes) {
  return std::make_unique<FileSystemClientService>(deps, lanes);
}

}  // namespace headpond::master
