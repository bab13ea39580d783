#include "worker/write_target.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

class BlockTarget final : public WriteTarget {
 public:
  BlockTarget(BlockId block, bool pin, std::unique_ptr<cache::BlockWriter> writer,
              const CommitToMaster& commit)
      : block_(block), pin_(pin), writer_(std::move(writer)), commit_(commit) {}

  Status Append(std::string_view data) override { return writer_->Append(data); }
  int64_t position() const override { return writer_->position(); }
  Result<std::string> Finish() override {
    RETURN_IF_ERROR(CommitBlock(*writer_, block_, pin_, commit_));
    return std::string();
  }

 private:
  const BlockId block_;
  const bool pin_;
  const std::unique_ptr<cache::BlockWriter> writer_;
  const CommitToMaster& commit_;
};

class UfsFileTarget final : public WriteTarget {
 public:
  UfsFileTarget(std::shared_ptr<ufs::Ufs> ufs, std::unique_ptr<ufs::UfsWriter> writer)
      : ufs_(std::move(ufs)), writer_(std::move(writer)) {}

  Status Append(std::string_view data) override {
    RETURN_IF_ERROR(writer_->Append(data));
    position_ += static_cast<int64_t>(data.size());
    return Status::Ok();
  }
  int64_t position() const override { return position_; }
  Result<std::string> Finish() override {
    ASSIGN_OR_RETURN(ufs::UfsStatus status, writer_->Complete());
    return std::move(status.content_hash);
  }

 private:
  const std::shared_ptr<ufs::Ufs> ufs_;  // outlives its writer
  const std::unique_ptr<ufs::UfsWriter> writer_;
  int64_t position_ = 0;
};

Result<std::unique_ptr<WriteTarget>> OpenBlock(const BlockServiceDeps& deps,
                                               const blockpb::WriteRequestCommand& command) {
  if (command.id() < 0)
    return InvalidArgument("id is {}, a block id must not be negative", command.id());
  if (command.space_to_reserve() < 0)
    return InvalidArgument("space_to_reserve is {}, must not be negative",
                           command.space_to_reserve());
  ASSIGN_OR_RETURN(auto writer,
                   deps.store.Create(NewSessionId(), command.id(),
                                     {.tier = command.tier(), .medium_type = command.medium_type()},
                                     command.space_to_reserve()));
  return std::unique_ptr<WriteTarget>(
      new BlockTarget(command.id(), command.pin_on_create(), std::move(writer), deps.commit));
}

Result<std::unique_ptr<WriteTarget>> OpenUfsFile(const BlockServiceDeps& deps,
                                                 const blockpb::WriteRequestCommand& command) {
  if (!command.has_create_ufs_file_options())
    return InvalidArgument("create_ufs_file_options is missing; a UFS_FILE stream needs it");
  const auto& options = command.create_ufs_file_options();
  if (options.ufs_path().empty())
    return InvalidArgument("create_ufs_file_options.ufs_path is empty");
  ASSIGN_OR_RETURN(UfsMounts::Mount mount, deps.mounts.Get(options.mount_id()));
  ASSIGN_OR_RETURN(auto writer, mount.ufs->Create(options.ufs_path(),
                                                  {.owner = options.owner(),
                                                   .group = options.group(),
                                                   .mode = static_cast<uint16_t>(options.mode()),
                                                   .create_parents = true}));
  return std::unique_ptr<WriteTarget>(new UfsFileTarget(std::move(mount.ufs), std::move(writer)));
}

}  // namespace

Result<std::unique_ptr<WriteTarget>> OpenWriteTarget(const BlockServiceDeps& deps,
                                                     const blockpb::WriteRequestCommand& command) {
  switch (command.type()) {
    case blockpb::UFS_FILE: return OpenUfsFile(deps, command);
    // The fallback to an under-store block is for a full tier only
    // (alluxio.user.file.ufs.tier.enabled, off by default): without it such a stream fails when the
    // tier is full, as a plain block stream does.
    case blockpb::UFS_FALLBACK_BLOCK:
    case blockpb::ALLUXIO_BLOCK: return OpenBlock(deps, command);
  }
  return InvalidArgument("type {} is not a kind of write", static_cast<int>(command.type()));
}

}  // namespace headpond::worker
