#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/metrics.h"
#include "base/mutex.h"
#include "journal/shared/shared_journal.h"
#include "master/master_server.h"
#include "master/metadata_store.h"
#include "master/quorum_page.h"
#include "master/shared_folder.h"
#include "master/standby_ports.h"
#include "zookeeper/election.h"

namespace headpond::master {

// One of several masters that share a journal folder and are elected by ZooKeeper
// (alluxio.zookeeper.enabled, docs/adr/0021-zookeeper.md). Follows the one that leads, with its RPC
// port closed to clients, and serves while it leads itself.
//
//   agree with ZooKeeper on the folder, once, and then in circles
//
//   restore the snapshot ──> follow ──> lead: serve, shown to clients ──> led no more: stop serving
//         ^                     │                                           and drop the state
//         └─────────────────────┴──────────────────────────────────────────────┘
//
// One thread does all of it in turns; the election has its own. It ends by itself, and asks for the
// end of the process, when the folder fails or is not the one that the others share.
class SharedMaster final : public MasterServer, private journal::Leadership {
 public:
  // Errors name the property that is wrong and the remedy.
  static Result<std::unique_ptr<SharedMaster>> Create(const Config& config, MasterOutside outside);
  ~SharedMaster() override;  // Stop()

  // Once it returned OK this master takes part in the election, as soon as ZooKeeper answers.
  Status Start() override;
  // Makes everything durable and ends the session, so that another one leads at once. Idempotent.
  void Stop() override;
  Status failure() const override EXCLUDES(mutex_);
  int rpc_port() const override { return ports_.rpc_port(); }
  int web_port() const override { return ports_.web_port(); }

 private:
  SharedMaster(const Config& config, MasterOutside outside);

  // journal::Leadership.
  bool Leads() const override { return election_->Leads(); }
  std::string leader() const override { return election_->leader(); }

  void OnElection() EXCLUDES(mutex_);
  void Run();
  void Fail(const Status& status) EXCLUDES(mutex_);
  // Until the folder is the one that ZooKeeper knows.
  Status OpenJournal() EXCLUDES(mutex_);
  // One step of that; false: there are more.
  Result<bool> AgreeOnFolder(zookeeper::Session& session);
  // Until something of the election changed, or a moment later.
  void Pause() EXCLUDES(mutex_);
  Status FollowAndLead();
  Status Lead(MetadataStore& store);
  // So that a folder that lacks this epoch is known for an old copy.
  void RecordEpoch();
  std::optional<QuorumView> Look() const EXCLUDES(mutex_);

  const Config config_;
  const MasterOutside outside_;
  const std::string self_;         // host:port
  const std::string record_path_;  // of the ClusterRecord
  std::string folder_;
  MetricsRegistry metrics_;
  std::unique_ptr<zookeeper::Election> election_;
  // Of the thread, once they are agreed on.
  std::string cluster_id_;
  std::shared_ptr<journal::SharedJournal> journal_;
  StandbyPorts ports_{config_, [this] { return Look(); }};  // of the thread, after Start
  std::atomic<bool> stopping_{false};
  mutable Mutex mutex_;
  CondVar changed_;
  bool news_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<journal::SharedJournal> open_journal_ GUARDED_BY(mutex_);  // set once
  Status failure_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace headpond::master
