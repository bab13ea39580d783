#include "worker/wire.h"

#include <limits>

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

std::optional<UfsBlock> ToUfsBlock(
    const ::alluxio::proto::dataserver::OpenUfsBlockOptions& options) {
  if (options.ufs_path().empty()) return std::nullopt;
  return UfsBlock{.ufs_path = options.ufs_path(),
                  .offset_in_file = options.offset_in_file(),
                  .block_size = options.block_size(),
                  .mount_id = options.mountid(),
                  .no_cache = options.no_cache()};
}

template <typename Request>
Result<CacheRequest> Convert(const Request& request) {
  if (request.block_id() < 0)
    return InvalidArgument("block_id is {}, must not be negative", request.block_id());
  if (request.length() < 0)
    return InvalidArgument("length is {}, must not be negative", request.length());
  if (request.source_port() < 0 || request.source_port() > 65535)
    return InvalidArgument("source_port is {}, must be 0 to 65535", request.source_port());
  const auto ufs = ToUfsBlock(request.open_ufs_block_options());
  RETURN_IF_ERROR(CheckUfsBlock(ufs));
  return CacheRequest{.block = request.block_id(),
                      .length = request.length(),
                      .source_host = request.source_host(),
                      .source_port = request.source_port(),
                      .ufs = ufs};
}

}  // namespace

Status CheckUfsBlock(const std::optional<UfsBlock>& ufs) {
  if (!ufs) return Status::Ok();
  if (ufs->offset_in_file < 0)
    return InvalidArgument("offset_in_file is {}, must not be negative", ufs->offset_in_file);
  if (ufs->block_size < 0)
    return InvalidArgument("block_size is {}, must not be negative", ufs->block_size);
  if (ufs->block_size > std::numeric_limits<int64_t>::max() - ufs->offset_in_file)
    return InvalidArgument("offset_in_file {} plus block_size {} is out of range",
                           ufs->offset_in_file, ufs->block_size);
  return Status::Ok();
}

std::optional<UfsBlock> UfsBlockOf(const blockpb::ReadRequest& request) {
  return ToUfsBlock(request.open_ufs_block_options());
}

Result<CacheRequest> CacheRequestOf(const blockpb::CacheRequest& request) {
  return Convert(request);
}
Result<CacheRequest> CacheRequestOf(const blockpb::AsyncCacheRequest& request) {
  return Convert(request);
}

}  // namespace headpond::worker
