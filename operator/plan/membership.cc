#include "operator/plan/membership.h"

#include <algorithm>
#include <tuple>

namespace headpond::plan {

const QuorumMember* Membership::Find(const std::string& address) const {
  const auto found = std::ranges::find(members, address, &QuorumMember::address);
  return found == members.end() ? nullptr : &*found;
}

bool Membership::Votes(const std::string& address) const {
  const QuorumMember* const member = Find(address);
  return member != nullptr && member->votes;
}

Membership MembershipOf(const ObservedCluster& observed) {
  const ObservedWorkload* const leader = LeaderOf(observed);
  if (leader != nullptr && !leader->members.empty())
    return {.members = leader->members, .leader = leader->quorum->leader};
  if (leader != nullptr) return {};  // of a version that doesn't tell
  for (const ObservedWorkload& workload : observed.workloads)
    if (!workload.members.empty()) return {.members = workload.members, .leader = {}};
  return {};
}

Leaving LeavingOf(const Membership& membership, const std::set<std::string>& wanted) {
  Leaving leaving;
  for (const QuorumMember& member : membership.members)
    if (!wanted.contains(member.address))
      (member.votes ? leaving.voters : leaving.learners).push_back(member);
  const auto rank = [&](const QuorumMember& member) {
    return member.address == membership.leader ? 2 : member.available ? 1 : 0;
  };
  std::ranges::sort(leaving.voters, [&](const QuorumMember& a, const QuorumMember& b) {
    return std::tuple(rank(a), b.address) < std::tuple(rank(b), a.address);
  });
  return leaving;
}

bool BearsLossOf(const std::string& leaving, const Membership& membership,
                 const std::set<std::string>& healthy) {
  size_t voters = 0, good = 0;
  for (const QuorumMember& member : membership.members) {
    if (!member.votes || member.address == leaving) continue;
    ++voters;
    good += healthy.contains(member.address);
  }
  return good * 2 > voters;
}

}  // namespace headpond::plan
