#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "base/metrics.h"
#include "base/mutex.h"
#include "master/master_journal.h"
#include "master/master_server.h"
#include "master/metadata_store.h"
#include "master/quorum_page.h"
#include "master/standby_ports.h"

namespace headpond::master {

// One of several masters that keep the journal together. Follows the one that leads, with its RPC
// port closed to clients (standby_ports.h), and serves while it leads itself.
//
//   find out what it is a member of, once, and then in circles
//
//   restore the snapshot ──> follow ──> lead: serve on the RPC port ──> led no more: stop serving
//         ^                     │                                          and drop the state
//         └─────────────────────┴──────────────────────────────────────────────┘
//
// One thread does all of it in turns. It ends by itself, and asks for the end of the process, when
// the node of the quorum or the serving fails.
class ElectedMaster final : public MasterServer {
 public:
  // Looks at this master's part of the journal. Errors name the property and the remedy.
  static Result<std::unique_ptr<ElectedMaster>> Create(const Config& config, MasterOutside outside);
  ~ElectedMaster() override;  // Stop()

  // Once it returned OK this master takes part, or asks to: it follows, or will soon lead.
  Status Start() override;
  // Hands leadership over if it has it. Within five seconds. Idempotent.
  void Stop() override;
  Status failure() const override EXCLUDES(mutex_);
  int rpc_port() const override;
  int web_port() const override;

 private:
  ElectedMaster(const Config& config, MasterOutside outside)
      : config_(config), outside_(std::move(outside)) {}

  void Run();
  void Fail(const Status& status) EXCLUDES(mutex_);
  // Blocks while a blank folder waits for the other masters.
  Status OpenJournal() EXCLUDES(mutex_);
  Result<journal::Formation::Outcome> FindCluster() EXCLUDES(mutex_);
  // One life: from the snapshot to the end of leadership, if it came to that.
  Status FollowAndLead();
  Status Lead(MetadataStore& store);
  std::optional<QuorumView> Look() const EXCLUDES(mutex_);

  const Config config_;
  const MasterOutside outside_;
  MetricsRegistry metrics_;
  QuorumFolder folder_;
  QuorumJournal journal_;                            // of the thread, once it is open
  std::unique_ptr<journal::MembershipWatch> watch_;  // likewise
  // Of the thread, after Start; while it does not lead.
  StandbyPorts ports_{config_, [this] { return Look(); }};
  std::atomic<bool> stopping_{false};
  mutable Mutex mutex_;
  // What Stop has to end: at most one of them.
  std::unique_ptr<journal::Formation> formation_ GUARDED_BY(mutex_);
  std::shared_ptr<journal::ReplicatedJournal> open_journal_ GUARDED_BY(mutex_);
  Status failure_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace headpond::master
