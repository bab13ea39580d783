#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/config.h"
#include "base/daemon.h"
#include "base/worker_address.h"
#include "cache/block_files.h"
#include "cache/block_store.h"
#include "worker/ufs_mounts.h"

namespace headpond::worker {

// What a worker has around it; tests put faults there.
struct WorkerOutside {
  std::unique_ptr<cache::BlockFiles> files = cache::BlockFiles::Posix();
  UfsMounts::Opener open_ufs = ufs::OpenUfs;
};

// A whole worker: built from a configuration, started, stopped in reverse. The one place where its
// parts are wired.
class WorkerServer final : public Daemon {
 public:
  // Opens the tiers and recovers their blocks. Errors name the property that is wrong and the
  // remedy.
  static Result<std::unique_ptr<WorkerServer>> Create(const Config& config,
                                                      WorkerOutside outside = {});
  ~WorkerServer() override;  // Stop()

  // Serves, and begins to register with the master, which may come up later.
  Status Start() override;
  void Stop() override;
  Status failure() const override { return Status::Ok(); }

  int rpc_port() const;
  int web_port() const;
  bool registered() const;  // the master knows this worker
  cache::BlockStore& store();

 private:
  struct Parts;
  explicit WorkerServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The tiers that alluxio.worker.tieredstore.* describe. Errors: InvalidArgument naming the property
// when the lists of paths, quotas and medium types of a level do not fit together.
Result<std::vector<cache::TierOptions>> TiersOf(const Config& config);

// `headpond worker [--no-format] [-Dkey=value ...]`. Blocks of a former run are kept; --no-format
// is accepted for the sake of stock's entry point.
int WorkerMain(std::span<const std::string> arguments);

}  // namespace headpond::worker
