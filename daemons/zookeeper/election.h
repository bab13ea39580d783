#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "zookeeper/session.h"

namespace headpond::zookeeper {

struct ElectionOptions {
  std::string address;        // of ZooKeeper, as that of SessionOptions
  std::string election_path;  // alluxio.zookeeper.election.path
  std::string leader_path;    // alluxio.zookeeper.leader.path
  std::string self;           // host:port of this master's RPC port
  std::chrono::milliseconds session_timeout{6'000};
  // Whether a lost connection ends leadership at once
  // (alluxio.zookeeper.leader.connection.error.policy = STANDARD) instead of when the session may
  // have expired (SESSION).
  bool connection_loss_ends = false;
  // How long to wait between attempts after an error.
  std::chrono::milliseconds retry_pause{200};
  Random random = Random::FromSystem();  // names this master's node
  SessionOpener open = OpenSession;
  const Clock* clock = &Clock::System();
};

// This master's part in the election, in the shape of 2.9's (Curator's LeaderSelector): an
// ephemeral sequential node <election path>/_c_<uuid>-lock-<number> with the master's address in
// it; the lowest number is elected, and the next one follows when that node goes. Who serves shows
// it by a node <leader path>/<host:port>.
//
// A session that expires without this process hearing of it (it was stopped, or cut off) must not
// leave two masters that answer. So leadership is a lease by this process's own clock: it ends two
// thirds of the session's timeout after the last question that ZooKeeper answered was asked.
// ZooKeeper expires a session a whole timeout after it last heard of it; the third between is for a
// server of its ensemble that answers a little longer than its leader counts on it, and for clocks
// that run at different speeds. What is written is fenced besides, by the journal itself.
//
// One thread does it, and begins a new session whenever one expired. Thread safe.
class Election {
 public:
  // `changed` is called, from that thread, when leadership or the leader's name may have changed.
  Election(ElectionOptions options, std::function<void()> changed);
  ~Election();  // Stop()

  void Start();
  // Ends the session, so that the next one is elected at once. Idempotent.
  void Stop() EXCLUDES(mutex_);

  // Whether this master is the elected one, surely.
  bool Leads() const EXCLUDES(mutex_);
  // Until when it surely is, unless that is prolonged; the past when it is not.
  std::chrono::steady_clock::time_point lease_end() const EXCLUDES(mutex_);
  // The address of the elected one, as far as is known.
  std::string leader() const EXCLUDES(mutex_);

  // Shows clients that this master serves, or does no more. Shown for as long as it leads.
  void Announce(bool serves) EXCLUDES(mutex_);
  // Whether clients can see it.
  bool announced() const EXCLUDES(mutex_);

  // Null while there is none that is connected.
  std::shared_ptr<Session> session() const EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Run() EXCLUDES(mutex_);
  // One look at everything; afterwards all is as it should be, or an error says why not.
  Status Step() EXCLUDES(mutex_);
  Result<std::shared_ptr<Session>> LivingSession() EXCLUDES(mutex_);
  Status TakePart(Session& session);
  Status Look(Session& session) EXCLUDES(mutex_);
  Status Show(Session& session) EXCLUDES(mutex_);
  void Lose(std::string_view why) EXCLUDES(mutex_);
  void Report(const Status& status);

  const ElectionOptions options_;
  const std::function<void()> changed_;

  // Of the thread.
  Random random_;
  std::string uuid_;  // in the name of this session's node
  bool takes_part_ = false;
  Time next_report_{};

  mutable Mutex mutex_;
  CondVar wake_;
  bool woken_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<Session> session_ GUARDED_BY(mutex_);
  bool elected_ GUARDED_BY(mutex_) = false;
  Time lease_end_ GUARDED_BY(mutex_){};
  std::string leader_ GUARDED_BY(mutex_);
  bool serves_ GUARDED_BY(mutex_) = false;     // is to be shown
  bool announced_ GUARDED_BY(mutex_) = false;  // is shown
  std::thread thread_;
};

}  // namespace headpond::zookeeper
