#include "worker/ufs_mounts.h"

namespace headpond::worker {

Result<UfsMounts::Mount> UfsMounts::Get(MountId id) {
  {
    MutexLock lock(mutex_);
    if (const auto it = mounts_.find(id); it != mounts_.end()) return it->second;
  }
  ASSIGN_OR_RETURN(const MountSpec spec, ask_(id));
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Ufs> opened, open_(spec.uri, spec.properties));
  MutexLock lock(mutex_);
  return mounts_.emplace(id, Mount{spec.uri, std::move(opened)}).first->second;
}

}  // namespace headpond::worker
