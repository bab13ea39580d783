#include "master/worker_roster.h"

#include <algorithm>
#include <vector>

#include "base/log.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";

std::set<std::string> Recorded(const MetadataStore& store) {
  return store.Read([](const meta::Namespace& ns) { return ns.workers(); });
}

std::vector<std::string> Without(const std::set<std::string>& these,
                                 const std::set<std::string>& those) {
  std::vector<std::string> rest;
  std::ranges::set_difference(these, those, std::back_inserter(rest));
  return rest;
}

}  // namespace

WorkerRoster::WorkerRoster(MetadataStore& store, const BlockMaster& blocks, const Clock& clock,
                           std::chrono::milliseconds wait, bool fresh)
    : store_(store),
      blocks_(blocks),
      clock_(clock),
      until_ms_(clock.NowMs() + wait.count()),
      awaited_(Recorded(store)),
      over_(fresh && awaited_.empty()) {}

bool WorkerRoster::InSafeMode() {
  if (over_) return false;
  // Nobody recorded: it may be that nobody ever was.
  const bool all_back = !awaited_.empty() && Without(awaited_, blocks_.LiveAddresses()).empty();
  if (!all_back && clock_.NowMs() < until_ms_) return true;
  if (!over_.exchange(true))
    LogInfo(kComponent, "safe mode is over: {}",
            all_back ? "all workers have registered" : "workers had their time to register");
  return false;
}

void WorkerRoster::Update() {
  MutexLock lock(updates_);
  const bool keeps_awaited = InSafeMode();
  const std::set<std::string> live = blocks_.LiveAddresses();
  const std::set<std::string> recorded = Recorded(store_);
  meta::Mutation change;
  change.worker_puts = Without(live, recorded);
  if (!keeps_awaited) change.worker_removals = Without(recorded, live);
  if (change.empty()) return;
  change.op_time_ms = clock_.NowMs();
  store_.Commit([&](const meta::Namespace&) -> Result<meta::Mutation> { return change; },
                [](const Status&) {});
}

}  // namespace headpond::master
