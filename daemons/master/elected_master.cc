#include "master/elected_master.h"

#include "base/clock.h"
#include "base/random.h"
#include "master/raft_quorum.h"
#include "master/store_setup.h"

namespace headpond::master {

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

void ElectedMaster::Stop() {
  FailoverMaster::Stop();
  watch_.reset();
}

void ElectedMaster::Interrupt() {
  std::shared_ptr<journal::ReplicatedJournal> journal;
  {
    MutexLock lock(mutex_);
    if (formation_ != nullptr) formation_->Stop();
    journal = open_journal_;
  }
  // Ends following and leading.
  if (journal != nullptr) journal->Stop();
}

Result<journal::Formation::Outcome> ElectedMaster::FindCluster() {
  journal::Formation* formation = nullptr;
  {
    MutexLock lock(mutex_);
    if (stopping()) return Cancelled("the master is being stopped");
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
  backup_service_ = MakeBackupService(backup_desk_, journal_.cluster_id, folder_.security);
  journal_.transport->AddService(*backup_service_);
  watch_ = WatchMembership(folder_, journal_, [this](const Status& status) { Fail(status); });
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
  const auto peers = MakeQuorumPeers(journal_.cluster_id, folder_.security,
                                     [this] { return journal_.journal->node(); });
  Backups backups(BackupOptionsOf(config_),
                  {.store = store,
                   .open_ufs = outside_.open_ufs,
                   .clock = Clock::System(),
                   .reports = backup_desk_.reports(),
                   .peers = peers.get()},
                  Random::FromSystem());
  backup_desk_.Open(backups);
  const Status status = FollowAndLead(store, backups);
  backup_desk_.Close();
  return status;
}

Status ElectedMaster::FollowAndLead(MetadataStore& store, Backups& backups) {
  ASSIGN_OR_RETURN(const auto followed, store.Follow(*journal_.journal));
  if (followed != journal::ReplicatedJournal::Followed::kPromoted) return Status::Ok();
  RaftQuorum quorum(*journal_.journal->node());
  return Lead(store, *journal_.journal, journal_.cluster_id, &quorum, backups);
}

}  // namespace headpond::master
