#include "master/raft_quorum.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>

namespace headpond::master {
namespace {

using consensus::MemberStatus;
using consensus::NodeStatus;

std::string Text(const Quorum::Address& address) {
  return fmt::format("{}:{}", address.host, address.port);
}

Quorum::Address ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Quorum::Address address{.host = text.substr(0, colon)};
  if (colon != std::string::npos)
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), address.port);
  return address;
}

const MemberStatus* Find(const NodeStatus& status, const Quorum::Address& address) {
  const std::string wanted = Text(address);
  for (const MemberStatus& member : status.members)
    if (member.address == wanted) return &member;
  return nullptr;
}

}  // namespace

std::vector<Quorum::Member> RaftQuorum::Members() const {
  const NodeStatus status = node_.status();
  std::vector<Member> members;
  for (const MemberStatus& member : status.members)
    members.push_back({.address = ParseAddress(member.address),
                       .available = member.active || member.id == status.id,
                       .leads = member.id == status.role.leader});
  return members;
}

void RaftQuorum::Remove(const Address& address, Done done) {
  const NodeStatus status = node_.status();
  const MemberStatus* const member = Find(status, address);
  if (member == nullptr) return done(Status::Ok());
  node_.ChangeMember({.kind = consensus::ConfChangeKind::kRemove, .node = member->id}, "",
                     std::move(done));
}

void RaftQuorum::TransferLeadership(const Address& to, Done done) {
  const NodeStatus status = node_.status();
  const MemberStatus* const member = Find(status, to);
  if (member == nullptr) {
    std::vector<std::string> known;
    for (const MemberStatus& other : status.members) known.push_back(other.address);
    return done(InvalidArgument("<{}> is not part of the quorum <[{}]>.", Text(to),
                                fmt::join(known, ", ")));
  }
  if (member->id == status.role.leader)
    return done(FailedPrecondition("{} is already the leader", Text(to)));
  node_.TransferLeader(member->id, std::move(done));
}

}  // namespace headpond::master
