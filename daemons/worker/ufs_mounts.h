#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "ufs/ufs.h"

namespace headpond::worker {

using MountId = int64_t;

// What the master says of a mount (FileSystemMasterWorkerService/GetUfsInfo).
struct MountSpec {
  std::string uri;
  std::map<std::string, std::string> properties;
};

// The under-stores this worker has open, by mount. A mount's id changes with its options, so an id
// is asked for once. Thread safe; asks and opens without holding its lock.
class UfsMounts {
 public:
  using Ask = std::function<Result<MountSpec>(MountId)>;
  using Opener = std::function<Result<std::unique_ptr<ufs::Ufs>>(
      const std::string& uri, const std::map<std::string, std::string>& properties)>;
  explicit UfsMounts(Ask ask, Opener open = ufs::OpenUfs)
      : ask_(std::move(ask)), open_(std::move(open)) {}

  struct Mount {
    std::string uri;
    std::shared_ptr<ufs::Ufs> ufs;
  };
  // Errors: the master's (NotFound: unmounted meanwhile; Unavailable), or why the store can't be
  // opened.
  Result<Mount> Get(MountId id) EXCLUDES(mutex_);

 private:
  const Ask ask_;
  const Opener open_;
  Mutex mutex_;
  std::map<MountId, Mount> mounts_ GUARDED_BY(mutex_);
};

}  // namespace headpond::worker
