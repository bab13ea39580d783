#include "master/ufs_pool.h"

namespace headpond::master {

Result<std::shared_ptr<ufs::Ufs>> UfsPool::Get(const meta::MountInfo& mount) {
  {
    MutexLock lock(mutex_);
    if (const auto it = open_.find(mount.id); it != open_.end()) return it->second;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<ufs::Ufs> opened, Probe(mount.ufs_uri, mount.properties));
  MutexLock lock(mutex_);
  return open_.emplace(mount.id, std::move(opened))
      .first->second;  // the first of two racing openers wins
}

Result<std::shared_ptr<ufs::Ufs>> UfsPool::Probe(
    const std::string& uri, const std::map<std::string, std::string>& properties) {
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Ufs> opened, opener_(uri, properties));
  return std::shared_ptr<ufs::Ufs>(std::move(opened));
}

void UfsPool::Drop(meta::MountId id) {
  MutexLock lock(mutex_);
  open_.erase(id);
}

ufs::Ufs::Space UfsPool::SpaceOf(const meta::MountInfo& mount) {
  const auto store = Get(mount);
  return store.ok() ? (*store)->GetSpace().value_or({}) : ufs::Ufs::Space();
}

}  // namespace headpond::master
