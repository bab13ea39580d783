#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/host_port.h"
#include "base/mutex.h"
#include "base/result.h"
#include "zookeeper/session.h"

namespace headpond::zookeeper {

// Who leads, as 2.9 tells it (compat/behaviour.md section 12): each leader makes an ephemeral node
// <leader path>/<host:port>, named by its RPC address. One that died may be there until its session
// expires, so the newest counts. Errors: NotFound when there is none.
Result<HostPort> ReadLeader(Session& session, const std::string& leader_path);

// All masters that take part, leading or not: the data of the children of the election path. Those
// that are no address are left out.
Result<std::vector<HostPort>> ReadMasters(Session& session, const std::string& election_path);

struct LeaderLookupOptions {
  std::string address;  // as that of SessionOptions
  std::string leader_path;
  std::string election_path;
  std::chrono::milliseconds session_timeout{6'000};
  std::chrono::milliseconds connection_timeout{15'000};  // alluxio.zookeeper.connection.timeout
  SessionOpener open = OpenSession;
};

// Of alluxio.zookeeper.*.
LeaderLookupOptions LookupOptionsOf(const Config& config);

// InvalidArgument, with 2.9's text, when alluxio.zookeeper.enabled has no address.
Status CheckConfig(const Config& config);

// Asks ZooKeeper on behalf of a client. Connects with the first question and stays connected, so
// that a crowd of clients that look for a leader costs ZooKeeper reads only. Thread safe.
class LeaderLookup {
 public:
  explicit LeaderLookup(LeaderLookupOptions options) : options_(std::move(options)) {}

  // Errors: Unavailable, naming ZooKeeper's address, when it can't be reached or knows no leader;
  // InvalidArgument for an address that is none.
  Result<HostPort> Leader() EXCLUDES(mutex_);
  Result<std::vector<HostPort>> Masters() EXCLUDES(mutex_);

 private:
  // One that is connected; one thread connects, the others wait for it.
  Result<std::shared_ptr<Session>> Connected() EXCLUDES(mutex_);
  Result<std::shared_ptr<Session>> Connect() const;
  // What a question came to, in a client's words. Begins anew next time if the session is over.
  Status Explain(const Status& status, const std::shared_ptr<Session>& session) EXCLUDES(mutex_);

  const LeaderLookupOptions options_;
  Mutex mutex_;
  CondVar connected_;
  bool connecting_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<Session> session_ GUARDED_BY(mutex_);
};

}  // namespace headpond::zookeeper
