#include "master/failover_master.h"

#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "master/primary_master.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr std::chrono::seconds kDemotionLook{1};

}  // namespace

Status FailoverMaster::Start() {
  RETURN_IF_ERROR(ports_.Hold());
  thread_ = std::thread([this] { Run(); });
  return Status::Ok();
}

void FailoverMaster::Stop() {
  if (stopping_.exchange(true)) return;
  Interrupt();
  if (thread_.joinable()) thread_.join();
  ports_.Free();
}

Status FailoverMaster::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

void FailoverMaster::Run() {
  Status status = OpenJournal();
  while (status.ok() && !stopping_) status = FollowAndLead();
  if (!status.ok() && !stopping_) Fail(status);
}

void FailoverMaster::Fail(const Status& status) {
  LogError(kComponent, "{}", status.message());
  {
    MutexLock lock(mutex_);
    failure_ = status;
  }
  StopSignal::Request();
}

Status FailoverMaster::Lead(MetadataStore& store, journal::ReplicatedJournal& journal,
                            const std::string& cluster_id, Quorum* quorum, Backups& backups) {
  const auto led_no_more = [&](std::chrono::seconds wait) {
    return journal.AwaitDemotion(std::chrono::steady_clock::now() + wait);
  };
  auto primary = PrimaryMaster::Create({.config = config_,
                                        .clock = Clock::System(),
                                        .metrics = metrics_,
                                        .store = store,
                                        .open_ufs = outside_.open_ufs,
                                        .cluster_id = cluster_id,
                                        .quorum = quorum,
                                        .backups = backups});
  if (!primary.ok()) return led_no_more({}) ? Status::Ok() : primary.status();
  ports_.Free();
  RETURN_IF_ERROR((*primary)->Start());
  OnServing(true);
  while (!stopping_ && !led_no_more(kDemotionLook)) {
  }
  OnServing(false);
  (*primary)->Stop();
  if (stopping_) return Status::Ok();
  LogInfo(kComponent, "this master leads no more");
  if (config_.GetBool("alluxio.master.journal.exit.on.demotion"))
    return Unavailable(
        "another master leads, and alluxio.master.journal.exit.on.demotion asks this one to end");
  return ports_.Hold();
}

}  // namespace headpond::master
