#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/worker_address.h"
#include "cache/block_store.h"
#include "net/retry.h"
#include "worker/master_link.h"

namespace headpond::worker {

// Keeps the master up to date: registers, sends a heartbeat each interval, carries out its
// commands, and follows the list of pinned files. While no master answers it tries again, says so
// in the log, and the worker goes on serving.
//
//   register ──> heartbeat ──> heartbeat ──> ...
//      ^             │ kRegister: the master does not know us (it restarted, or gave us up)
//      └─────────────┘
class MasterSync {
 public:
  struct Options {
    std::chrono::milliseconds heartbeat_interval{
        std::chrono::seconds(1)};  // alluxio.worker.block.heartbeat.interval
    bool use_lease = true;         // alluxio.worker.register.lease.enabled
  };
  // All must outlive this; `io` deletes blocks, what `metrics` counts is reported.
  MasterSync(Options options, MasterLink& master, cache::BlockStore& store,
             const MetricsRegistry& metrics, Executor& io);
  ~MasterSync();  // Stop()

  // `address` is what clients will use.
  void Start(WorkerAddress address);
  void Stop();

  // Known to the master now.
  bool registered() const { return worker_id_ != kNoWorker; }
  int64_t worker_id() const { return worker_id_; }

  // Reports a new block to the master: before this returned OK the master does not know it. While
  // no master leads, or the one that does has not met this worker yet, waits some seconds: writers
  // are not to see that another one took over. Errors: Unavailable while not registered, or the
  // master's. Blocks.
  Status Commit(BlockId block, const cache::BlockWriter::Committed& committed);

  // One round, for tests; the thread of Start calls it at its interval.
  void Tick();

 private:
  static constexpr int64_t kNoWorker = -1;

  Status Register();
  Status TryCommit(BlockId block, const cache::BlockWriter::Committed& committed);
  Status SendHeartbeat();
  void Obey(const MasterCommand& command);
  void ReportOutage(const Status& status);

  const Options options_;
  WorkerAddress address_;  // set before the thread starts
  MasterLink& master_;
  cache::BlockStore& store_;
  Executor& io_;
  std::atomic<int64_t> worker_id_{kNoWorker};
  // Of the tick's thread.
  CounterReport counters_;  // for the master's sums over all workers
  int failed_rounds_ = 0;
  bool retired_ = false;     // decommissioned or disabled
  net::Pause commit_pause_;  // of all that wait to commit; ended by Stop
  std::unique_ptr<PeriodicTask> task_;
  std::atomic<PeriodicTask*> waker_ = nullptr;  // task_, once there is one
};

}  // namespace headpond::worker
