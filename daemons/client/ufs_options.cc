#include "client/ufs_options.h"

namespace headpond::client {

alluxio::proto::dataserver::OpenUfsBlockOptions UfsOptions(const FileSystem::Impl& fs,
                                                           const FileInfo& info, size_t index,
                                                           ReadType type) {
  alluxio::proto::dataserver::OpenUfsBlockOptions options;
  if (info.persisted) {
    options.set_ufs_path(info.ufs_path);
    options.set_offset_in_file(info.blocks[index].offset);
  } else {
    options.set_block_in_ufs_tier(true);
  }
  options.set_block_size(info.blocks[index].block.length);
  options.set_maxufsreadconcurrency(
      static_cast<int32_t>(fs.config().GetInt("alluxio.user.ufs.block.read.concurrency.max")));
  options.set_mountid(info.mount_id);
  options.set_no_cache(type == ReadType::kNoCache);
  options.set_user(fs.user());
  return options;
}

}  // namespace headpond::client
