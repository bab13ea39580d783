#pragma once

#include <map>
#include <string>

#include "consensus/consensus.h"
#include "master/quorum.h"

namespace headpond::master {

// The quorum of a raft node's cluster. Thread safe; `node` outlives it.
class RaftQuorum final : public Quorum {
 public:
  explicit RaftQuorum(consensus::Consensus& node) : node_(node) {}

  std::vector<Member> Members() const override;
  QuorumStanding Standing() const override;
  void Remove(const HostPort& member, Done done) override;
  void TransferLeadership(const HostPort& to, Done done) override;

 private:
  consensus::Consensus& node_;
};

}  // namespace headpond::master
