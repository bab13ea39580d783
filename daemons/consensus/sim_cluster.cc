#include "consensus/sim_cluster.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "consensus/sim_simulation.h"

namespace headpond::consensus {

std::set<uint64_t> Members(const ConfState& state) {
  std::set<uint64_t> members;
  for (const auto* ids :
       {&state.voters, &state.learners, &state.voters_outgoing, &state.learners_next}) {
    members.insert(ids->begin(), ids->end());
  }
  return members;
}

Simulation::Simulation(const SimOptions& options)
    : options_(options),
      random_(options.seed),
      checker_(FirstSnapshot(options.nodes)),
      network_(random_),
      next_id_(static_cast<uint64_t>(options.nodes) + 1) {
  core_options_.heartbeat_ticks = 1 + random_.Below(3);
  core_options_.max_size_per_message = random_.OneIn(4) ? 0 : 100 + random_.Below(4000);
  core_options_.max_inflight = 1 + random_.Below(random_.OneIn(2) ? 4 : 256);
  core_options_.max_uncommitted_size = 10000 + random_.Below(100000);
  core_options_.max_committed_size_per_ready = random_.OneIn(2) ? 500 : 1 << 20;
  core_options_.pre_vote = !random_.OneIn(4);
  // Without it, a member that was left behind stands for election in ever higher terms among
  // members that are switched off, and those that it does not know yet never reach it.
  if (!options.sizes.empty()) core_options_.pre_vote = true;
  core_options_.check_quorum = !random_.OneIn(6);
  for (int i = 1; i <= options.nodes; ++i) AddMachine(i, FirstImage());
  Schedule(EventKind::kClient, 0, 1);
  Schedule(EventKind::kFault, 0, 5 * kTick);
}

SnapshotMeta Simulation::FirstSnapshot(int nodes) {
  SnapshotMeta meta = {.index = 1, .term = 1, .conf_state = {}};
  for (int i = 1; i <= nodes; ++i) meta.conf_state.voters.push_back(i);
  return meta;
}

SimSnapshot Simulation::FirstImage() const {
  return {FirstSnapshot(options_.nodes), SimState{.applied = 1, .history = 0}.Encode()};
}

void Simulation::Schedule(EventKind kind, uint64_t node, int64_t delay, uint64_t value) {
  const int64_t life = node == 0 ? 0 : machine(node).node->life();
  events_.push({now_ + delay, order_++, kind, node, life, value});
}

void Simulation::AddMachine(uint64_t id, const SimSnapshot& first) {
  CoreOptions options = core_options_;
  options.id = id;
  Machine& added = machines_[id];
  added.node =
      std::make_unique<SimNode>(id, options, options_.disks(id, first, random_.Next()), *this);
  added.tick_length = kTick * (80 + Below(40)) / 100;
  Schedule(EventKind::kRestart, id, 1);
}

std::vector<uint64_t> Simulation::Ids() const {
  std::vector<uint64_t> ids;
  for (const auto& [id, machine] : machines_) ids.push_back(id);
  return ids;
}

std::vector<uint64_t> Simulation::Alive() const {
  std::vector<uint64_t> ids;
  for (const auto& [id, machine] : machines_) {
    if (machine.node->alive() && !machine.paused) ids.push_back(id);
  }
  return ids;
}

std::vector<uint64_t> Simulation::Leaders() const {
  std::vector<uint64_t> ids;
  for (const auto& [id, machine] : machines_) {
    if (machine.node->alive() && !machine.paused && !machine.node->syncing() &&
        machine.node->role() == Role::kLeader) {
      ids.push_back(id);
    }
  }
  return ids;
}

// --- What nodes ask for

void Simulation::Send(SimPacket packet) {
  ++report_.messages;
  const uint64_t to = packet.message.to;
  report_.digest = MixHash(report_.digest, std::hash<std::string>()(packet.message.bytes));
  const bool snapshot = packet.snapshot.has_value();
  const uint64_t from = packet.from;
  const std::vector<int64_t> delays =
      machines_.contains(to) ? network_.Route(from, to) : std::vector<int64_t>();
  Note("{} > {}: {} ({} bytes){}", from, to, static_cast<int>(packet.message.type),
       packet.message.bytes.size(), delays.empty() ? " lost" : "");
  for (const int64_t delay : delays) {
    packets_[next_packet_] = packet;
    Schedule(EventKind::kDeliver, 0, delay, next_packet_++);
  }
  if (!delays.empty()) return;
  ++report_.messages_lost;
  // Whoever sends a state knows when the connection breaks; small messages vanish unseen, mostly.
  if (snapshot || random_.OneIn(10))
    Schedule(EventKind::kSnapshotReport, from, 1 + Below(kTick), to * 2);
}

void Simulation::StartSync(uint64_t id) {
  Schedule(EventKind::kSynced, id, 1 + Below(machine(id).sync_time));
}

void Simulation::SnapshotHandled(uint64_t sender, uint64_t receiver, bool ok) {
  if (!machines_.contains(sender)) return;
  Schedule(EventKind::kSnapshotReport, sender, 1 + Below(kTick), receiver * 2 + (ok ? 1 : 0));
}

Status Simulation::OnReadState(uint64_t id, const ReadState& read) {
  const auto found = reads_.find(read.context);
  if (found == reads_.end()) return Status::Ok();  // an answer that came twice
  const uint64_t committed_before = found->second;
  reads_.erase(found);
  ++report_.reads;
  return checker_.OnRead(id, read.index, committed_before);
}

void Simulation::OnApplied(uint64_t id, const Entry& entry) {
  report_.digest = MixHash(report_.digest, MixHash(id, entry.index));
  Note("{} applied {} of term {}{}", id, entry.index, entry.term,
       entry.kind == EntryKind::kConfChange ? " (members)" : "");
  if (entry.kind == EntryKind::kConfChange)
    SwitchOffRemoved(id, entry.index, machine(id).node->conf_state());
  // Between the change and the next write of the log.
  if (faults_ && !options_.sizes.empty() && entry.kind == EntryKind::kConfChange &&
      entry.index == checker_.max_committed() && random_.OneIn(2))
    Schedule(EventKind::kCrash, id, 1 + Below(kTick / 5));
  const auto found = proposed_.find({id, entry.index});
  if (found != proposed_.end()) {
    if (found->second.term == entry.term) ++report_.acknowledged;
    proposed_.erase(found);
  }
}

// Who was in the configuration and no longer is gets some time to disturb, and is then switched
// off: once a node knows that stays, for as long as the others don't they may need its vote.
void Simulation::SwitchOffRemoved(uint64_t id, uint64_t index, const ConfState& state) {
  const std::set<uint64_t> members = Members(state);
  if (!members.contains(id) || index <= newest_change_) return;
  newest_change_ = index;
  for (auto& [other, machine] : machines_) {
    if (members.contains(other)) {
      machine.joined = true;
    } else if (machine.joined && !machine.removed) {
      machine.removed = true;
      Schedule(EventKind::kRetire, other, 1 + Below(50 * kTick));
    }
  }
}

// --- Time

Status Simulation::Work(int64_t steps) {
  for (int64_t i = 0; i < steps; ++i) {
    const Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.time);
    ++report_.steps;
    report_.digest = MixHash(report_.digest,
                             MixHash(static_cast<uint64_t>(event.kind) << 32 | event.node, now_));
    Status status = Dispatch(event);
    if (status.ok()) status = CheckLeaders();
    if (!status.ok())
      return status.WithContext(fmt::format("step {}, time {}", report_.steps, now_));
  }
  return Status::Ok();
}

