#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/mutex.h"
#include "base/result.h"
#include "client/grpc_connection.h"
#include "client/methods.h"
#include "client/types.h"
#include "net/retry.h"

namespace headpond::client {

// Calls the primary master, whichever it is, again and again until it answers or time is up. Thread
// safe.
//
// Retried: UNAVAILABLE, CANCELLED, UNAUTHENTICATED, UNIMPLEMENTED, as 2.9 clients do, each time
// over a fresh connection and a fresh look for the primary. A request is sent unchanged, so its
// operation id stays.
class MasterClient {
 public:
  struct Options {
    std::vector<HostPort> masters;
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
  const std::vector<HostPort>& masters() const { return options_.masters; }

 private:
  // A connection and what is known about it; immutable but for the set of checked services.
  struct Session {
    std::shared_ptr<Connection> connection;
    HostPort address;
    Mutex mutex;
    std::set<int> checked_services GUARDED_BY(mutex);
  };

  Status CallRaw(const MasterService& service, const char* name,
                 const google::protobuf::MessageLite& request,
                 google::protobuf::MessageLite& response);
  Status Retry(const MasterService& service, const std::function<Status(bool* connected)>& attempt);
  Result<HostPort> FindPrimary() EXCLUDES(mutex_);
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
  HostPort last_primary_ GUARDED_BY(mutex_);
  // One thread looks for the primary, the others wait for what it finds.
  bool connecting_ GUARDED_BY(mutex_) = false;
  CondVar connected_;
};

}  // namespace headpond::client
