#include "consensus/sim_node.h"

#include <algorithm>
#include <utility>

namespace headpond::consensus {

Status SimNode::Start(uint64_t timeout_seed) {
  ++life_;
  ASSIGN_OR_RETURN(log_, disk_->Open());
  const SimSnapshot& snapshot = log_->snapshot();
  state_ = SimState::Decode(snapshot.state);
  conf_state_ = snapshot.meta.conf_state;
  if (state_.applied != 0) RETURN_IF_ERROR(world_.checker().OnRestore(id_, state_));
  options_.applied = state_.applied;
  options_.seed = timeout_seed;
  ASSIGN_OR_RETURN(core_, RaftCore::Create(options_, log_->hard_state(), conf_state_, *log_));
  role_ = Role::kFollower;
  leader_ = 0;
  return Run();
}

void SimNode::Crash() {
  disk_->Crash(world_.random());
  // The connections that states came over break, which their senders see.
  for (const SimPacket& packet : inbox_) {
    if (packet.snapshot) world_.SnapshotHandled(packet.from, id_, false);
  }
  core_.reset();
  log_.reset();
  ready_.reset();
  inbox_.clear();
  to_apply_.clear();
  received_.clear();
  state_ = {};
  conf_state_ = {};
  role_ = Role::kFollower;
  leader_ = 0;
  missed_ticks_ = 0;
}

Status SimNode::Tick() {
  if (syncing()) {
    ++missed_ticks_;
    return Status::Ok();
  }
  RETURN_IF_ERROR(core_->Tick());
  return Run();
}

Status SimNode::Receive(SimPacket packet) {
  inbox_.push_back(std::move(packet));
  return syncing() ? Status::Ok() : Run();
}

Status SimNode::Step(const SimPacket& packet) {
  if (packet.snapshot) received_[packet.snapshot->meta.index] = *packet.snapshot;
  const Status status = core_->Step(packet.message.bytes);
  if (packet.snapshot) world_.SnapshotHandled(packet.from, id_, status.ok());
  // An answer from a node that was removed meanwhile.
  return status.code() == Code::kNotFound ? Status::Ok() : status;
}

Status SimNode::Run() {
  while (!syncing()) {
    RETURN_IF_ERROR(ApplySome());
    for (; missed_ticks_ > 0; --missed_ticks_) RETURN_IF_ERROR(core_->Tick());
    while (!inbox_.empty()) {
      const SimPacket packet = std::move(inbox_.front());
      inbox_.pop_front();
      RETURN_IF_ERROR(Step(packet));
      if (world_.random().OneIn(4)) break;
    }
    if (core_->HasReady()) {
      RETURN_IF_ERROR(Begin());
    } else if (inbox_.empty()) {
      if (!to_apply_.empty()) world_.Wake(id_);
      return Status::Ok();
    }
  }
  return Status::Ok();
}

Status SimNode::Begin() {
  ASSIGN_OR_RETURN(ready_, core_->TakeReady());
  if (ready_->soft_state) {
    role_ = ready_->soft_state->role;
    leader_ = ready_->soft_state->leader;
    if (role_ == Role::kLeader) {
      ASSIGN_OR_RETURN(const CoreStatus status, core_->status());
      RETURN_IF_ERROR(world_.checker().OnLeader(id_, status.term, *log_));
    }
  }
  Send(std::move(ready_->messages));
  const SimSnapshot* received = nullptr;
  if (ready_->snapshot) {
    const auto found = received_.find(ready_->snapshot->index);
    if (found == received_.end()) {
      return Internal("node {} is to restore a snapshot at {} that did not come", id_,
                      ready_->snapshot->index);
    }
    received = &found->second;
  }
  if (!ready_->entries.empty() && !ready_->snapshot) {
    RETURN_IF_ERROR(world_.checker().OnAppend(id_, ready_->entries, *log_));
  }
  RETURN_IF_ERROR(log_->Write(*ready_, received));
  if (ready_->must_sync) {
    world_.StartSync(id_);
    return Status::Ok();
  }
  return Finish();
}

Status SimNode::OnSynced() {
  RETURN_IF_ERROR(log_->Sync());
  RETURN_IF_ERROR(Finish());
  return Run();
}

Status SimNode::Finish() {
  Ready ready = *std::exchange(ready_, std::nullopt);
  Send(std::move(ready.persisted_messages));
  ASSIGN_OR_RETURN(LightReady light, core_->Advance());
  Send(std::move(light.messages));
  if (light.commit) RETURN_IF_ERROR(log_->LearnCommit(*light.commit));
  if (ready.snapshot) {
    const SimSnapshot& snapshot = received_.at(ready.snapshot->index);
    to_apply_.clear();
    state_ = SimState::Decode(snapshot.state);
    conf_state_ = ready.snapshot->conf_state;
    if (conf_state_ != snapshot.meta.conf_state || state_.applied != ready.snapshot->index) {
      return Internal("node {} got another snapshot than its message said", id_);
    }
    RETURN_IF_ERROR(world_.checker().OnRestore(id_, state_));
    RETURN_IF_ERROR(core_->AdvanceApply(state_.applied));
    received_.clear();
    ++snapshots_restored_;
  }
  for (auto* committed : {&ready.committed, &light.committed}) {
    for (Entry& entry : *committed) to_apply_.push_back(std::move(entry));
  }
  if (ready.take_snapshot) RETURN_IF_ERROR(Compact(world_.random().Below(30)));
  for (const ReadState& read : ready.read_states) {
    RETURN_IF_ERROR(world_.OnReadState(id_, read));
  }
  return Status::Ok();
}

Status SimNode::ApplySome() {
  if (to_apply_.empty()) return Status::Ok();
  // A state machine may lag: sometimes only a part is applied before the next messages are handled.
  uint64_t count = to_apply_.size();
  if (world_.random().OneIn(3)) count = world_.random().Below(count + 1);
  for (; count > 0; --count) {
    const Entry entry = std::move(to_apply_.front());
    to_apply_.pop_front();
    if (entry.index != state_.applied + 1) {
      return Internal("node {} is to apply {} after {}", id_, entry.index, state_.applied);
    }
    state_.Apply(entry);
    if (entry.kind == EntryKind::kConfChange) {
      RETURN_IF_ERROR(log_->WriteCommit(entry.index));
      ASSIGN_OR_RETURN(conf_state_, core_->ApplyConfChange(entry));
    }
    RETURN_IF_ERROR(core_->AdvanceApply(entry.index));
    uint64_t term = 0;
    if (world_.checker().IsNew(entry)) {
      ASSIGN_OR_RETURN(const CoreStatus status, core_->status());
      term = status.term;
    }
    RETURN_IF_ERROR(world_.checker().OnApply(id_, entry, term, state_));
    world_.OnApplied(id_, entry);
  }
  return Status::Ok();
}

Status SimNode::Compact(uint64_t keep_entries) {
  if (syncing() || state_.applied <= log_->snapshot().meta.index) return Status::Ok();
  ASSIGN_OR_RETURN(const uint64_t term, log_->Term(state_.applied));
  const uint64_t cut_before = log_->first_index() - 1;
  const uint64_t cut =
      std::max(cut_before, state_.applied - std::min(keep_entries, state_.applied));
  return log_->Compact({{state_.applied, term, conf_state_}, state_.Encode()}, cut);
}

void SimNode::Send(std::vector<Message> messages) {
  for (Message& message : messages) {
    SimPacket packet = {.from = id_, .message = std::move(message), .snapshot = {}};
    if (packet.message.type == MessageType::kSnapshot) packet.snapshot = log_->snapshot();
    world_.Send(std::move(packet));
  }
}

}  // namespace headpond::consensus
