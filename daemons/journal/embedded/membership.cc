#include "journal/embedded/membership.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace headpond::journal {
namespace {

using consensus::ConfChangeKind;
using consensus::MemberStatus;

// A learner that lags by no more than this is as good as in step: a moment's traffic.
constexpr uint64_t kCaughtUpLag = 1'000;

const MemberStatus* Find(const std::vector<MemberStatus>& members, uint64_t id) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [id](const MemberStatus& member) { return member.id == id; });
  return found == members.end() ? nullptr : &*found;
}

Beginning Wait(std::string why) {
  return {.kind = Beginning::Kind::kWait, .why = std::move(why)};
}

Beginning DecideFounding(const MasterDescription& own, const MasterDescriptions& answers) {
  std::vector<std::string> silent;
  std::set<uint64_t> ids = {own.id};
  Beginning founding{.kind = Beginning::Kind::kFound, .founders = {{own.id, own.address}}};
  for (const std::string& address : own.masters) {
    if (address == own.address) continue;
    const auto answer = answers.find(address);
    if (answer == answers.end()) {
      silent.push_back(address);
      continue;
    }
    const MasterDescription& other = answer->second;
    if (other.masters != own.masters)
      return Wait(fmt::format("{} was given other masters ({}) than this one ({})", address,
                              fmt::join(other.masters, ", "), fmt::join(own.masters, ", ")));
    if (other.address != address)
      return Wait(fmt::format("who answers at {} calls itself {}", address, other.address));
    if (other.restores != own.restores)
      return Wait(
          fmt::format("{} is to begin with a backup and {} is not: set "
                      "alluxio.master.journal.init.from.backup on all masters or on none",
                      own.restores ? own.address : address, own.restores ? address : own.address));
    if (!ids.insert(other.id).second)
      return Wait(
          fmt::format("{} has the id of another master: its journal folder is a copy, wipe "
                      "it",
                      address));
    founding.founders[other.id] = address;
  }
  if (!silent.empty())
    return Wait(
        fmt::format("a new cluster begins once all its masters are there; {} did not answer "
                    "yet",
                    fmt::join(silent, ", ")));
  if (own.address != own.masters.front())
    return Wait(fmt::format("{} founds the cluster", own.masters.front()));
  if (own.restores) founding.founders = {{own.id, own.address}};
  return founding;
}

}  // namespace

std::string MasterDescription::LeaderAddress() const {
  const MemberStatus* const found = leader == 0 ? nullptr : Find(members, leader);
  return found == nullptr ? std::string() : found->address;
}

Beginning DecideBeginning(const MasterDescription& own, const MasterDescriptions& answers) {
  const MasterDescription* member = nullptr;
  for (const auto& [address, answer] : answers) {
    if (answer.cluster_id.empty()) continue;
    if (member != nullptr && member->cluster_id != answer.cluster_id)
      return Wait(fmt::format("{} and {} belong to two clusters: take one of them off the list",
                              member->address, address));
    member = &answer;
  }
  if (member == nullptr) return DecideFounding(own, answers);
  const auto founder = member->founders.find(own.id);
  if (founder != member->founders.end() && founder->second == own.address)
    return {.kind = Beginning::Kind::kEnter,
            .cluster_id = member->cluster_id,
            .founders = member->founders};
  return {.kind = Beginning::Kind::kJoin, .cluster_id = member->cluster_id};
}

Standing DecideStanding(const MasterDescription& own, bool was_member,
                        const MasterDescriptions& answers) {
  std::string why = "nobody who leads has answered";
  for (const auto& [address, answer] : answers) {
    if (answer.cluster_id.empty()) continue;
    if (answer.cluster_id != own.cluster_id) {
      why = fmt::format("{} belongs to another cluster, {}: is the journal folder the right one?",
                        address, answer.cluster_id);
      continue;
    }
    if (answer.leader == 0 || answer.leader != answer.id) continue;
    const MemberStatus* const member = Find(answer.members, own.id);
    if (member != nullptr && member->voter) return {.kind = Standing::Kind::kMember};
    if (member == nullptr && was_member) return {.kind = Standing::Kind::kRemoved};
    return {.kind = Standing::Kind::kJoining, .leader_address = answer.address};
  }
  return {.why = std::move(why)};
}

JoinStep NextJoinStep(const consensus::NodeStatus& status, uint64_t id,
                      const std::string& address) {
  const auto change = [&](ConfChangeKind kind, uint64_t node) {
    return JoinStep{.kind = JoinStep::Kind::kChange, .change = {kind, node}, .address = address};
  };
  const MemberStatus* const member = Find(status.members, id);
  if (member != nullptr && member->voter) return {.kind = JoinStep::Kind::kJoined};
  const auto before = std::find_if(
      status.members.begin(), status.members.end(),
      [&](const MemberStatus& other) { return other.address == address && other.id != id; });
  // Two processes that claim one address: the one that is there stays.
  if (before != status.members.end() && before->active) return {.kind = JoinStep::Kind::kWait};
  if (member == nullptr) return change(ConfChangeKind::kAddLearner, id);
  if (!member->active || member->match == 0 || member->lag > kCaughtUpLag)
    return {.kind = JoinStep::Kind::kWait};
  // Only now: until then one vote more would have been needed than there are disks.
  if (before != status.members.end()) return change(ConfChangeKind::kRemove, before->id);
  return change(ConfChangeKind::kAddVoter, id);
}

}  // namespace headpond::journal
