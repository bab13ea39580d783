#include "worker/wire.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

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

Status ParseMessage(const ::grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message,
                    std::string_view name) {
  ::grpc::ByteBuffer copy = bytes;  // shares the slices
  ::grpc::ProtoBufferReader reader(&copy);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return Status::Ok();
  return InvalidArgument("malformed {} of {} bytes", name, bytes.Length());
}

::grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message) {
  const ::grpc::Slice slice(message.SerializeAsString());
  return ::grpc::ByteBuffer(&slice, 1);
}

Status CheckUfsBlock(const std::optional<UfsBlock>& ufs) {
  if (!ufs || (ufs->offset_in_file >= 0 && ufs->block_size >= 0)) return Status::Ok();
  return InvalidArgument(
      "open_ufs_block_options: offset_in_file {} and block_size {} must not be negative",
      ufs->offset_in_file, ufs->block_size);
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
