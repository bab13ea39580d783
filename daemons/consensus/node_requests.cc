#include <algorithm>
#include <utility>

#include "consensus/node_impl.h"

namespace headpond::consensus {
namespace {

// How long a caller waits for the node's thread, which may be at a slow disk.
constexpr std::chrono::seconds kCallTimeout{30};

constexpr std::string_view kBarrierContext = "barrier ";

}  // namespace

void Node::Post(Task task) {
  Status ended;
  {
    MutexLock lock(mutex_);
    if (!ended_) {
      tasks_.push_back(std::move(task));
      wake_.NotifyOne();
      return;
    }
    ended = end_;
  }
  (void)task(ended.ok() ? Unavailable("the node is stopped") : ended);
}

Status Node::Call(Task task) {
  struct State {
    Mutex mutex;
    CondVar arrived;
    std::optional<Status> outcome GUARDED_BY(mutex);
  };
  const auto state = std::make_shared<State>();
  Post([state, task = std::move(task)](const Status& ended) {
    Status outcome = task(ended);
    MutexLock lock(state->mutex);
    state->outcome = std::move(outcome);
    state->arrived.NotifyAll();
    return Status::Ok();
  });
  const auto deadline = std::chrono::steady_clock::now() + kCallTimeout;
  MutexLock lock(state->mutex);
  while (!state->outcome)
    if (!state->arrived.WaitUntil(state->mutex, deadline))
      return DeadlineExceeded("the node's thread is stuck: is its disk?");
  return *state->outcome;
}

void Node::OnMessage(std::string bytes) {
  MutexLock lock(mutex_);
  if (ended_ || message_bytes_ + bytes.size() > options_.max_waiting_message_bytes) return;
  message_bytes_ += bytes.size();
  messages_.push_back(std::move(bytes));
  wake_.NotifyOne();
}

void Node::OnUnreachable(uint64_t peer) {
  Post([this, peer](const Status& ended) {
    RETURN_IF_ERROR(ended);
    return CheckStep(core_->ReportUnreachable(peer));
  });
}

void Node::Propose(uint64_t term, std::function<std::string()> take, Done done) {
  Status refused;
  {
    MutexLock lock(mutex_);
    if (ended_)
      refused = end_.ok() ? Unavailable("the node is stopped") : end_;
    else if (proposals_.size() >= options_.max_waiting_proposals)
      refused = Unavailable("{} proposals wait for the log already", proposals_.size());
    if (refused.ok()) {
      proposals_.push_back({term, std::move(take), std::move(done)});
      wake_.NotifyOne();
      return;
    }
  }
  // Those that come later must be refused too.
  Post([this, term](const Status& ended) {
    if (ended.ok()) refused_term_ = std::max(refused_term_, term);
    return Status::Ok();
  });
  if (done) done(refused);
}

void Node::Deliver(uint64_t index) {
  Post([this, index](const Status& ended) { return ended.ok() ? StartDelivery(index) : ended; });
}

void Node::ReadBarrier(Done done) {
  Post([this, done = std::move(done)](const Status& ended) mutable {
    if (!ended.ok() || !Leads()) {
      done(ended.ok() ? NotLeading(role_.term) : ended);
      return Status::Ok();
    }
    std::string context = fmt::format("{}{}", kBarrierContext, ++next_read_);
    if (const Status status = core_->ReadIndex(context); !status.ok()) {
      done(Unavailable("{}", status.message()));
      return CheckStep(status);
    }
    reads_[std::move(context)] = {options_.clock->Now() + 2 * options_.election, std::move(done)};
    return Status::Ok();
  });
}

Status Node::Compact(const SnapshotMeta& snapshot) {
  return Call([this, snapshot](const Status& ended) {
    RETURN_IF_ERROR(ended);
    // A peer's came meanwhile.
    if (snapshot.index < log_->snapshot().index) return Status::Ok();
    snapshot_wanted_ = false;
    const uint64_t keep = std::min(options_.keep_entries, snapshot.index);
    RETURN_IF_ERROR(
        log_->Compact(snapshot, std::max(log_->compacted_index(), snapshot.index - keep)));
    MutexLock lock(mutex_);
    const auto holds = members_.upper_bound(snapshot.index);
    if (holds != members_.begin()) members_.erase(members_.begin(), std::prev(holds));
    return Status::Ok();
  });
}

Membership Node::MembershipAt(uint64_t index) const {
  MutexLock lock(mutex_);
  const auto after = members_.upper_bound(index);
  return after == members_.begin() ? Membership() : std::prev(after)->second;
}

void Node::ChangeMember(ConfChange change, const std::string& address, Done done) {
  Post([this, change, address, done = std::move(done)](const Status& ended) mutable {
    if (!ended.ok()) {
      done(ended);
      return ended;
    }
    const auto position =
        core_->ProposeConfChange({change}, fmt::format("{} {}", change.node, address));
    if (position.ok()) {
      waiting_.push_back({*position, std::move(done)});
      return Status::Ok();
    }
    done(Leads() ? position.status() : NotLeading(role_.term));
    return CheckStep(position.status());
  });
}

void Node::TransferLeader(uint64_t to, Done done) {
  Post([this, to, done = std::move(done)](const Status& ended) mutable {
    Status refused = ended;
    if (refused.ok() && !Leads()) refused = NotLeading(role_.term);
    if (refused.ok() && transfer_) refused = Aborted("leadership is being handed over already");
    if (refused.ok() && to == id_) refused = InvalidArgument("node {} leads already", to);
    if (refused.ok()) refused = core_->TransferLeader(to);
    if (!refused.ok()) {
      done(refused);
      return ended.ok() ? CheckStep(refused) : Status::Ok();
    }
    // The one that takes over does not wait for leases to end.
    handover_term_ = role_.term;
    lease_until_ = 0;
    lease_requests_.clear();
    transfer_ = Transfer{to, ticks_ + 2 * election_ticks_, std::move(done)};
    return Status::Ok();
  });
}

const MemberStatus* Node::BestSuccessor(const NodeStatus& status, uint64_t but) const {
  const MemberStatus* best = nullptr;
  for (const MemberStatus& member : status.members)
    if (member.id != id_ && member.id != but && member.voter && member.active &&
        (best == nullptr || member.match > best->match))
      best = &member;
  return best;
}

// The one that was told to take over may still do so, whenever it hears of it. So there is no lease
// in this term any more, and another term is needed.
void Node::GiveUpTransfer() {
  const Transfer given_up = *std::move(transfer_);
  transfer_.reset();
  given_up.done(DeadlineExceeded("leadership was not taken over in time"));
  const NodeStatus now = status();
  if (const MemberStatus* const next = BestSuccessor(now, given_up.to); next != nullptr)
    TransferLeader(next->id, [](const Status&) {});
}

void Node::Campaign() {
  Post([this](const Status& ended) { return ended.ok() ? CheckStep(core_->Campaign()) : ended; });
}

std::string Node::AddressOf(uint64_t id) const {
  const auto found = addresses_.find(id);
  return found == addresses_.end() ? std::string() : found->second;
}

void Node::LearnAddresses(const Addresses& addresses) {
  for (const auto& [id, address] : addresses) {
    if (id == id_ || address.empty()) continue;
    addresses_[id] = address;
    transport_.SetPeer(id, address);
  }
}

Membership Node::MembershipOf(const ConfState& conf_state) const {
  Membership members{.conf_state = conf_state};
  for (const auto* ids : {&conf_state.voters, &conf_state.learners, &conf_state.voters_outgoing,
                          &conf_state.learners_next})
    for (const uint64_t id : *ids)
      if (std::string address = AddressOf(id); !address.empty())
        members.addresses[id] = std::move(address);
  return members;
}

void Node::PublishStatus() {
  const auto core = core_->status();
  if (!core.ok()) return;
  NodeStatus now{.id = id_,
                 .role = role_,
                 .commit = core->commit,
                 .last_index = core->last_index,
                 .first_index = log_->first_index(),
                 .snapshot_index = log_->snapshot().index,
                 .snapshot_wanted = snapshot_wanted_};
  const auto add = [&](const std::vector<uint64_t>& ids, bool voter) {
    for (const uint64_t id : ids) {
      if (std::any_of(now.members.begin(), now.members.end(),
                      [id](const MemberStatus& member) { return member.id == id; }))
        continue;
      now.members.push_back({.id = id, .address = AddressOf(id), .voter = voter});
    }
  };
  add(core->conf_state.voters, true);
  add(core->conf_state.voters_outgoing, true);
  add(core->conf_state.learners, false);
  add(core->conf_state.learners_next, false);
  if (!Leads()) heard_.clear();
  for (MemberStatus& member : now.members)
    for (const Progress& progress : core->progress)
      if (progress.id == member.id) {
        member.match = progress.match;
        member.lag = core->last_index - std::min(core->last_index, progress.match);
        // The core forgets who is active at each end of an election timeout, when it counts them.
        if (progress.recent_active) heard_[member.id] = ticks_;
        const auto heard = heard_.find(member.id);
        member.active = member.id == id_ ||
                        (heard != heard_.end() && ticks_ - heard->second <= election_ticks_);
      }
  MutexLock lock(mutex_);
  status_ = std::move(now);
  changed_.NotifyAll();
}

NodeStatus Node::status() const {
  MutexLock lock(mutex_);
  return status_;
}

void Node::Stop() {
  MutexLock stop(stop_mutex_);
  if (!thread_.joinable()) return;
  const NodeStatus now = status();
  const MemberStatus* const next = BestSuccessor(now, /*but=*/0);
  if (now.role.role == Role::kLeader && next != nullptr) {
    TransferLeader(next->id, [](const Status&) {});
    const auto deadline = std::chrono::steady_clock::now() + options_.transfer_timeout;
    MutexLock lock(mutex_);
    while (!ended_ && status_.role.role == Role::kLeader)
      if (!changed_.WaitUntil(mutex_, deadline)) break;
  }
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyOne();
  }
  thread_.join();
  fetcher_.Shutdown();
  apply_thread_.join();
}

}  // namespace headpond::consensus
