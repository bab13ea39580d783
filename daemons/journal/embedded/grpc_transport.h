#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "consensus/consensus.h"
#include "consensus/transport.h"
#include "journal/embedded/quorum_security.h"

namespace grpc {
class Service;
}

namespace headpond::journal {

struct GrpcTransportOptions {
  // Where this node listens: alluxio.master.bind.host and
  // alluxio.master.embedded.journal.port.
  std::string bind_host = "0.0.0.0";
  int port = 19200;  // 0: one the kernel picks, for tests
  // What every node must show to be let in.
  std::string cluster_id;
  QuorumSecurity security;
  // Bytes of messages that wait for one peer; more are dropped.
  size_t max_waiting_bytes = 64u << 20;
  // Between two tries to reach a peer: doubles from the first to the last.
  std::chrono::milliseconds first_retry{50};
  std::chrono::milliseconds last_retry{250};
  // A snapshot that takes longer is begun anew.
  std::chrono::milliseconds snapshot_timeout = std::chrono::minutes(30);
};

// This node as a member of its quorum, for those who ask about that.
struct QuorumMember {
  std::string address;               // "host:port", by which the others know it
  std::vector<std::string> masters;  // the list that it was given, in rising order
  consensus::Addresses founders;
  std::function<consensus::Consensus*()> node;  // null while there is none; any thread
};

// Raft's messages over gRPC: to each peer one stream, with a thread and a bounded queue of its own,
// so that one that hangs holds up no other. Start binds the port: errors as net::GrpcServer::Start.
class GrpcTransport : public consensus::Transport {
 public:
  // The port it listens on, after Start.
  virtual int port() const = 0;
  // Before Start. Without it, those who ask are told to come again.
  virtual void Present(QuorumMember member) = 0;
  // Before Start: on the same port. It turns away who is no master of the cluster (CheckCaller),
  // and outlives Stop.
  virtual void AddService(::grpc::Service& service) = 0;
};

std::unique_ptr<GrpcTransport> MakeGrpcTransport(GrpcTransportOptions options);

}  // namespace headpond::journal
