#pragma once

#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "base/random.h"
#include "master/block_master.h"
#include "master/cluster_metrics.h"
#include "master/file_system_master.h"

namespace grpc {
class Service;
}
namespace headpond::net {
class Authenticator;
class LaneMethods;
class UserGroups;
}  // namespace headpond::net

namespace headpond::master {

// What the services of one master stand on. All must outlive them.
struct ServiceDeps {
  MetadataStore& store;
  FileSystemMaster& files;
  BlockMaster& blocks;
  const net::Authenticator& authenticator;
  net::UserGroups& groups;
  MetricsRegistry& metrics;
  ClusterMetrics& cluster;
  Executor& io;
  const Clock& clock;
  // alluxio.master.filesystem.liststatus.result.message.length
  size_t list_batch = 10'000;
  // Of requests without one: alluxio.user.file.metadata.sync.interval, as this master has it.
  SyncPolicy default_sync;
  // True while workers may not have reported their blocks after a start
  // (alluxio.master.worker.connect.wait.time).
  std::function<bool()> in_safe_mode = [] { return false; };
  // Keeps with the namespace that a worker has registered, durable by the next AfterDurable.
  std::function<void()> worker_registered = [] {};
};

// FileSystemMasterClientService: what clients ask about paths. Methods of features that this build
// does not have (active sync, sync v2, load jobs) answer UNIMPLEMENTED. Adds to `lanes` what
// clients call often or many at a time.
std::unique_ptr<::grpc::Service> MakeFileSystemClientService(const ServiceDeps& deps,
                                                             net::LaneMethods& lanes);

}  // namespace headpond::master
