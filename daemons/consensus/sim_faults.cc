#include <fmt/core.h>

#include <utility>

#include "consensus/sim_simulation.h"

namespace headpond::consensus {
namespace {

std::vector<uint64_t> OtherVoters(const CoreStatus& status) {
  std::vector<uint64_t> others = status.conf_state.voters;
  std::erase(others, status.leader);
  return others;
}

}  // namespace

// --- Clients

Status Simulation::ActAsClient() {
  const std::vector<uint64_t> leaders = Leaders();
  if (!leaders.empty() && !random_.OneIn(3)) {
    const uint64_t id = Pick(leaders);
    for (int64_t i = Below(5); i >= 0; --i) RETURN_IF_ERROR(Propose(id));
    return machine(id).node->Run();
  }
  const std::vector<uint64_t> alive = Alive();
  if (alive.empty()) return Status::Ok();
  const uint64_t id = Pick(alive);
  return machine(id).node->syncing() ? Status::Ok() : Read(id);
}

Status Simulation::Propose(uint64_t id) {
  std::string data = fmt::format("proposal {}", next_proposal_++);
  if (random_.OneIn(50)) data.resize(5000, 'x');
  const Result<LogPosition> position = machine(id).node->core().Propose(data);
  if (position.ok()) {
    proposed_[{id, position->index}] = *position;
    return Status::Ok();
  }
  const Code code = position.status().code();
  const bool refused = code == Code::kFailedPrecondition || code == Code::kUnavailable ||
                       code == Code::kResourceExhausted;
  return refused ? Status::Ok() : position.status();
}

Status Simulation::Read(uint64_t id) {
  const std::string context = fmt::format("read {} at {}", reads_.size(), order_++);
  reads_[context] = checker_.max_committed();
  const Status status = machine(id).node->core().ReadIndex(context);
  if (!status.ok()) {
    reads_.erase(context);
    const bool refused =
        status.code() == Code::kFailedPrecondition || status.code() == Code::kUnavailable;
    return refused ? Status::Ok() : status;
  }
  return machine(id).node->Run();
}

// --- Faults

Status Simulation::InjectFault() {
  const std::vector<uint64_t> ids = Ids();
  const std::vector<uint64_t> alive = Alive();
  const std::vector<uint64_t> leaders = Leaders();
  if (alive.empty()) return Status::Ok();
  const uint64_t victim = !leaders.empty() && random_.OneIn(2) ? Pick(leaders) : Pick(alive);
  SimNode& node = *machine(victim).node;
  // Growing takes a change for each step of each node.
  switch (random_.Below(options_.sizes.empty() ? 14 : 20)) {
    case 0:
    case 1: Crash(victim); return Status::Ok();
    case 2:
      Note("partition");
      network_.Partition(ids);
      return Status::Ok();
    case 3:
      Note("{} is isolated", victim);
      network_.Isolate(victim, ids);
      return Status::Ok();
    case 4:
    case 5:
      Note("healed");
      network_.Heal();
      return Status::Ok();
    case 6: network_.ChangeQuality(); return Status::Ok();
    case 7:
      machine(victim).sync_time = random_.OneIn(3) ? 30 * kTick : 1 + Below(kTick);
      return Status::Ok();
    case 8: Pause(victim); return Status::Ok();
    case 9: return JumpClock(victim);
    case 10: Note("{} compacts", victim); return node.Compact(random_.Below(30));
    case 11: {
      if (leaders.empty() || node.conf_state().voters.empty()) return Status::Ok();
      const uint64_t to = Pick(node.conf_state().voters);
      Note("{} is to hand over to {}", leaders.front(), to);
      SimNode& leader = *machine(leaders.front()).node;
      const Status status = leader.core().TransferLeader(to);
      const bool refused =
          status.code() == Code::kNotFound || status.code() == Code::kFailedPrecondition;
      if (!status.ok() && !refused) return status;
      return leader.Run();
    }
    default: return leaders.empty() ? Status::Ok() : ChangeMembers(Pick(leaders));
  }
}

void Simulation::Crash(uint64_t id) {
  Note("{} crashes", id);
  ++report_.crashes;
  machine(id).node->Crash();
  std::erase_if(proposed_, [&](const auto& proposal) { return proposal.first.first == id; });
  Schedule(EventKind::kRestart, id, 1 + Below(random_.OneIn(2) ? kTick : 40 * kTick));
}

// So that it comes back with no more than it knows itself of who the members are.
void Simulation::CrashAlone(uint64_t id) {
  network_.Isolate(id, Ids());
  Crash(id);
}

Status Simulation::Restart(uint64_t id) {
  Note("{} starts", id);
  RETURN_IF_ERROR(machine(id).node->Start(random_.Next()));
  Schedule(EventKind::kTick, id, 1 + Below(kTick));
  return Status::Ok();
}

void Simulation::Pause(uint64_t id) {
  Note("{} stands still", id);
  machine(id).paused = true;
  Schedule(EventKind::kResume, id, 1 + Below(50 * kTick));
}

// A clock that runs at another pace, or many ticks at once after a suspended machine woke up.
Status Simulation::JumpClock(uint64_t id) {
  Machine& at = machine(id);
  at.tick_length = kTick * (80 + Below(40)) / 100;
  Note("{} gets a tick of {} and a jump", id, at.tick_length);
  for (int64_t i = Below(25); i > 0 && at.node->alive(); --i) RETURN_IF_ERROR(at.node->Tick());
  return Status::Ok();
}

ConfChange Simulation::AddNode(ConfChangeKind kind) {
  AddMachine(next_id_, {});
  return {kind, next_id_++};
}

std::vector<ConfChange> Simulation::PickResize(const CoreStatus& status) {
  const std::vector<uint64_t>& learners = status.conf_state.learners;
  const std::vector<uint64_t> others = OtherVoters(status);
  const uint64_t voters = others.size() + 1;
  const uint64_t goal = options_.sizes[next_size_];
  // Two at once go by joint consensus.
  if (voters > goal) {
    if (voters > goal + 1 && random_.OneIn(3))
      return {{ConfChangeKind::kRemove, others.front()}, {ConfChangeKind::kRemove, others.back()}};
    return {{ConfChangeKind::kRemove, Pick(others)}};
  }
  // All learn first and then become voters, or one after the other.
  const bool enough = learners.size() >= goal - voters;
  if (learners.size() >= 2 && goal - voters >= 2 && random_.OneIn(3))
    return {{ConfChangeKind::kAddVoter, learners.front()},
            {ConfChangeKind::kAddVoter, learners.back()}};
  if (!learners.empty() && (enough || random_.OneIn(4)))
    return {{ConfChangeKind::kAddVoter, Pick(learners)}};
  if (machines_.size() >= 12) return {};
  // A voter may come with nothing, too.
  return {AddNode(random_.OneIn(4) ? ConfChangeKind::kAddVoter : ConfChangeKind::kAddLearner)};
}

std::vector<ConfChange> Simulation::PickChanges(const CoreStatus& status) {
  if (!options_.sizes.empty() && status.conf_state.voters_outgoing.empty()) {
    if (status.conf_state.voters.size() != options_.sizes[next_size_]) return PickResize(status);
    ++report_.sizes_reached;
    next_size_ = (next_size_ + 1) % options_.sizes.size();
  }
  const std::vector<uint64_t> others = OtherVoters(status);
  const std::vector<uint64_t>& learners = status.conf_state.learners;
  const uint64_t voters = status.conf_state.voters.size();
  switch (random_.Below(5)) {
    case 0:
    case 1:
      if (learners.size() + voters >= 7 || machines_.size() >= 12) return {};
      return {AddNode(ConfChangeKind::kAddLearner)};
    case 2:
      if (learners.empty()) return {};
      return {{ConfChangeKind::kAddVoter, Pick(learners)}};
    case 3:
      if (voters > 3 && !others.empty()) return {{ConfChangeKind::kRemove, Pick(others)}};
      if (learners.empty()) return {};
      return {{ConfChangeKind::kRemove, Pick(learners)}};
    default:  // a replacement, by joint consensus
      if (learners.empty() || others.empty()) return {};
      return {
          {ConfChangeKind::kAddVoter, Pick(learners)},
          {random_.OneIn(2) ? ConfChangeKind::kRemove : ConfChangeKind::kAddLearner, Pick(others)}};
  }
}

Status Simulation::ChangeMembers(uint64_t leader) {
  SimNode& node = *machine(leader).node;
  ASSIGN_OR_RETURN(const CoreStatus status, node.core().status());
  if (status.role != Role::kLeader) return Status::Ok();
  const std::vector<ConfChange> changes = PickChanges(status);
  if (changes.empty()) return Status::Ok();
  const Result<LogPosition> position = node.core().ProposeConfChange(changes);
  for (const ConfChange& change : changes) {
    Note("{} is to change {} to {}: {}", leader, change.node, static_cast<int>(change.kind),
         position.status().ToString());
  }
  if (position.ok()) {
    ++report_.conf_changes;
  } else if (position.status().code() == Code::kInternal) {
    return position.status();
  }
  return node.Run();
}

}  // namespace headpond::consensus
