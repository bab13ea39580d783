#include "master/raft_quorum.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace headpond::master {
namespace {

using consensus::MemberStatus;
using consensus::NodeStatus;

const MemberStatus* Find(const NodeStatus& status, const HostPort& address) {
  const std::string wanted = address.ToString();
  for (const MemberStatus& member : status.members)
    if (member.address == wanted) return &member;
  return nullptr;
}

}  // namespace

std::vector<Quorum::Member> RaftQuorum::Members() const {
  const NodeStatus status = node_.status();
  std::vector<Member> members;
  for (const MemberStatus& member : status.members)
    members.push_back({.address = ParseHostPort(member.address).value_or({}),
                       .available = member.voter && (member.active || member.id == status.id),
                       .votes = member.voter,
                       .leads = member.id == status.role.leader});
  return members;
}

QuorumStanding RaftQuorum::Standing() const {
  const consensus::RoleChange role = node_.status().role;
  QuorumStanding standing{
      .role = QuorumStanding::Role::kCandidate, .term = role.term, .leader = role.leader_address};
  if (role.role == consensus::Role::kFollower || role.role == consensus::Role::kLearner)
    standing.role = QuorumStanding::Role::kFollower;
  if (role.role != consensus::Role::kLeader) return standing;
  standing.role = QuorumStanding::Role::kLeader;
  standing.confirmed = node_.HoldsLease();
  return standing;
}

void RaftQuorum::Remove(const HostPort& address, Done done) {
  const NodeStatus status = node_.status();
  const MemberStatus* const member = Find(status, address);
  if (member == nullptr) return done(Status::Ok());
  node_.ChangeMember({.kind = consensus::ConfChangeKind::kRemove, .node = member->id}, "",
                     std::move(done));
}

void RaftQuorum::TransferLeadership(const HostPort& to, Done done) {
  const NodeStatus status = node_.status();
  const MemberStatus* const member = Find(status, to);
  if (member == nullptr) {
    std::vector<std::string> known;
    for (const MemberStatus& other : status.members) known.push_back(other.address);
    return done(InvalidArgument("<{}> is not part of the quorum <[{}]>.", to.ToString(),
                                fmt::join(known, ", ")));
  }
  if (member->id == status.role.leader)
    return done(FailedPrecondition("{} is already the leader", to.ToString()));
  node_.TransferLeader(member->id, std::move(done));
}

}  // namespace headpond::master
