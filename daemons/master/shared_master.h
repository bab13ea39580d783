#pragma once

#include <memory>
#include <optional>
#include <string>

#include "journal/shared/shared_journal.h"
#include "master/failover_master.h"
#include "master/shared_folder.h"
#include "zookeeper/election.h"

namespace headpond::master {

// One of several masters that share a journal folder and are elected by ZooKeeper
// (alluxio.zookeeper.enabled, docs/adr/0021-zookeeper.md), where clients find the one that leads.
// Agrees with ZooKeeper on the folder first. The election has its own thread. Fails when the folder
// does, or is not the one that the others share. Stop makes everything durable and ends the
// session, so that another one leads at once.
class SharedMaster final : public FailoverMaster, private journal::Leadership {
 public:
  // Errors name the property that is wrong and the remedy.
  static Result<std::unique_ptr<SharedMaster>> Create(const Config& config, MasterOutside outside);
  ~SharedMaster() override;  // Stop()

  // Once it returned OK this master takes part in the election, as soon as ZooKeeper answers.
  Status Start() override;

 private:
  SharedMaster(const Config& config, MasterOutside outside);

  // journal::Leadership.
  bool Leads() const override { return election_->Leads(); }
  std::string leader() const override { return election_->leader(); }

  void OnElection() EXCLUDES(mutex_);
  // Until the folder is the one that ZooKeeper knows.
  Status OpenJournal() override EXCLUDES(mutex_);
  // One step of that; false: there are more.
  Result<bool> AgreeOnFolder(zookeeper::Session& session);
  // Until something of the election changed, or a moment later.
  void Pause() EXCLUDES(mutex_);
  Status FollowAndLead() override;
  void Interrupt() override EXCLUDES(mutex_);
  void OnServing(bool serving) override { election_->Announce(serving); }
  // So that a folder that lacks this epoch is known for an old copy.
  void RecordEpoch();
  std::optional<QuorumView> Look() const override EXCLUDES(mutex_);

  const std::string self_;         // host:port
  const std::string record_path_;  // of the ClusterRecord
  std::string folder_;
  std::unique_ptr<zookeeper::Election> election_;
  // Of the thread, once they are agreed on.
  std::string cluster_id_;
  std::shared_ptr<journal::SharedJournal> journal_;
  CondVar changed_;
  bool news_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<journal::SharedJournal> open_journal_ GUARDED_BY(mutex_);  // set once
};

}  // namespace headpond::master