// Leaders of later terms must have what was found committed in this step.
Status Simulation::CheckLeaders() {
  if (!checker_.TakeNewlyCommitted()) return Status::Ok();
  for (const uint64_t id : Leaders()) {
    SimNode& node = *machine(id).node;
    ASSIGN_OR_RETURN(const CoreStatus status, node.core().status());
    if (status.role == Role::kLeader)
      RETURN_IF_ERROR(checker_.CheckLeader(id, status.term, node.log()));
  }
  return Status::Ok();
}

Status Simulation::Dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::kDeliver: return Deliver(event.value);
    case EventKind::kClient:
      if (!clients_) return Status::Ok();
      // Members may change while nothing else is written.
      Schedule(EventKind::kClient, 0,
               1 + Below(!options_.sizes.empty() && random_.OneIn(40) ? 200 * kTick : kTick));
      return ActAsClient();
    case EventKind::kFault:
      if (!faults_) return Status::Ok();
      Schedule(EventKind::kFault, 0, 1 + Below(20 * kTick));
      return InjectFault();
    default: break;
  }
  const auto found = machines_.find(event.node);
  if (found == machines_.end()) return Status::Ok();
  Machine& at = found->second;
  SimNode& node = *at.node;
  if (event.kind == EventKind::kResume) {
    at.paused = false;
    for (const Event& held : std::exchange(at.held, {})) {
      events_.push({now_, order_++, held.kind, held.node, held.life, held.value});
    }
    return Status::Ok();
  }
  if (event.kind == EventKind::kRetire) {
    Note("{} is switched off", event.node);
    machines_.erase(found);
    return Status::Ok();
  }
  if (event.kind == EventKind::kRestart) return node.alive() ? Status::Ok() : Restart(event.node);
  if (!node.alive() || event.life != node.life()) return Status::Ok();
  if (at.paused) {
    at.held.push_back(event);
    return Status::Ok();
  }
  switch (event.kind) {
    case EventKind::kTick:
      Schedule(EventKind::kTick, event.node, at.tick_length);
      return node.Tick();
    case EventKind::kSynced: return node.OnSynced();
    case EventKind::kWake: return node.syncing() ? Status::Ok() : node.Run();
    case EventKind::kCrash: CrashAlone(event.node); return Status::Ok();
    case EventKind::kSnapshotReport: {
      if (node.syncing()) {
        Schedule(EventKind::kSnapshotReport, event.node, 1 + Below(kTick), event.value);
        return Status::Ok();
      }
      const uint64_t receiver = event.value / 2;
      const bool ok = event.value % 2 == 1;
      if (!ok) RETURN_IF_ERROR(node.core().ReportUnreachable(receiver));
      RETURN_IF_ERROR(node.core().ReportSnapshot(receiver, ok));
      return node.Run();
    }
    default: return Internal("an event of kind {}", static_cast<int>(event.kind));
  }
}

