#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "master/block_master.h"
#include "master/file_system_master.h"
#include "master/metadata_store.h"

namespace headpond::master {

// What a master does by itself, each on its own thread and interval: notices lost workers and
// files, ends TTLs. The ticks are public so that tests call them at will.
class Housekeeping {
 public:
  struct Options {
    std::chrono::milliseconds lost_worker_interval{std::chrono::seconds(10)};
    std::chrono::milliseconds ttl_interval{std::chrono::hours(1)};
  };
  Housekeeping(Options options, MetadataStore& store, BlockMaster& blocks, FileSystemMaster& files,
               const Clock& clock);

  void Start();
  void Stop();  // idempotent

  void DetectLostWorkers();
  // Files that were lost, and whose blocks some worker has again, are lost no more.
  void FindLostFiles();
  void ExpireTtls();

 private:
  void Expire(meta::InodeId id, meta::TtlAction action);
  Status ExpireFree(meta::InodeId id, int64_t now_ms);

  const Options options_;
  MetadataStore& store_;
  BlockMaster& blocks_;
  FileSystemMaster& files_;
  const Clock& clock_;
  std::vector<std::unique_ptr<PeriodicTask>> tasks_;
};

}  // namespace headpond::master
