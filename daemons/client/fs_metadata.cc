// FileSystem's calls on the namespace.
#include <google/protobuf/arena.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include "client/convert.h"
#include "client/file_system.h"
#include "client/impl.h"

namespace headpond::client {
namespace {

namespace wire = alluxio::grpc::file;

constexpr char kListStatusPath[] = "/alluxio.grpc.file.FileSystemMasterClientService/ListStatus";
// Between two batches of a listing; the first may load a folder from a slow under-store.
constexpr Millis kListTimeout{10 * 60'000};

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

Result<wire::LoadMetadataPType> LoadType(const Config& config, std::optional<LoadMetadata> given) {
  if (given) return ToWire(*given);
  const std::string text = config.GetString("alluxio.user.file.metadata.load.type");
  wire::LoadMetadataPType type;
  if (!wire::LoadMetadataPType_Parse(text, &type))
    return InvalidArgument("alluxio.user.file.metadata.load.type={}: use NEVER, ONCE or ALWAYS",
                           text);
  return type;
}

}  // namespace

Result<FileInfo> FileSystem::GetStatus(std::string_view path, const GetStatusOptions& options) {
  wire::GetStatusPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  auto* wire_options = request.mutable_options();
  ASSIGN_OR_RETURN(const auto load_type, LoadType(config(), options.load_metadata));
  wire_options->set_loadmetadatatype(load_type);
  impl_->SetSyncInterval(options.sync_interval_ms, wire_options->mutable_commonoptions());
  wire_options->set_updatetimestamps(options.update_access_time);
  if (options.for_reading) wire_options->set_accessmode(alluxio::grpc::READ);
  ASSIGN_OR_RETURN(auto response, impl_->master().Call(methods::kGetStatus, request));
  return FromWire(std::move(*response.mutable_fileinfo()));
}

Result<bool> FileSystem::Exists(std::string_view path) {
  wire::ExistsPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  ASSIGN_OR_RETURN(const auto load_type, LoadType(config(), std::nullopt));
  request.mutable_options()->set_loadmetadatatype(load_type);
  impl_->SetSyncInterval(std::nullopt, request.mutable_options()->mutable_commonoptions());
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kExists, request));
  return response.exists();
}

Status FileSystem::ListStatus(std::string_view path, const ListOptions& options,
                              const std::function<Status(FileInfo&&)>& visit) {
  wire::ListStatusPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  auto* wire_options = request.mutable_options();
  ASSIGN_OR_RETURN(const auto load_type, LoadType(config(), options.load_metadata));
  wire_options->set_loadmetadatatype(load_type);
  wire_options->set_recursive(options.recursive);
  wire_options->set_loadmetadataonly(options.load_metadata_only);
  wire_options->set_excludemountinfo(options.exclude_mount_info);
  impl_->SetSyncInterval(options.sync_interval_ms, wire_options->mutable_commonoptions());

  // Once the visitor has seen an entry the listing can't start over; what goes wrong then is final.
  // So a batch is kept until another or the end has come: a leader that is cut off sends one, and
  // then says that it does not lead.
  std::optional<Status> final_status;
  // False once the visitor has failed.
  const auto visit_all = [&](wire::ListStatusPResponse& batch) {
    for (auto& info : *batch.mutable_fileinfos()) {
      final_status = visit(FromWire(std::move(info)));
      if (!final_status->ok()) return false;
    }
    return true;
  };
  const auto list_once = [&](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(const auto stream, connection.OpenStream(kListStatusPath));
    ASSIGN_OR_RETURN(bool open, stream->Write(Serialize(request), kListTimeout));
    if (open) {
      ASSIGN_OR_RETURN(open, stream->WritesDone(kListTimeout));
    }
    google::protobuf::Arena memory;  // of thousands of messages
    auto& kept = *google::protobuf::Arena::CreateMessage<wire::ListStatusPResponse>(&memory);
    while (open) {
      ASSIGN_OR_RETURN(auto message, stream->Read(kListTimeout));
      if (!message) break;
      if (!visit_all(kept)) return Status::Ok();
      if (!grpc::SerializationTraits<wire::ListStatusPResponse>::Deserialize(&*message, &kept).ok())
        return Internal("the master sent a malformed listing of {}", request.path());
    }
    const Status status = stream->Finish(kListTimeout);
    if (!status.ok() && !final_status) return status;
    if (visit_all(kept)) final_status = status;
    return Status::Ok();
  };
  RETURN_IF_ERROR(impl_->master().WithRetry(kFileSystemService, list_once));
  return final_status.value_or(Status::Ok());
}

Result<std::vector<FileInfo>> FileSystem::List(std::string_view path, const ListOptions& options) {
  std::vector<FileInfo> entries;
  RETURN_IF_ERROR(ListStatus(path, options, [&](FileInfo&& info) {
    entries.push_back(std::move(info));
    return Status::Ok();
  }));
  return entries;
}

Result<std::string> FileSystem::GetFilePath(int64_t file_id) {
  wire::GetFilePathPRequest request;
  request.set_fileid(file_id);
  ASSIGN_OR_RETURN(auto response, impl_->master().Call(methods::kGetFilePath, request));
  return std::move(*response.mutable_path());
}

