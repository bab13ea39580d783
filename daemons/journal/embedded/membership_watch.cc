#include "journal/embedded/membership_watch.h"

#include <algorithm>

#include "base/log.h"
#include "journal/embedded/quorum_calls.h"

namespace headpond::journal {
namespace {

// Addresses of others' say; more than any quorum has.
constexpr size_t kMaxHeardOf = 100;

}  // namespace

MembershipWatch::MembershipWatch(MembershipWatchOptions options,
                                 std::function<consensus::Consensus*()> node,
                                 consensus::Transport& transport,
                                 std::function<void(Status)> removed)
    : options_(std::move(options)),
      node_(std::move(node)),
      transport_(transport),
      removed_(std::move(removed)),
      task_("quorum-member", options_.interval, [this] { Tick(); }) {}

bool MembershipWatch::InDoubt(const consensus::NodeStatus& status) {
  const bool voter =
      std::any_of(status.members.begin(), status.members.end(),
                  [&](const auto& member) { return member.id == status.id && member.voter; });
  if (!voter) return true;
  if (status.role.leader != 0) {
    leaderless_since_.reset();
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!leaderless_since_) leaderless_since_ = now;
  return now - *leaderless_since_ >= options_.leaderless;
}

std::vector<std::string> MembershipWatch::WhomToAsk(const consensus::NodeStatus& status) const {
  std::set<std::string> addresses = heard_of_;
  addresses.insert(options_.masters.begin(), options_.masters.end());
  for (const consensus::MemberStatus& member : status.members)
    if (!member.address.empty()) addresses.insert(member.address);
  addresses.erase(options_.address);
  return {addresses.begin(), addresses.end()};
}

// The one that leads may be none of those that this master was given, and a node that was never
// told of the members can't answer them.
void MembershipWatch::LearnOf(const MasterDescriptions& answers) {
  for (const auto& [address, answer] : answers) {
    if (answer.cluster_id != options_.cluster_id) continue;
    transport_.SetPeer(answer.id, answer.address);
    for (const consensus::MemberStatus& member : answer.members)
      if (!member.address.empty() && heard_of_.size() < kMaxHeardOf)
        heard_of_.insert(member.address);
  }
}

void MembershipWatch::Tick() {
  consensus::Consensus* const node = ended_ ? nullptr : node_();
  if (node == nullptr) return;
  const consensus::NodeStatus status = node->status();
  if (status.id == 0 || !status.failure.ok() || !InDoubt(status)) return;
  const QuorumCredentials credentials{.cluster_id = options_.cluster_id,
                                      .security = options_.security};
  const auto answers = AskMasters(WhomToAsk(status), credentials, options_.timeout);
  LearnOf(answers);
  const bool was_member = !status.members.empty();
  const Standing standing = DecideStanding(
      {.id = status.id, .address = options_.address, .cluster_id = options_.cluster_id}, was_member,
      answers);
  std::string say;
  switch (standing.kind) {
    case Standing::Kind::kMember: break;
    case Standing::Kind::kUnknown: say = standing.why; break;
    case Standing::Kind::kJoining: {
      const auto joined = AskToJoin(standing.leader_address, credentials, status.id,
                                    options_.address, options_.timeout);
      say = joined.ok() ? *joined ? "joined" : "catching up with " + standing.leader_address
                        : joined.status().message();
      break;
    }
    case Standing::Kind::kRemoved:
      ended_ = true;
      return removed_(FailedPrecondition(
          "this master, node {} at {}, was removed from the quorum of cluster {}: end it for good, "
          "or move its journal folder away to let it join again",
          status.id, options_.address, options_.cluster_id));
  }
  if (!say.empty() && say != told_) LogInfo("journal", "membership of the quorum: {}", say);
  told_ = std::move(say);
}

}  // namespace headpond::journal
