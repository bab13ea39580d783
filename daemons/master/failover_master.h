#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "base/metrics.h"
#include "base/mutex.h"
#include "journal/embedded/replicated_journal.h"
#include "master/backups.h"
#include "master/master_server.h"
#include "master/metadata_store.h"
#include "master/quorum.h"
#include "master/quorum_page.h"
#include "master/standby_ports.h"

namespace headpond::master {

// What masters have in common of whom one leads at a time. Follows the one that leads, with its RPC
// port closed to clients (standby_ports.h), and serves while it leads itself:
//
//   OpenJournal, once, and then in circles
//
//   restore the snapshot ──> follow ──> lead: serve on the RPC port ──> led no more: stop serving
//         ^                     │                                          and drop the state
//         └─────────────────────┴──────────────────────────────────────────────┘
//
// One thread does all of it in turns. It ends by itself, and asks for the end of the process, with
// the first error of a turn.
class FailoverMaster : public MasterServer {
 public:
  // Once it returned OK this master takes part, or asks to: it follows, or will soon lead.
  Status Start() override;
  // Idempotent. A subclass calls it in its destructor.
  void Stop() override;
  Status failure() const override EXCLUDES(mutex_);
  int rpc_port() const override { return ports_.rpc_port(); }
  int web_port() const override { return ports_.web_port(); }

 protected:
  FailoverMaster(const Config& config, MasterOutside outside)
      : config_(config), outside_(std::move(outside)) {}

  // Turns of the thread. OpenJournal may wait for other masters; FollowAndLead is one life: from
  // the snapshot to the end of leadership, if it came to that.
  virtual Status OpenJournal() = 0;
  virtual Status FollowAndLead() = 0;
  // Ends what those wait for, once stopping() is true.
  virtual void Interrupt() = 0;
  // From any thread; nothing while the journal is not open.
  virtual std::optional<QuorumView> Look() const = 0;
  // Just after clients are served, and just before they are no more.
  virtual void OnServing(bool /*serving*/) {}

  // Of FollowAndLead, when the journal promoted this master: serves until it leads no more.
  // `quorum` may be null.
  Status Lead(MetadataStore& store, journal::ReplicatedJournal& journal,
              const std::string& cluster_id, Quorum* quorum, Backups& backups);
  // From any thread: this master has failed, and the process is to end.
  void Fail(const Status& status) EXCLUDES(mutex_);
  bool stopping() const { return stopping_; }

  const Config config_;
  const MasterOutside outside_;
  MetricsRegistry metrics_;
  mutable Mutex mutex_;

 private:
  void Run();

  StandbyPorts ports_{config_, [this] { return Look(); }};  // of the thread, after Start
  std::atomic<bool> stopping_{false};
  Status failure_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace headpond::master
