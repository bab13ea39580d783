#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "master/block_master.h"
#include "master/metadata_store.h"

namespace headpond::master {

// Which workers serve, kept with the namespace, so that a master that begins knows whom to expect:
// its safe mode, in which it says nothing of blocks, ends when all of them have registered, and not
// only when the time for that is up. Thread safe.
class WorkerRoster {
 public:
  // The master begins now. `wait` (alluxio.master.worker.connect.wait.time) is how long its safe
  // mode lasts at most; none for a namespace that is `fresh`, whose blocks nobody can have, unless
  // workers served, which clients may be about to write to. All must outlive it.
  WorkerRoster(MetadataStore& store, const BlockMaster& blocks, const Clock& clock,
               std::chrono::milliseconds wait, bool fresh);

  // Once false, always false.
  bool InSafeMode();

  // Records who came and who went since the last call: when a worker registers, which is told so
  // once this is durable, and now and then. What was recorded and is not back yet stays until safe
  // mode is over. A failure is none, as it is called again soon.
  void Update() EXCLUDES(updates_);

 private:
  MetadataStore& store_;
  const BlockMaster& blocks_;
  const Clock& clock_;
  const int64_t until_ms_;
  const std::set<std::string> awaited_;
  std::atomic<bool> over_;
  Mutex updates_;  // one at a time: each goes by who serves now
};

}  // namespace headpond::master
