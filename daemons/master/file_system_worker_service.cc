#include "master/file_system_worker_service.h"

#include "master/service_support.h"
#include "master/wire.h"
#include "meta/ops/get_status.h"
#include "proto/file_system_master.grpc.pb.h"

namespace headpond::master {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::ServerUnaryReactor;

class FileSystemWorkerService final : public fspb::FileSystemMasterWorkerService::CallbackService {
 public:
  FileSystemWorkerService(const ServiceDeps& deps, PersistScheduler& persist)
      : deps_(deps),
        persist_(persist),
        gate_("alluxio.grpc.file.FileSystemMasterWorkerService", deps.authenticator, deps.groups,
              deps.metrics) {}

  ServerUnaryReactor* FileSystemHeartbeat(CallbackServerContext* context,
                                          const fspb::FileSystemHeartbeatPRequest* request,
                                          fspb::FileSystemHeartbeatPResponse* response) override {
    return gate_.Run(
        context, "FileSystemHeartbeat", "", [&](meta::Caller, Finish finish) -> Status {
          for (const int64_t file : request->persistedfiles()) persist_.Finish(file);
          const auto tasks = persist_.Take(request->workerid());
          auto* command = response->mutable_command();
          command->set_commandtype(tasks.empty() ? commonpb::Nothing : commonpb::Persist);
          for (const auto& task : tasks) {
            auto* file =
                command->mutable_commandoptions()->mutable_persistoptions()->add_persistfiles();
            file->set_fileid(task.file);
            file->mutable_blockids()->Add(task.blocks.begin(), task.blocks.end());
          }
          deps_.store.AfterDurable(finish);
          return Status::Ok();
        });
  }

  ServerUnaryReactor* GetFileInfo(CallbackServerContext* context,
                                  const fspb::GetFileInfoPRequest* request,
                                  fspb::GetFileInfoPResponse* response) override {
    return gate_.Run(context, "GetFileInfo", "", [&](meta::Caller, Finish finish) -> Status {
      ASSIGN_OR_RETURN(meta::FileInfo info, deps_.store.Read([&](const meta::Namespace& ns) {
        return meta::GetFileInfoById(ns, request->fileid());
      }));
      std::vector<BlockId> ids;
      for (const meta::BlockSpan& span : info.blocks) ids.push_back(span.id);
      ToWire(std::move(info), deps_.blocks.CopiesOf(ids), response->mutable_fileinfo());
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetPinnedFileIds(CallbackServerContext* context,
                                       const fspb::GetPinnedFileIdsPRequest*,
                                       fspb::GetPinnedFileIdsPResponse* response) override {
    return gate_.Run(context, "GetPinnedFileIds", "", [&](meta::Caller, Finish finish) -> Status {
      // Files that wait to be persisted are pinned too: their blocks are the only copy.
      deps_.store.Read([&](const meta::Namespace& ns) {
        for (const meta::InodeId id : ns.pinned_files()) response->add_pinnedfileids(id);
        for (const meta::InodeId id : ns.to_be_persisted())
          if (!ns.pinned_files().contains(id)) response->add_pinnedfileids(id);
      });
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

  ServerUnaryReactor* GetUfsInfo(CallbackServerContext* context,
                                 const fspb::GetUfsInfoPRequest* request,
                                 fspb::GetUfsInfoPResponse* response) override {
    return gate_.Run(context, "GetUfsInfo", "", [&](meta::Caller, Finish finish) -> Status {
      const auto mount =
          deps_.store.Read([&](const meta::Namespace& ns) -> std::optional<meta::MountInfo> {
            const meta::MountInfo* found = ns.mounts().FindById(request->mountid());
            return found == nullptr ? std::nullopt : std::optional(*found);
          });
      if (!mount)
        return NotFound("mountId {} is no mount; it was unmounted, or its options changed",
                        request->mountid());
      auto* out = response->mutable_ufsinfo();
      out->set_uri(mount->ufs_uri);
      out->mutable_properties()->set_readonly(mount->read_only);
      out->mutable_properties()->set_shared(mount->shared);
      for (const auto& [key, value] : mount->properties)
        (*out->mutable_properties()->mutable_properties())[key] = value;
      deps_.store.AfterDurable(finish);
      return Status::Ok();
    });
  }

 private:
  const ServiceDeps deps_;
  PersistScheduler& persist_;
  const CallGate gate_;
};

}  // namespace

std::unique_ptr<::grpc::Service> MakeFileSystemWorkerService(const ServiceDeps& deps,
                                                             PersistScheduler& persist) {
  return std::make_unique<FileSystemWorkerService>(deps, persist);
}

}  // namespace headpond::master
