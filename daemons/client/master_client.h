#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/result.h"
#include "client/grpc_connection.h"
#include "client/methods.h"
#include "client/types.h"
#include "net/retry.h"
#include "zookeeper/leaders.h"

namespace headpond::client {

// Calls the primary master, whichever it is, again and again until it answers or time is up. Thread
// safe.
//
// Retried: UNAVAILABLE, CANCELLED, UNAUTHENTICATED, UNIMPLEMENTED, as 2.9 clients do, each time
// over a fresh connection and a fresh look for the primary. A request is sent unchanged, so its
// operation id stays.
//
// A primary that is gone without a word (its machine off, its cable out, its process stopped)
// answers nothing, and TCP takes a minute to notice. So when there are several masters and a call
// waits for a second, the others are asked whether one of them leads now; then the connection is
// closed, and what waits is sent to that one.
class MasterClient {
 public:
  struct Options {
    std::vector<HostPort> masters;
    // Asked who leads, instead of all masters; then there are none above.
    std::shared_ptr<zookeeper::LeaderLookup> lookup;
    net::RetryPolicy retry;
    net::ChannelOptions channel;  // `target` is filled in
    // Longest that one attempt of a call may take: a recursive delete in a slow under-store is
    // minutes of work.
    Millis call_timeout{10 * 60'000};
  };
  // `clock` must outlive this.
  MasterClient(Options options, const Clock& clock);

  template <typename Request, typename Response>
  Result<Response> Call(const Method<Request, Response>& method, const Request& request)
      EXCLUDES(mutex_) {
    Response response;
    RETURN_IF_ERROR(CallRaw(method.service, method.name, request, response));
    return response;
  }

  // Runs `attempt` with a connection whose service has been checked, under the retry rules above.
  // `attempt` may run several times.
  Status WithRetry(const MasterService& service, const std::function<Status(Connection&)>& attempt)
      EXCLUDES(mutex_);

  // What clients are configured with, asked without authentication: the boot-strap of 2.9
  // (compat/behaviour.md section 4). `service` is the one that error texts name.
  Result<alluxio::grpc::meta::GetConfigurationPResponse> GetConfiguration(
      const MasterService& service, const alluxio::grpc::meta::GetConfigurationPOptions& request)
      EXCLUDES(mutex_);

  // The primary, found again if there is no connection.
  Result<HostPort> Leader() EXCLUDES(mutex_);
  // All of them. Errors: of the lookup.
  Result<std::vector<HostPort>> Masters() const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  // A connection and what is known about it.
  struct Session {
    std::shared_ptr<Connection> connection;
    HostPort address;
    Mutex mutex;
    std::set<int> checked_services GUARDED_BY(mutex);
    // When the attempts that are under way began, by number.
    std::map<uint64_t, Time> attempts GUARDED_BY(mutex);
    uint64_t last_attempt GUARDED_BY(mutex) = 0;

    // Whether an attempt that began before `moment` is under way.
    bool Waits(Time moment) EXCLUDES(mutex) {
      MutexLock lock(mutex);
      return !attempts.empty() && attempts.begin()->second < moment;
    }
  };
  class Attempt;

  Status CallRaw(const MasterService& service, const char* name,
                 const google::protobuf::MessageLite& request,
                 google::protobuf::MessageLite& response);
  Status Retry(const MasterService& service, const std::function<Status(bool* connected)>& attempt);
  Result<HostPort> FindPrimary() EXCLUDES(mutex_);
  bool HasSeveral() const { return options_.lookup != nullptr || options_.masters.size() > 1; }
  // Those that may lead now.
  std::vector<HostPort> Candidates() const;
  // Whether a master leads, asked without authentication.
  Status Ask(const HostPort& master, Millis timeout) const;
  // The watch's thread: leaves a primary that has not answered for long when another leads.
  void LookAfterWaitingCalls() EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Session>> WaitingSessions() EXCLUDES(mutex_);
  // Ends what waits on a session, to be sent to `primary`.
  void Leave(const std::shared_ptr<Session>& session, const HostPort& primary) EXCLUDES(mutex_);
  Result<std::shared_ptr<Session>> Connected() EXCLUDES(mutex_);
  Result<std::shared_ptr<Session>> Connect() EXCLUDES(mutex_);
  Status CheckVersion(Session& session, const MasterService& service);
  // The next call looks for the primary again.
  void Drop(const std::shared_ptr<Session>& session) EXCLUDES(mutex_);

  const Options options_;
  const Clock& clock_;
  net::Pause pause_;
  Mutex mutex_;
  std::shared_ptr<Session> session_ GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Session>> sessions_ GUARDED_BY(mutex_);  // some may have calls yet
  HostPort last_primary_ GUARDED_BY(mutex_);
  // One thread looks for the primary, the others wait for what it finds.
  bool connecting_ GUARDED_BY(mutex_) = false;
  CondVar connected_;
  // How long a master may take to say whether it leads; longer after one that did not.
  Millis poll_timeout_ GUARDED_BY(mutex_);
  // The one that did not answer at all; asked last.
  HostPort silent_ GUARDED_BY(mutex_);
  // The watch's: between two looks for another primary, and when the next one is due.
  Millis watch_pause_{0};
  Time next_look_{};
  std::optional<PeriodicTask> watch_;  // with several masters; last, so that it ends first
};

}  // namespace headpond::client
