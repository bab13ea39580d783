#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "consensus/consensus.h"
#include "consensus/transport.h"
#include "journal/embedded/membership.h"
#include "journal/embedded/quorum_security.h"

namespace headpond::journal {

struct MembershipWatchOptions {
  std::string cluster_id;
  QuorumSecurity security;
  std::string address;               // this master's
  std::vector<std::string> masters;  // that it was given: whom to ask
  std::chrono::milliseconds interval{200};
  std::chrono::milliseconds timeout{1'000};  // of a question
  // Without a leader for so long, it asks whether it is still a member.
  std::chrono::milliseconds leaderless{3'000};
};

// Sees to it that this master is a voter of its quorum: asks to be let in until it is, and notices
// when it was removed while it was away. Costs nothing while there is a leader. On a thread of its
// own.
class MembershipWatch {
 public:
  // `node` gives null while there is none; it and `transport`, which learns of members that this
  // master has not been told of yet, outlive this. `removed` is called once, with the reason and
  // the remedy, when this master is no member any more.
  MembershipWatch(MembershipWatchOptions options, std::function<consensus::Consensus*()> node,
                  consensus::Transport& transport, std::function<void(Status)> removed);

 private:
  void Tick();
  void LearnOf(const MasterDescriptions& answers);
  // Whether to ask others now.
  bool InDoubt(const consensus::NodeStatus& status);
  std::vector<std::string> WhomToAsk(const consensus::NodeStatus& status) const;

  const MembershipWatchOptions options_;
  const std::function<consensus::Consensus*()> node_;
  consensus::Transport& transport_;
  const std::function<void(Status)> removed_;
  std::optional<std::chrono::steady_clock::time_point> leaderless_since_;
  std::set<std::string> heard_of_;  // addresses of members, from others
  std::string told_;                // what was logged last
  bool ended_ = false;
  PeriodicTask task_;  // last: it uses all of them
};

}  // namespace headpond::journal
