// FileSystem::CacheFile: filling the workers' caches.
#include <algorithm>

#include "client/convert.h"
#include "client/file_system.h"
#include "client/impl.h"
#include "client/ufs_options.h"
#include "proto/block_worker.pb.h"

namespace headpond::client {
namespace {

constexpr char kCache[] = "/alluxio.grpc.block.BlockWorker/Cache";
// One block out of a slow under-store.
constexpr Millis kCacheTimeout{10 * 60'000};

bool Holds(const BlockInfo& block, const WorkerAddress& worker) {
  return std::ranges::any_of(
      block.locations, [&](const BlockLocation& location) { return location.worker == worker; });
}

}  // namespace

Status FileSystem::CacheFile(const FileInfo& info, bool local_only,
                             const std::function<void(int64_t bytes)>& progress) {
  ASSIGN_OR_RETURN(const Policy policy,
                   impl_->ConfiguredPolicy("", "alluxio.user.ufs.block.read.location.policy"));
  const std::optional<WorkerAddress> local = impl_->LocalWorker();
  if (local_only && !local) return Unavailable("there is no worker on this machine");
  for (size_t i = 0; i < info.blocks.size(); ++i) {
    const BlockInfo& block = info.blocks[i].block;
    const bool cached = local_only ? Holds(block, *local) : !block.locations.empty();
    if (!cached) {
      WorkerAddress keeper;
      if (local_only) {
        keeper = *local;
      } else {
        ASSIGN_OR_RETURN(keeper, impl_->PickWorker(policy, block.id, block.length, {}));
      }
      // A worker that is its own source reads the under-store.
      const WorkerAddress& source =
          block.locations.empty() ? keeper : block.locations.front().worker;
      alluxio::grpc::block::CacheRequest request;
      request.set_block_id(block.id);
      request.set_length(block.length);
      request.set_source_host(source.connect_host());
      request.set_source_port(source.data_port);
      *request.mutable_open_ufs_block_options() = UfsOptions(*impl_, info, i, ReadType::kCache);
      alluxio::grpc::block::CacheResponse response;
      RETURN_IF_ERROR(impl_->workers().Unary(keeper, kCache, request, response, kCacheTimeout));
    }
    progress(block.length);
  }
  return Status::Ok();
}

}  // namespace headpond::client