Status FileSystem::CreateDirectory(std::string_view path, const CreateDirectoryOptions& options) {
  wire::CreateDirectoryPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  auto* wire_options = request.mutable_options();
  wire_options->set_recursive(options.recursive);
  wire_options->set_allowexists(options.allow_exists);
  *wire_options->mutable_mode() = ModeToWire(options.mode.value_or(0777 & ~impl_->umask()));
  ASSIGN_OR_RETURN(const WriteType type, impl_->EffectiveWriteType(options.write_type));
  wire_options->set_writetype(ToWire(type));
  for (const auto& [key, value] : options.xattr) (*wire_options->mutable_xattr())[key] = value;
  impl_->SetTtl(std::nullopt, std::nullopt, wire_options->mutable_commonoptions());
  impl_->SetSyncInterval(std::nullopt, wire_options->mutable_commonoptions());
  impl_->SetOperationId(wire_options->mutable_commonoptions());
  return impl_->master().Call(methods::kCreateDirectory, request).status();
}

Status FileSystem::Delete(std::string_view path, const DeleteOptions& options) {
  wire::DeletePRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  auto* wire_options = request.mutable_options();
  wire_options->set_recursive(options.recursive);
  wire_options->set_alluxioonly(options.alluxio_only);
  wire_options->set_unchecked(options.unchecked);
  wire_options->set_deletemountpoint(options.delete_mount_point);
  wire_options->set_syncparentnexttime(options.sync_parent_next_time);
  impl_->SetSyncInterval(std::nullopt, wire_options->mutable_commonoptions());
  impl_->SetOperationId(wire_options->mutable_commonoptions());
  return impl_->master().Call(methods::kRemove, request).status();
}

Status FileSystem::Rename(std::string_view from, std::string_view to,
                          const RenameOptions& options) {
  wire::RenamePRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(from));
  ASSIGN_OR_RETURN(*request.mutable_dstpath(), CleanPath(to));
  auto* wire_options = request.mutable_options();
  wire_options->set_persist(options.persist ||
                            config().GetBool("alluxio.user.file.persist.on.rename"));
  if (options.overwrite) wire_options->mutable_s3syntaxoptions()->set_overwrite(true);
  impl_->SetSyncInterval(std::nullopt, wire_options->mutable_commonoptions());
  impl_->SetOperationId(wire_options->mutable_commonoptions());
  return impl_->master().Call(methods::kRename, request).status();
}

Status FileSystem::SetAttribute(std::string_view path, const SetAttributeOptions& options) {
  wire::SetAttributePRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  auto* wire_options = request.mutable_options();
  if (options.pinned) wire_options->set_pinned(*options.pinned);
  for (const std::string& medium : options.pinned_media) wire_options->add_pinnedmedia(medium);
  if (options.persisted) wire_options->set_persisted(*options.persisted);
  if (options.owner) wire_options->set_owner(*options.owner);
  if (options.group) wire_options->set_group(*options.group);
  if (options.mode) *wire_options->mutable_mode() = ModeToWire(*options.mode);
  if (options.replication_min) wire_options->set_replicationmin(*options.replication_min);
  if (options.replication_max) wire_options->set_replicationmax(*options.replication_max);
  wire_options->set_recursive(options.recursive);
  if (!options.xattr.empty()) {
    for (const auto& [key, value] : options.xattr) (*wire_options->mutable_xattr())[key] = value;
    wire_options->set_xattrupdatestrategy(static_cast<alluxio::proto::journal::XAttrUpdateStrategy>(
        static_cast<int>(options.xattr_update) + 1));
  }
  // Sent only when asked for: the server acts on what is present.
  auto* common = wire_options->mutable_commonoptions();
  if (options.ttl_ms) common->set_ttl(*options.ttl_ms);
  if (options.ttl_action) common->set_ttlaction(ToWire(*options.ttl_action));
  impl_->SetSyncInterval(std::nullopt, common);
  impl_->SetOperationId(common);
  return impl_->master().Call(methods::kSetAttribute, request).status();
}

Status FileSystem::SetAcl(std::string_view path, SetAclAction action,
                          const std::vector<AclEntry>& entries, bool recursive) {
  wire::SetAclPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  request.set_action(static_cast<wire::SetAclAction>(action));
  for (const AclEntry& entry : entries) *request.add_entries() = ToWire(entry);
  request.mutable_options()->set_recursive(recursive);
  impl_->SetSyncInterval(std::nullopt, request.mutable_options()->mutable_commonoptions());
  impl_->SetOperationId(request.mutable_options()->mutable_commonoptions());
  return impl_->master().Call(methods::kSetAcl, request).status();
}

Status FileSystem::Free(std::string_view path, bool recursive, bool forced) {
  wire::FreePRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  request.mutable_options()->set_recursive(recursive);
  request.mutable_options()->set_forced(forced);
  impl_->SetSyncInterval(std::nullopt, request.mutable_options()->mutable_commonoptions());
  return impl_->master().Call(methods::kFree, request).status();
}

Status FileSystem::CheckAccess(std::string_view path, int bits) {
  wire::CheckAccessPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  request.mutable_options()->set_bits(BitsToWire(bits));
  return impl_->master().Call(methods::kCheckAccess, request).status();
}

Status FileSystem::ScheduleAsyncPersistence(std::string_view path, int64_t wait_ms) {
  wire::ScheduleAsyncPersistencePRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  request.mutable_options()->set_persistencewaittime(wait_ms);
  return impl_->master().Call(methods::kScheduleAsyncPersistence, request).status();
}

Status FileSystem::NeedsSync(std::string_view path) {
  wire::NeedsSyncRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  return impl_->master().Call(methods::kNeedsSync, request).status();
}

Result<std::vector<std::string>> FileSystem::CheckConsistency(std::string_view path) {
  wire::CheckConsistencyPRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), CleanPath(path));
  request.mutable_options()->mutable_commonoptions();
  ASSIGN_OR_RETURN(const auto response, impl_->master().Call(methods::kCheckConsistency, request));
  return std::vector<std::string>(response.inconsistentpaths().begin(),
                                  response.inconsistentpaths().end());
}

}  // namespace headpond::client