Status Simulation::Deliver(uint64_t number) {
  auto taken = packets_.extract(number);
  SimPacket& packet = taken.mapped();
  const auto found = machines_.find(packet.message.to);
  if (found == machines_.end() || !found->second.node->alive()) {
    ++report_.messages_lost;
    if (packet.snapshot) SnapshotHandled(packet.from, packet.message.to, false);
    return Status::Ok();
  }
  if (found->second.paused) {
    packets_[number] = std::move(packet);
    Schedule(EventKind::kDeliver, 0, kTick, number);
    return Status::Ok();
  }
  return found->second.node->Receive(std::move(packet));
}

// --- The end

// Liveness: once faults end, a leader commits again and all members get there.
Status Simulation::ComeToRest() {
  faults_ = false;
  network_.MakePerfect();
  Note("the faults are over");
  for (auto& [id, machine] : machines_) {
    machine.sync_time = 20;
    machine.tick_length = kTick;
    if (!machine.node->alive()) Schedule(EventKind::kRestart, id, 1);
  }
  const int64_t goal = report_.acknowledged + 10;
  for (int round = 0; round < 400; ++round) {
    RETURN_IF_ERROR(Work(500));
    if (report_.acknowledged >= goal) clients_ = false;
    if (!clients_ && AtRest()) return Status::Ok();
  }
  for (const auto& [id, machine] : machines_) {
    Note("{} is {} of leader {}, applied {} of {}, voters {}", id, RoleName(machine.node->role()),
         machine.node->leader(), machine.node->state().applied, checker_.max_committed(),
         fmt::join(machine.node->conf_state().voters, ","));
  }
  return Internal(
      "liveness: after the faults no leader brought all members to one state, {} committed, {} "
      "acknowledged",
      checker_.max_committed(), report_.acknowledged);
}

// One leader, and all members of its configuration have all that was ever committed.
bool Simulation::AtRest() const {
  const std::vector<uint64_t> leaders = Leaders();
  if (leaders.size() != 1) return false;
  const ConfState& conf_state = machines_.at(leaders.front()).node->conf_state();
  if (!conf_state.voters_outgoing.empty()) return false;
  const std::set<uint64_t> members = Members(conf_state);
  return std::all_of(members.begin(), members.end(), [&](uint64_t id) {
    const SimNode& node = *machines_.at(id).node;
    return node.alive() && node.state().applied == checker_.max_committed() &&
           node.conf_state() == conf_state;
  });
}

Result<SimReport> Simulation::Run() {
  RETURN_IF_ERROR(Work(options_.steps));
  RETURN_IF_ERROR(ComeToRest());
  report_.committed = checker_.max_committed();
  report_.terms = checker_.terms();
  report_.snapshots_restored = 0;
  for (const auto& [id, machine] : machines_)
    report_.snapshots_restored += machine.node->snapshots_restored();
  return report_;
}

Result<SimReport> RunSimulation(const SimOptions& options) {
  return Simulation(options).Run();
}

}  // namespace headpond::consensus
