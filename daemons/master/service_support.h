#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/metrics.h"
#include "base/result.h"
#include "meta/namespace.h"
#include "net/auth.h"
#include "net/grpc_status.h"
#include "net/lane_service.h"
#include "net/user_groups.h"

// What the master's gRPC services share. Only service .cc files include this.
namespace headpond::master {

// Ends one unary call. Copyable; call it exactly once, from any thread.
class Finish {
 public:
  explicit Finish(::grpc::CallbackServerContext& context)
      : lane_call_(net::LaneCall::Of(context)),
        reactor_(lane_call_ == nullptr ? context.DefaultReactor() : nullptr) {}

  void operator()(const Status& status) const {
    if (lane_call_ != nullptr) return lane_call_->Finish(status);
    reactor_->Finish(net::ToGrpc(status));
  }
  // What the handler returns; null for a call over a lane.
  ::grpc::ServerUnaryReactor* reactor() const { return reactor_; }

 private:
  net::LaneCall* lane_call_;
  ::grpc::ServerUnaryReactor* reactor_;
};

// Who is calling: authenticates each call and counts it under stock's metric names. Thread safe.
class CallGate {
 public:
  CallGate(std::string service, const net::Authenticator& authenticator, net::UserGroups& groups,
           MetricsRegistry& metrics)
      : service_(std::move(service)),
        authenticator_(authenticator),
        groups_(groups),
        metrics_(metrics) {}

  Result<meta::Caller> CallerOf(const ::grpc::CallbackServerContext& context,
                                std::string_view method) const {
    ASSIGN_OR_RETURN(const net::CallUser user,
                     authenticator_.Authenticate(net::LaneCall::StreamOf(context),
                                                 fmt::format("{}/{}", service_, method)));
    ASSIGN_OR_RETURN(std::vector<std::string> groups, groups_.Groups(user.name));
    return meta::Caller{.user = user.name, .groups = std::move(groups), .internal = false};
  }

  // Runs `handler(Caller, Finish)`. A Status it returns that is not OK ends the call; after OK the
  // handler (or what it started) does. `metric` is the middle of "Master.<metric>Ops", or "" to
  // count nothing.
  template <typename Handler>
  ::grpc::ServerUnaryReactor* Run(::grpc::CallbackServerContext* context, std::string_view method,
                                  std::string_view metric, Handler&& handler) const {
    const Finish finish(*context);
    ::grpc::ServerUnaryReactor* const reactor = finish.reactor();  // the context may go first
    if (!metric.empty()) metrics_.counter(fmt::format("Master.{}Ops", metric)).Add();
    auto caller = CallerOf(*context, method);
    const Status status = caller.ok() ? handler(*std::move(caller), finish) : caller.status();
    if (!status.ok()) finish(status);
    return reactor;
  }

 private:
  const std::string service_;
  const net::Authenticator& authenticator_;
  net::UserGroups& groups_;
  MetricsRegistry& metrics_;
};

}  // namespace headpond::master
