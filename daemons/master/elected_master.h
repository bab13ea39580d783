#pragma once

#include <memory>
#include <optional>

#include "master/failover_master.h"
#include "master/master_journal.h"
#include "master/quorum_backups.h"

namespace headpond::master {

// One of several masters that keep the journal together
// (alluxio.master.embedded.journal.addresses). Finds out first what it is a member of. Fails when
// the node of the quorum or the serving does.
class ElectedMaster final : public FailoverMaster {
 public:
  // Looks at this master's part of the journal. Errors name the property and the remedy.
  static Result<std::unique_ptr<ElectedMaster>> Create(const Config& config, MasterOutside outside);
  ~ElectedMaster() override;  // Stop()

  // Hands leadership over if it has it. Within five seconds. Idempotent.
  void Stop() override;

 private:
  ElectedMaster(const Config& config, MasterOutside outside)
      : FailoverMaster(config, std::move(outside)) {}

  // Blocks while a blank folder waits for the other masters.
  Status OpenJournal() override EXCLUDES(mutex_);
  Result<journal::Formation::Outcome> FindCluster() EXCLUDES(mutex_);
  Status FollowAndLead() override;
  Status FollowAndLead(MetadataStore& store, Backups& backups);
  void Interrupt() override EXCLUDES(mutex_);
  std::optional<QuorumView> Look() const override EXCLUDES(mutex_);

  QuorumFolder folder_;
  BackupDesk backup_desk_;
  std::unique_ptr<::grpc::Service> backup_service_;  // outlives the journal's transport
  QuorumJournal journal_;                            // of the thread, once it is open
  std::unique_ptr<journal::MembershipWatch> watch_;  // likewise
  // What Interrupt has to end: at most one of them.
  std::unique_ptr<journal::Formation> formation_ GUARDED_BY(mutex_);
  std::shared_ptr<journal::ReplicatedJournal> open_journal_ GUARDED_BY(mutex_);
};

}  // namespace headpond::master
