#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "meta/mount_table.h"
#include "ufs/ufs.h"

namespace headpond::master {

// The open under-store of each mount. Thread safe; opening blocks on I/O outside the lock.
class UfsPool {
 public:
  // Injected for tests; ufs::OpenUfs otherwise.
  using Opener = std::function<Result<std::unique_ptr<ufs::Ufs>>(
      const std::string& uri, const std::map<std::string, std::string>& properties)>;
  explicit UfsPool(Opener opener = ufs::OpenUfs) : opener_(std::move(opener)) {}

  // A mount's id changes with its options (meta/mount_table.h), so an id names one way to open a
  // store.
  Result<std::shared_ptr<ufs::Ufs>> Get(const meta::MountInfo& mount) EXCLUDES(mutex_);
  // Opens without keeping: to look at a store before it is mounted.
  Result<std::shared_ptr<ufs::Ufs>> Probe(const std::string& uri,
                                          const std::map<std::string, std::string>& properties);
  void Drop(meta::MountId id) EXCLUDES(mutex_);
  // Of the mount's store; unknown when it does not tell.
  ufs::Ufs::Space SpaceOf(const meta::MountInfo& mount) EXCLUDES(mutex_);

 private:
  const Opener opener_;
  Mutex mutex_;
  std::map<meta::MountId, std::shared_ptr<ufs::Ufs>> open_ GUARDED_BY(mutex_);
};

}  // namespace headpond::master
