#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/host_port.h"
#include "base/result.h"

namespace headpond::master {

// What this master is among the others at a time.
struct QuorumStanding {
  enum class Role { kFollower, kCandidate, kLeader };
  Role role = Role::kFollower;
  bool confirmed = false;  // only for kLeader: a majority has answered lately, nobody else leads
  uint64_t term = 0;
  std::string leader;  // the address of its journal; empty: not known
};

// The masters' own quorum (alluxio.master.journal.type=EMBEDDED) as administrators see and change
// it. Members are named by the address of their journal port. Thread safe; nothing blocks.
class Quorum {
 public:
  struct Member {
    HostPort address;
    bool available = false;  // it votes, and was heard from lately; not while it still joins
    bool votes = false;
    bool leads = false;
  };
  // Called once, from any thread; must be quick.
  using Done = std::function<void(Status)>;

  virtual ~Quorum() = default;

  virtual std::vector<Member> Members() const = 0;
  virtual QuorumStanding Standing() const = 0;
  // OK when it is no member any more, or was none.
  virtual void Remove(const HostPort& member, Done done) = 0;
  // OK when that member leads. FailedPrecondition when it leads already; InvalidArgument when it is
  // no member.
  virtual void TransferLeadership(const HostPort& to, Done done) = 0;
};

}  // namespace headpond::master
