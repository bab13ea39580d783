#include "master/shared_master.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/host_port.h"
#include "base/log.h"
#include "base/random.h"
#include "journal/shared/epochs.h"
#include "master/store_setup.h"
#include "zookeeper/leaders.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr const char* kFolder = "alluxio.master.journal.folder";
constexpr const char* kSessionTimeout = "alluxio.zookeeper.session.timeout";
// Unless it is set. Stock's 60 s are for stops of a JVM; this bounds how long a cluster is without
// a leader when one dies, and ZooKeeper's default ticks allow 4 s at least.
constexpr std::chrono::seconds kDefaultSessionTimeout{6};
constexpr std::chrono::milliseconds kPause{200};

std::string OwnAddress(const Config& config) {
  return HostPort{config.Find("alluxio.master.hostname").value_or(LocalHostName()),
                  static_cast<int>(config.GetInt("alluxio.master.rpc.port"))}
      .ToString();
}

// Of a file in the shared folder that no other master uses.
std::string ProbeName(std::string self) {
  std::ranges::replace(self, '/', '_');
  return "probe-" + self;
}

}  // namespace

SharedMaster::SharedMaster(const Config& config, MasterOutside outside)
    : FailoverMaster(config, std::move(outside)),
      self_(OwnAddress(config)),
      record_path_(ClusterRecordPath(config.GetString("alluxio.zookeeper.election.path"))) {}

Result<std::unique_ptr<SharedMaster>> SharedMaster::Create(const Config& config,
                                                           MasterOutside outside) {
  RETURN_IF_ERROR(zookeeper::CheckConfig(config));
  if (config.GetString("alluxio.master.journal.type") != "UFS")
    return InvalidArgument(
        "Raft-based embedded journal and Zookeeper cannot be used at the same time. Set "
        "alluxio.master.journal.type=UFS for masters that share a folder, or "
        "alluxio.zookeeper.enabled=false");
  std::unique_ptr<SharedMaster> master(new SharedMaster(config, std::move(outside)));
  ASSIGN_OR_RETURN(master->folder_, SharedFolderOf(config, *master->outside_.env));
  if (const Status status = journal::CheckSharedFolder(*master->outside_.env, master->folder_,
                                                       ProbeName(master->self_));
      !status.ok())
    return status.WithContext(fmt::format("{}={} can't be written, and a master that leads has to",
                                          kFolder, master->folder_));
  zookeeper::ElectionOptions options{
      .address = config.GetString("alluxio.zookeeper.address"),
      .election_path = config.GetString("alluxio.zookeeper.election.path"),
      .leader_path = config.GetString("alluxio.zookeeper.leader.path"),
      .self = master->self_,
      .session_timeout = config.IsSet(kSessionTimeout) ? config.GetDuration(kSessionTimeout)
                                                       : kDefaultSessionTimeout,
      .connection_loss_ends =
          config.GetString("alluxio.zookeeper.leader.connection.error.policy") == "STANDARD"};
  master->election_ = std::make_unique<zookeeper::Election>(
      std::move(options), [self = master.get()] { self->OnElection(); });
  return master;
}

SharedMaster::~SharedMaster() {
  SharedMaster::Stop();
}

Status SharedMaster::Start() {
  RETURN_IF_ERROR(FailoverMaster::Start());
  election_->Start();
  return Status::Ok();
}

void SharedMaster::Interrupt() {
  std::shared_ptr<journal::SharedJournal> journal;
  {
    MutexLock lock(mutex_);
    journal = open_journal_;
    news_ = true;
    changed_.NotifyAll();
  }
  // Ends following and leading. Only then may another one lead.
  if (journal != nullptr) journal->Stop();
  if (election_ != nullptr) election_->Stop();
}

void SharedMaster::OnElection() {
  std::shared_ptr<journal::SharedJournal> journal;
  {
    MutexLock lock(mutex_);
    news_ = true;
    changed_.NotifyAll();
    journal = open_journal_;
  }
  if (journal != nullptr) journal->OnLeadershipChange();
}

void SharedMaster::Pause() {
  const auto deadline = std::chrono::steady_clock::now() + kPause;
  MutexLock lock(mutex_);
  while (!news_)
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  news_ = false;
}

