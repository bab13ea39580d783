#pragma once

#include <memory>

#include "base/executor.h"
#include "base/metrics.h"
#include "master/backups.h"
#include "master/master_server.h"
#include "master/metadata_store.h"
#include "master/primary_master.h"

namespace headpond::master {

// The only master of a cluster: replays its journal, then serves until it is stopped.
class LoneMaster final : public MasterServer {
 public:
  static Result<std::unique_ptr<LoneMaster>> Create(const Config& config, MasterOutside outside);
  ~LoneMaster() override;  // Stop()

  Status Start() override;
  void Stop() override;
  Status failure() const override;  // of the journal
  int rpc_port() const override { return primary_->rpc_port(); }
  int web_port() const override { return primary_->web_port(); }

 private:
  LoneMaster(const Config& config, MasterOutside outside)
      : config_(config), outside_(std::move(outside)) {}

  const Config config_;
  const MasterOutside outside_;
  MetricsRegistry metrics_;
  std::unique_ptr<MetadataStore> store_;
  std::unique_ptr<Backups> backups_;
  std::unique_ptr<PrimaryMaster> primary_;
  std::unique_ptr<PeriodicTask> snapshots_, journal_watch_;
  bool stopped_ = false;
};

}  // namespace headpond::master
