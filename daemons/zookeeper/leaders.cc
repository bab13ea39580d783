#include "zookeeper/leaders.h"

#include <algorithm>

#include "base/log.h"

namespace headpond::zookeeper {
namespace {

using std::chrono::steady_clock;

// Lets one wait for a session's next event. Shared with the session, which may call back while it
// is being closed.
struct Bell {
  Mutex mutex;
  CondVar rung;
};

}  // namespace

LeaderLookupOptions LookupOptionsOf(const Config& config) {
  return {.address = config.Find("alluxio.zookeeper.address").value_or(""),
          .leader_path = config.GetString("alluxio.zookeeper.leader.path"),
          .election_path = config.GetString("alluxio.zookeeper.election.path"),
          .connection_timeout = config.GetDuration("alluxio.zookeeper.connection.timeout")};
}

Status CheckConfig(const Config& config) {
  if (!config.GetBool("alluxio.zookeeper.enabled") || config.IsSet("alluxio.zookeeper.address"))
    return Status::Ok();
  return InvalidArgument(
      "Inconsistent Zookeeper configuration; alluxio.zookeeper.address should be set if and only "
      "if alluxio.zookeeper.enabled is true");
}

Result<HostPort> ReadLeader(Session& session, const std::string& leader_path) {
  const auto names = session.Children(leader_path, /*watch=*/false);
  if (!names.ok() && names.status().code() != Code::kNotFound) return names.status();
  std::string newest;
  int64_t created_ms = -1;
  if (names.ok()) {
    for (const std::string& name : *names) {
      const auto node = session.Get(leader_path + "/" + name);
      if (node.status().code() == Code::kNotFound) continue;  // went meanwhile
      if (!node.ok()) return node.status();
      if (node->created_ms <= created_ms) continue;
      newest = name;
      created_ms = node->created_ms;
    }
  }
  if (newest.empty()) return NotFound("no master leads: {} has no children", leader_path);
  return ParseHostPort(newest);
}

Result<std::vector<HostPort>> ReadMasters(Session& session, const std::string& election_path) {
  std::vector<HostPort> masters;
  const auto names = session.Children(election_path, /*watch=*/false);
  if (names.status().code() == Code::kNotFound) return masters;
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const auto node = session.Get(election_path + "/" + name);
    if (node.status().code() == Code::kNotFound) continue;
    if (!node.ok()) return node.status();
    const auto address = ParseHostPort(node->data);
    if (address.ok() && std::ranges::find(masters, *address) == masters.end())
      masters.push_back(*address);
  }
  return masters;
}

Result<HostPort> LeaderLookup::Leader() {
  ASSIGN_OR_RETURN(const auto session, Connected());
  auto leader = ReadLeader(*session, options_.leader_path);
  if (!leader.ok()) return Explain(leader.status(), session);
  return leader;
}

Result<std::vector<HostPort>> LeaderLookup::Masters() {
  ASSIGN_OR_RETURN(const auto session, Connected());
  auto masters = ReadMasters(*session, options_.election_path);
  if (!masters.ok()) return Explain(masters.status(), session);
  return masters;
}

Result<std::shared_ptr<Session>> LeaderLookup::Connected() {
  const auto deadline = steady_clock::now() + options_.connection_timeout;
  {
    MutexLock lock(mutex_);
    while (!session_ && connecting_)
      if (!connected_.WaitUntil(mutex_, deadline))
        return Unavailable("still connecting to ZooKeeper at {}", options_.address);
    if (session_) return session_;
    connecting_ = true;
  }
  auto session = Connect();
  MutexLock lock(mutex_);
  connecting_ = false;
  if (session.ok()) session_ = *session;
  connected_.NotifyAll();
  return session;
}

Result<std::shared_ptr<Session>> LeaderLookup::Connect() const {
  const auto bell = std::make_shared<Bell>();
  ASSIGN_OR_RETURN(
      std::shared_ptr<Session> session,
      options_.open(
          {.address = options_.address, .timeout = options_.session_timeout, .on_event = [bell] {
             MutexLock lock(bell->mutex);
             bell->rung.NotifyAll();
           }}));
  const auto deadline = steady_clock::now() + options_.connection_timeout;
  MutexLock lock(bell->mutex);
  while (session->state() == SessionState::kConnecting)
    if (!bell->rung.WaitUntil(bell->mutex, deadline)) break;
  if (session->state() == SessionState::kConnected) return session;
  return Unavailable(
      "ZooKeeper at {} can't be reached, so the primary master is not known: check that it runs, "
      "and alluxio.zookeeper.address",
      options_.address);
}

Status LeaderLookup::Explain(const Status& status, const std::shared_ptr<Session>& session) {
  if (status.code() == Code::kNotFound)
    return Unavailable("{} (ZooKeeper at {})", status.message(), options_.address);
  if (session->state() == SessionState::kConnected) return status;
  std::shared_ptr<Session> dropped;  // closed without the lock
  MutexLock lock(mutex_);
  if (session_ == session) dropped.swap(session_);
  return Unavailable("{} (ZooKeeper at {})", status.message(), options_.address);
}

}  // namespace headpond::zookeeper
