#include "master/elected_master.h"

#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "master/primary_master.h"
#include "master/raft_quorum.h"
#include "master/store_setup.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr std::chrono::seconds kDemotionLook{1};

}  // namespace

Result<std::unique_ptr<ElectedMaster>> ElectedMaster::Create(const Config& config,
                                                             MasterOutside outside) {
  std::unique_ptr<ElectedMaster> master(new ElectedMaster(config, std::move(outside)));
  ASSIGN_OR_RETURN(master->folder_, PrepareQuorumFolder(master->config_, *master->outside_.env));
  return master;
}

ElectedMaster::~ElectedMaster() {
  ElectedMaster::Stop();
}

std::optional<QuorumView> ElectedMaster::Look() const {
  std::shared_ptr<journal::ReplicatedJournal> journal;
  {
    MutexLock lock(mutex_);
    journal = open_journal_;
  }
  consensus::Consensus* const node = journal == nullptr ? nullptr : journal->node();
  if (node == nullptr) return std::nullopt;
  const RaftQuorum quorum(*node);
  return QuorumView{.standing = quorum.Standing(),
                    .sequence = journal->last_sequence(),
                    .members = quorum.Members()};
}

Status ElectedMaster::Start() {
  RETURN_IF_ERROR(ports_.Hold());
  thread_ = std::thread([this] { Run(); });
  return Status::Ok();
}

void ElectedMaster::Stop() {
  if (stopping_.exchange(true)) return;
  std::shared_ptr<journal::ReplicatedJournal> journal;
  {
    MutexLock lock(mutex_);
    if (formation_ != nullptr) formation_->Stop();
    journal = open_journal_;
  }
  // Ends following and leading.
  if (journal != nullptr) journal->Stop();
  if (thread_.joinable()) thread_.join();
  watch_.reset();
  ports_.Free();
}

Status ElectedMaster::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

void ElectedMaster::Run() {
  Status status = OpenJournal();
  while (status.ok() && !stopping_) status = FollowAndLead();
  if (!status.ok() && !stopping_) Fail(status);
}

void ElectedMaster::Fail(const Status& status) {
  LogError(kComponent, "{}", status.message());
  {
    MutexLock lock(mutex_);
    failure_ = status;
  }
  StopSignal::Request();
}

Result<journal::Formation::Outcome> ElectedMaster::FindCluster() {
  journal::Formation* formation = nullptr;
  {
    MutexLock lock(mutex_);
    if (stopping_) return Cancelled("the master is being stopped");
    formation_ = std::make_unique<journal::Formation>(*folder_.blank);
    formation = formation_.get();
  }
  return formation->Run();
}

Status ElectedMaster::OpenJournal() {
  io::Env& env = *outside_.env;
  RETURN_IF_ERROR(RejoinIfRemoved(config_, env, folder_));
  if (folder_.blank) {
    ASSIGN_OR_RETURN(const auto outcome, folder_.shared_cluster_id.empty()
                                             ? FindCluster()
                                             : FoundWithOwnJournal(folder_));
    RETURN_IF_ERROR(FormatQuorumFolder(config_, folder_, env, outcome));
  }
  ASSIGN_OR_RETURN(journal_, OpenQuorumJournal(config_, folder_, env));
  watch_ =
      WatchMembership(folder_.quorum, journal_, [this](const Status& status) { Fail(status); });
  MutexLock lock(mutex_);
  open_journal_ = journal_.journal;
  return Status::Ok();
}

Status ElectedMaster::FollowAndLead() {
  MetadataStore store(NamespaceOptionsOf(config_), journal_.journal);
  // Each master keeps its own part of the log short, whether it leads or not.
  const auto snapshots = StartSnapshots(config_, store, [this] {
    consensus::Consensus* const node = journal_.journal->node();
    return node != nullptr && node->status().snapshot_wanted;
  });
  ASSIGN_OR_RETURN(const auto followed, store.Follow(*journal_.journal));
  if (followed != journal::ReplicatedJournal::Followed::kPromoted) return Status::Ok();
  return Lead(store);
}

Status ElectedMaster::Lead(MetadataStore& store) {
  RaftQuorum quorum(*journal_.journal->node());
  auto primary = PrimaryMaster::Create({.config = config_,
                                        .clock = Clock::System(),
                                        .metrics = metrics_,
                                        .store = store,
                                        .open_ufs = outside_.open_ufs,
                                        .cluster_id = journal_.cluster_id,
                                        .quorum = &quorum});
  const auto led_no_more = [&] {
    return journal_.journal->AwaitDemotion(std::chrono::steady_clock::now());
  };
  if (!primary.ok()) return led_no_more() ? Status::Ok() : primary.status();
  ports_.Free();
  RETURN_IF_ERROR((*primary)->Start());
  while (!stopping_ &&
         !journal_.journal->AwaitDemotion(std::chrono::steady_clock::now() + kDemotionLook)) {
  }
  (*primary)->Stop();
  if (stopping_) return Status::Ok();
  LogInfo(kComponent, "this master leads no more");
  if (config_.GetBool("alluxio.master.journal.exit.on.demotion"))
    return Unavailable(
        "another master leads, and alluxio.master.journal.exit.on.demotion asks this one to end");
  return ports_.Hold();
}

int ElectedMaster::rpc_port() const {
  return ports_.rpc_port();
}
int ElectedMaster::web_port() const {
  return ports_.web_port();
}

}  // namespace headpond::master
