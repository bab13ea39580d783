#pragma once

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "journal/embedded/membership.h"
#include "journal/embedded/quorum_security.h"
#include "net/server.h"
#include "proto/quorum.pb.h"

// What masters ask each other outside of Raft's messages. Only for .cc files.
namespace headpond::journal {

// One entry of a raft log may have 64 MiB (consensus/raft_log.cc), and travels with its envelope.
inline constexpr size_t kMaxQuorumMessageBytes = 80u << 20;

// Who asks, and how: shown in the metadata of each call.
struct QuorumCredentials {
  std::string cluster_id;  // empty: none yet
  QuorumSecurity security;
};

// Puts them into a call.
void Introduce(::grpc::ClientContext& context, const QuorumCredentials& credentials);
// PermissionDenied when what the caller shows is not that of this cluster; logged with its address.
// `any_cluster`: its id does not matter.
Status CheckCaller(const ::grpc::CallbackServerContext& context,
                   const QuorumCredentials& credentials, bool any_cluster);

// Of the port where masters are asked.
net::GrpcServerOptions QuorumServer(const std::string& bind_host, int port,
                                    const QuorumSecurity& security);
std::shared_ptr<::grpc::Channel> QuorumChannel(const std::string& address,
                                               const QuorumSecurity& security, bool own_connection);

quorum::MasterDescription ToProto(const MasterDescription& description);

// Asks all at once and waits for those that answer within `timeout`. An answer that makes no sense
// counts as none.
MasterDescriptions AskMasters(const std::vector<std::string>& addresses,
                              const QuorumCredentials& credentials,
                              std::chrono::milliseconds timeout);

// Whether the node has joined by now. Errors: the leader's.
Result<bool> AskToJoin(const std::string& leader_address, const QuorumCredentials& credentials,
                       uint64_t id, const std::string& address, std::chrono::milliseconds timeout);

}  // namespace headpond::journal
