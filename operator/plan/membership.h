#pragma once

#include <set>
#include <string>
#include <vector>

#include "operator/plan/plan.h"

// Who takes part in the masters' quorum, as the masters themselves say. All pure.
namespace headpond::plan {

struct Membership {
  std::vector<QuorumMember> members;  // empty: nobody tells
  std::string leader;                 // the address of the one that said so and leads; else empty

  // The one that leads says who takes part: nobody knows it better.
  bool current() const { return !leader.empty(); }
  bool Has(const std::string& address) const { return Find(address) != nullptr; }
  bool Votes(const std::string& address) const;
  const QuorumMember* Find(const std::string& address) const;
};

Membership MembershipOf(const ObservedCluster& observed);

// Those that take part and are not among `wanted`, in the order in which they are to leave: first
// the ones that are away, so that those who are left get more by it, then from the last address
// to the first; the leader is the last.
struct Leaving {
  std::vector<QuorumMember> voters;
  std::vector<QuorumMember> learners;  // not let in yet
};
Leaving LeavingOf(const Membership& membership, const std::set<std::string>& wanted);

// Whether those who vote without `leaving` are led by a majority of them that is in order:
// `healthy` has the addresses of those.
bool BearsLossOf(const std::string& leaving, const Membership& membership,
                 const std::set<std::string>& healthy);

}  // namespace headpond::plan
