#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/result.h"
#include "master/backups.h"
#include "master/metadata_store.h"
#include "master/quorum.h"
#include "master/ufs_pool.h"

namespace headpond::master {

// What a master is made of while it serves: blocks and workers, the file-system operations,
// background work, services, the RPC port and the pages. Made when this master may change the
// namespace, destroyed when it may not any more; used from one thread.
class PrimaryMaster {
 public:
  // All must outlive the primary.
  struct Around {
    const Config& config;
    const Clock& clock;
    MetricsRegistry& metrics;
    MetadataStore& store;  // recovered
    UfsPool::Opener open_ufs;
    std::string cluster_id;
    Quorum* quorum = nullptr;  // that keeps the journal, if any
    Backups& backups;          // of the store
  };
  // Makes the namespace's root if there is none and everything ready. Errors name the property that
  // is wrong and the remedy; Unavailable when the journal takes no changes.
  static Result<std::unique_ptr<PrimaryMaster>> Create(Around around);
  ~PrimaryMaster();  // Stop()

  // Serves. Once it returned OK, clients can connect.
  Status Start();
  // Refuses new calls and ends running ones, within five seconds. Idempotent.
  void Stop();

  int rpc_port() const;
  int web_port() const;

 private:
  struct Parts;
  explicit PrimaryMaster(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace headpond::master