Status SharedMaster::OpenJournal() {
  for (bool agreed = false; !agreed; Pause()) {
    if (stopping()) return Cancelled("the master is being stopped");
    const auto session = election_->session();
    if (session == nullptr) continue;
    const auto step = AgreeOnFolder(*session);
    // What ZooKeeper did not answer is asked again.
    const bool lost =
        step.status().code() == Code::kUnavailable || step.status().code() == Code::kAborted;
    if (!step.ok() && !lost) return step.status();
    agreed = step.ok() && *step;
  }
  journal_ = journal::OpenSharedJournal(
      *outside_.env, *this,
      {.folder = folder_,
       .cluster_id = cluster_id_,
       .owner = self_,
       .initial_state = [this]() -> Result<std::unique_ptr<journal::SnapshotSource>> {
         ASSIGN_OR_RETURN(auto state, ReadConfiguredBackup(config_));
         return std::unique_ptr<journal::SnapshotSource>(std::move(state));
       },
       .metrics = &metrics_});
  MutexLock lock(mutex_);
  open_journal_ = journal_;
  return Status::Ok();
}

Result<bool> SharedMaster::AgreeOnFolder(zookeeper::Session& session) {
  const bool elected = election_->Leads();
  // In this order: the folder is always ahead of the record.
  ASSIGN_OR_RETURN(auto record, ReadClusterRecord(session, record_path_));
  ASSIGN_OR_RETURN(const FolderView view, LookAtSharedFolder(*outside_.env, folder_));
  ASSIGN_OR_RETURN(const FolderStep step, NextFolderStep(record, view, elected));
  Random random = Random::FromSystem();
  switch (step) {
    case FolderStep::kWait: return false;
    case FolderStep::kRecord:
      RETURN_IF_ERROR(
          WriteClusterRecord(session, record_path_, ClusterRecord{.cluster_id = random.Uuid()}));
      return false;
    case FolderStep::kStamp:
      RETURN_IF_ERROR(journal::WriteSharedStamp(*outside_.env, folder_, record->cluster_id));
      record->formed = true;
      RETURN_IF_ERROR(WriteClusterRecord(session, record_path_, *record));
      return false;
    case FolderStep::kAdopt:
      LogWarn(kComponent, "ZooKeeper has no record of cluster {} (any more): taken from {}",
              *view.cluster_id, folder_);
      RETURN_IF_ERROR(WriteClusterRecord(
          session, record_path_,
          ClusterRecord{.cluster_id = *view.cluster_id, .formed = true, .epoch = view.epoch}));
      return false;
    case FolderStep::kUse: break;
  }
  cluster_id_ = *view.cluster_id;
  return true;
}

void SharedMaster::RecordEpoch() {
  const auto session = election_->session();
  if (session == nullptr) return;
  const Status status = WriteClusterRecord(
      *session, record_path_,
      ClusterRecord{.cluster_id = cluster_id_, .formed = true, .epoch = journal_->epoch()});
  if (!status.ok()) LogWarn(kComponent, "ZooKeeper keeps an older epoch: {}", status.message());
}

Status SharedMaster::FollowAndLead() {
  MetadataStore store(NamespaceOptionsOf(config_), journal_);
  ASSIGN_OR_RETURN(const auto followed, store.Follow(*journal_));
  if (followed != journal::ReplicatedJournal::Followed::kPromoted) return Status::Ok();
  RecordEpoch();
  const auto snapshots = StartSnapshots(config_, store);
  Backups backups(BackupOptionsOf(config_),
                  {.store = store, .open_ufs = outside_.open_ufs, .clock = Clock::System()},
                  Random::FromSystem());
  return Lead(store, *journal_, cluster_id_, /*quorum=*/nullptr, backups);
}

std::optional<QuorumView> SharedMaster::Look() const {
  std::shared_ptr<journal::SharedJournal> journal;
  {
    MutexLock lock(mutex_);
    journal = open_journal_;
  }
  if (journal == nullptr) return std::nullopt;
  QuorumView view{.sequence = journal->last_sequence()};
  view.standing.leader = election_->leader();
  view.standing.term = journal->epoch();
  view.standing.role = election_->Leads()             ? QuorumStanding::Role::kLeader
                       : view.standing.leader.empty() ? QuorumStanding::Role::kCandidate
                                                      : QuorumStanding::Role::kFollower;
  return view;
}

}  // namespace headpond::master
