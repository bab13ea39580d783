#include "operator/plan/quorum_change.h"

#include <fmt/format.h>

#include <algorithm>

namespace headpond::plan {

QuorumChange::QuorumChange(const DesiredCluster& desired, const ObservedCluster& observed,
                           Question serves, Question outdated)
    : desired_(desired),
      observed_(observed),
      serves_(std::move(serves)),
      outdated_(std::move(outdated)),
      membership_(MembershipOf(observed)) {
  for (const Workload& workload : desired_.workloads) {
    if (workload.quorum_address.empty()) continue;
    masters_.push_back(&workload);
    wanted_names_.insert(workload.name);
    wanted_addresses_.insert(workload.quorum_address);
  }
  if (!masters_.empty() && membership_.current())
    leaving_ = LeavingOf(membership_, wanted_addresses_);
}

const ObservedWorkload* QuorumChange::Found(const std::string& name) const {
  const auto found = std::ranges::find(observed_.workloads, name, &ObservedWorkload::name);
  return found == observed_.workloads.end() ? nullptr : &*found;
}

bool QuorumChange::IsAlone(const ObservedWorkload& master) const {
  if (!master.serving || master.quorum || !IsWanted(master.name)) return false;
  return membership_.members.empty() &&
         std::ranges::none_of(observed_.workloads, [&](const ObservedWorkload& other) {
           return other.role == Role::kMaster && other.serving && &other != &master;
         });
}

const ObservedWorkload* QuorumChange::Founder() const {
  std::vector<const ObservedWorkload*> masters;
  for (const ObservedWorkload& workload : observed_.workloads) {
    if (workload.role != Role::kMaster) continue;
    if (IsAlone(workload)) return &workload;
    masters.push_back(&workload);
  }
  const ObservedWorkload* const only =
      masters.size() == 1 && masters.front()->ordinal == 0 ? masters.front() : nullptr;
  // While it is started anew it says nothing. One that fails must not keep the others away: they
  // may be the majority that remembers.
  const bool comes = only != nullptr && !only->proven_hash.empty() &&
                     (only->phase != Phase::kExited || only->crashes == 0);
  return comes ? only : nullptr;
}

bool QuorumChange::IsToJoin(const Workload& master) const {
  if (master.quorum_address.empty()) return false;
  if (!membership_.members.empty()) return !membership_.Has(master.quorum_address);
  const ObservedWorkload* const founder = Founder();
  return founder != nullptr && founder->name != master.name;
}

std::vector<std::string> QuorumChange::JoinWaitsFor(const Workload& master) const {
  if (!membership_.current()) {
    const ObservedWorkload* const founder = membership_.members.empty() ? Founder() : nullptr;
    return {founder == nullptr ? "a master to lead" : founder->name + " to lead"};
  }
  std::vector<std::string> waits_for;
  for (const std::string& address : Leaving()) waits_for.push_back(address + " to leave");
  for (const Workload* const other : masters_) {
    if (other == &master) continue;
    const ObservedWorkload* const found = Found(other->name);
    const bool runs = found != nullptr && found->phase != Phase::kExited;
    if (membership_.Votes(other->quorum_address)) {
      if (!serves_(other->name)) waits_for.push_back(other->name + " to serve");
    } else if (runs || other->ordinal < master.ordinal) {
      waits_for.push_back(other->name + " to join");
    }
  }
  for (const Workload& other : desired_.workloads)
    if (outdated_(other.name)) waits_for.push_back(other.name + " to get its configuration");
  return waits_for;
}

std::vector<std::string> QuorumChange::Extras() const {
  std::vector<std::string> names;
  for (const ObservedWorkload& workload : observed_.workloads)
    if (workload.role == Role::kMaster && !IsWanted(workload.name)) names.push_back(workload.name);
  return names;
}

std::vector<std::string> QuorumChange::EndWaitsFor() const {
  if (masters_.empty()) return {};
  if (!membership_.current()) {
    if (LeaderOf(observed_) != nullptr) return {"the masters to say who takes part"};
    return {"a master to lead"};
  }
  std::vector<std::string> waits_for;
  for (const QuorumMember& member : leaving_.voters)
    waits_for.push_back(member.address + " to leave");
  return waits_for;
}

std::vector<std::string> QuorumChange::RollWaitsFor() const {
  // Masters of a version that doesn't say who takes part get another one first.
  if (!membership_.current()) return {};
  std::vector<std::string> waits_for;
  for (const std::string& address : Leaving()) waits_for.push_back(address + " to leave");
  for (const std::string& name : Extras()) waits_for.push_back(name + " to end");
  return waits_for;
}

std::vector<std::string> QuorumChange::LeaveWaitsFor(const QuorumMember& member) const {
  std::vector<std::string> waits_for;
  std::set<std::string> healthy;
  for (const QuorumMember& other : membership_.members)
    if (other.available && !wanted_addresses_.contains(other.address))
      healthy.insert(other.address);
  for (const Workload* const master : masters_) {
    if (!membership_.Has(master->quorum_address)) continue;
    if (serves_(master->name)) {
      healthy.insert(master->quorum_address);
      continue;
    }
    // Not for one that fails: its place is what the others' majority makes up for.
    const ObservedWorkload* const found = Found(master->name);
    if (found != nullptr && (found->phase != Phase::kExited || found->crashes == 0))
      waits_for.push_back(master->name + " to serve");
  }
  if (!BearsLossOf(member.address, membership_, healthy))
    waits_for.push_back(fmt::format("a majority without {} to serve", member.address));
  return waits_for;
}

std::vector<Step> QuorumChange::Departures(const ObservedWorkload* successor) const {
  std::vector<Step> steps;
  const auto dismiss = [&](const QuorumMember& member, std::vector<std::string> waits_for) {
    steps.push_back(
        {{.kind = ActionKind::kDismiss, .reason = "no longer wanted", .to = member.address},
         std::move(waits_for)});
  };
  std::vector<std::string> before;  // those that leave earlier
  for (const QuorumMember& member : leaving_.voters) {
    std::vector<std::string> waits_for = before.empty() ? LeaveWaitsFor(member) : before;
    if (member.address == membership_.leader) {
      const ObservedWorkload& leader = *LeaderOf(observed_);
      Step step{{.workload = leader.name, .node = leader.node}, waits_for};
      step.action.kind = successor == nullptr ? ActionKind::kStop : ActionKind::kTransfer;
      step.action.reason = successor == nullptr
                               ? "no longer wanted, and does not hand over"
                               : fmt::format("no longer wanted; {} is to lead", successor->name);
      if (successor != nullptr) step.action.to = successor->name;
      steps.push_back(std::move(step));
      waits_for.push_back("another master to lead");
    }
    dismiss(member, std::move(waits_for));
    before.push_back(member.address + " to leave");
  }
  // It asks to be let in as long as it runs, and has no vote that would be missed.
  for (const std::string& name : Extras()) before.push_back(name + " to end");
  for (const QuorumMember& member : leaving_.learners) {
    dismiss(member, before);
    before.push_back(member.address + " to leave");
  }
  return steps;
}

std::vector<std::string> QuorumChange::Joining() const {
  std::vector<std::string> names;
  const bool known = membership_.current() || Founder() != nullptr;
  for (const Workload* const master : masters_) {
    if (known && !membership_.Votes(master->quorum_address)) names.push_back(master->name);
  }
  return names;
}

std::vector<std::string> QuorumChange::Leaving() const {
  std::vector<std::string> addresses;
  for (const auto* const members : {&leaving_.voters, &leaving_.learners})
    for (const QuorumMember& member : *members) addresses.push_back(member.address);
  return addresses;
}

}  // namespace headpond::plan
