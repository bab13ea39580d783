#include "cli/work_group.h"

#include <algorithm>

namespace headpond::cli {

WorkGroup::WorkGroup(int threads)
    : limit_(3 * static_cast<size_t>(std::max(threads, 1))),
      pool_("cli-work", threads, 3 * std::max(threads, 1)) {}

void WorkGroup::Add(std::function<Status()> work) {
  {
    MutexLock lock(mutex_);
    while (running_ >= limit_) done_.Wait(mutex_);
    ++running_;
  }
  const auto run = [this, work = std::move(work)] {
    const Status status = work();
    MutexLock lock(mutex_);
    --running_;
    if (!status.ok())
      failure_ = failure_.ok()
                     ? status
                     : Status(failure_.code(), failure_.message() + "\n" + status.message());
    done_.NotifyAll();
  };
  // The queue has a place for each piece counted above, so it can't be full.
  if (const Status status = pool_.Submit(run); !status.ok()) {
    MutexLock lock(mutex_);
    --running_;
    failure_ = status;
  }
}

Status WorkGroup::Wait() {
  MutexLock lock(mutex_);
  while (running_ > 0) done_.Wait(mutex_);
  return std::exchange(failure_, Status::Ok());
}

}  // namespace headpond::cli
