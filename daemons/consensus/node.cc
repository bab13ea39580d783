#include "consensus/node.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "consensus/node_impl.h"

namespace headpond::consensus {
namespace {

// Of committed entries that are read from the log again because the state machine was slow.
constexpr uint64_t kReadAgainBytes = 4 << 20;
// Leases end this much before elections can: clocks of two machines drift apart far less.
constexpr double kLeaseShare = 0.9;
// Answers to older questions than these would not renew a lease.
constexpr size_t kLeaseRequests = 64;

constexpr std::string_view kLeaseContext = "lease ";

}  // namespace

Status Node::Start(io::Env& env, const SnapshotMeta& applied) {
  ASSIGN_OR_RETURN(log_, RaftLog::Open(env, options_.log));
  const auto term = log_->Term(applied.index);
  if (applied.index < log_->compacted_index())
    return DataLoss(
        "{}: the log begins behind entry {}, but the newest snapshot is at {}: a snapshot is "
        "missing; remove this node from the quorum and join again under a new id",
        options_.log.folder, log_->compacted_index(), applied.index);
  // What a snapshot holds is committed, so it replaces whatever does not lead up to it: the process
  // died between the snapshot and the log's own note of it.
  if (!term.ok() || *term != applied.term) {
    RETURN_IF_ERROR(log_->Replace(applied));
  } else if (log_->snapshot() != applied) {
    RETURN_IF_ERROR(log_->Compact(applied, log_->compacted_index()));
  }
  committed_ = delivered_ = applied.index;
  CoreOptions core{.id = id_,
                   .election_ticks = election_ticks_,
                   .heartbeat_ticks = heartbeat_ticks_,
                   .max_uncommitted_size = UINT64_MAX,  // the owner bounds what it proposes
                   .applied = applied.index,
                   .seed = Random(options_.random).Next(),
                   .log = [](LogLevel level, std::string_view line) {
                     if (level >= LogLevel::kWarn) LogWarn("consensus", "{}", line);
                   }};
  ASSIGN_OR_RETURN(core_, RaftCore::Create(core, log_->hard_state(), applied.conf_state, *log_));
  LearnAddresses(applied.addresses);
  {
    MutexLock lock(mutex_);
    members_[applied.index] = MembershipOf(applied.conf_state);
    status_.id = id_;
  }
  RETURN_IF_ERROR(NoteRole());
  RETURN_IF_ERROR(transport_.Start(*this));
  next_tick_ = options_.clock->Now() + options_.tick;
  const bool alone = applied.conf_state.voters == std::vector<uint64_t>{id_};
  MutexLock lock(stop_mutex_);
  apply_thread_ = std::thread([this] {
    queue_.Run(state_machine_, [this] { Post([](const Status& ended) { return ended; }); });
  });
  pthread_setname_np(apply_thread_.native_handle(), "raft-apply");
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "raft");
  if (alone) Campaign();
  return Status::Ok();
}

Node::Work Node::AwaitWork() {
  const auto left = next_tick_ - options_.clock->Now();
  const auto deadline = std::chrono::steady_clock::now() + left;
  MutexLock lock(mutex_);
  while (messages_.empty() && tasks_.empty() && proposals_.empty() && !stopping_)
    if (!wake_.WaitUntil(mutex_, deadline)) break;
  Work work;
  work.messages.swap(messages_);
  work.tasks.swap(tasks_);
  work.proposals.swap(proposals_);
  work.stopping = stopping_;
  message_bytes_ = 0;
  return work;
}

void Node::Run() {
  Status failure;
  bool stopping = false;
  while (failure.ok() && !stopping) {
    Work work = AwaitWork();
    stopping = work.stopping;
    failure = RunOnce(std::move(work));
  }
  End(failure);
}

Status Node::RunOnce(Work work) {
  Status failure;
  for (Task& task : work.tasks)
    if (Status status = task(failure); failure.ok()) failure = std::move(status);
  for (std::string& message : work.messages) {
    if (!failure.ok()) break;
    failure = Step(std::move(message));
  }
  for (Proposal& proposal : work.proposals) {
    if (failure.ok())
      ProposeOne(std::move(proposal));
    else if (proposal.done)
      proposal.done(failure);
  }
  RETURN_IF_ERROR(failure);
  RETURN_IF_ERROR(Tick());
  RETURN_IF_ERROR(HandleReadies());
  return Pump();
}

void Node::End(const Status& reason) {
  if (!reason.ok()) LogError("consensus", "node {} ends: {}", id_, reason.message());
  lease_until_ = 0;
  transport_.Stop();
  const Status why = reason.ok() ? Unavailable("the node is stopped") : reason;
  FailWaiting(why);
  std::deque<Task> tasks;
  std::deque<Proposal> proposals;
  {
    MutexLock lock(mutex_);
    ended_ = true;
    end_ = reason;
    status_.failure = reason;
    status_.role.role = Role::kFollower;
    status_.role.leader = 0;
    tasks.swap(tasks_);
    proposals.swap(proposals_);
    changed_.NotifyAll();
  }
  for (Task& task : tasks) (void)task(why);
  for (Proposal& proposal : proposals)
    if (proposal.done) proposal.done(why);
  DropDelivery();
  log_->Close();
  queue_.End([reason](StateMachine& machine) { machine.OnEnd(reason); });
}

Status Node::Tick() {
  const Time now = options_.clock->Now();
  if (now < next_tick_) return Status::Ok();
  next_tick_ = now + options_.tick;
  ++ticks_;
  RETURN_IF_ERROR(core_->Tick());
  if (Leads() && ticks_ % heartbeat_ticks_ == 0 && handover_term_ != role_.term) {
    // The lease counts from before the question; only the newest few answers are of use.
    std::string context = fmt::format("{}{}", kLeaseContext, ++next_read_);
    if (const Status status = core_->ReadIndex(context); status.ok()) {
      lease_requests_[context] = now;
      while (lease_requests_.size() > kLeaseRequests)
        lease_requests_.erase(lease_requests_.begin());
    } else {
      RETURN_IF_ERROR(CheckStep(status));
    }
  }
  for (auto it = reads_.begin(); it != reads_.end();) {
    if (it->second.deadline > now) {
      ++it;
      continue;
    }
    it->second.done(Unavailable("no majority confirmed who leads in time"));
    it = reads_.erase(it);
  }
  if (transfer_ && ticks_ >= transfer_->until) GiveUpTransfer();
  for (auto it = snapshot_told_.begin(); it != snapshot_told_.end();) {
    if (Leads() && it->second > now) {
      ++it;
      continue;
    }
    // Harmless if it has the snapshot by now.
    if (Leads()) RETURN_IF_ERROR(CheckStep(core_->ReportSnapshot(it->first, false)));
    it = snapshot_told_.erase(it);
  }
  PublishStatus();
  return Status::Ok();
}

// What a message or a request may answer without the core being broken.
Status Node::CheckStep(const Status& status) const {
  switch (status.code()) {
    case Code::kInternal: return status;
    case Code::kDataLoss: return status;
    default: return Status::Ok();
  }
}

Status Node::Step(std::string bytes) {
  const auto header = RaftCore::ParseHeader(bytes);
  if (!header.ok() || header->to != id_) return Status::Ok();
  // A leader may still hold the lease that this node granted before it restarted.
  const bool vote = header->type == MessageType::kVote || header->type == MessageType::kPreVote;
  if (vote && ticks_ <= election_ticks_) return Status::Ok();
  if (header->type == MessageType::kSnapshot && header->snapshot_index > committed_) {
    FetchSnapshot(*header, std::move(bytes));
    return Status::Ok();
  }
  return CheckStep(core_->Step(bytes));
}

// The message counts once the state that it tells of is here.
void Node::FetchSnapshot(const MessageHeader& header, std::string bytes) {
  if (fetching_) return;  // the leader tells again
  LogInfo("consensus", "node {}: fetching the snapshot at {} from node {}", id_,
          header.snapshot_index, header.from);
  fetching_ = true;
  const Status submitted = fetcher_.Submit([this, header, bytes = std::move(bytes)]() mutable {
    const auto fetch = [&]() -> Result<SnapshotMeta> {
      ASSIGN_OR_RETURN(const auto sink,
                       store_.ReceiveSnapshot(header.snapshot_index, header.snapshot_term));
      RETURN_IF_ERROR(transport_.FetchSnapshot(
          header.from, header.snapshot_index,
          [&sink](std::string_view chunk) { return sink->Append(chunk); }));
      return sink->Finish();
    };
    auto fetched = fetch();
    if (!fetched.ok())
      LogWarn("consensus", "node {}: no snapshot at {} from node {}: {}", id_,
              header.snapshot_index, header.from, fetched.status().message());
    Post([this, fetched = std::move(fetched), bytes = std::move(bytes)](const Status& ended) {
      RETURN_IF_ERROR(ended);
      fetching_ = false;
      if (!fetched.ok()) return Status::Ok();
      LearnAddresses(fetched->addresses);
      return CheckStep(core_->Step(bytes));
    });
  });
  if (!submitted.ok()) fetching_ = false;
}

Status Node::NotLeading(uint64_t term) const {
  if (Leads() && role_.term == term)
    return Unavailable("node {} refused an earlier proposal of term {}", id_, term);
  if (role_.leader == 0 || role_.leader == id_)
    return Unavailable("node {} does not lead in term {}, and no leader is known", id_, term);
  return Unavailable("node {} does not lead in term {}: node {} at {} does", id_, term,
                     role_.leader, role_.leader_address);
}

void Node::ProposeOne(Proposal proposal) {
  Status refused;
  if (!Leads() || role_.term != proposal.term || refused_term_ == proposal.term) {
    refused = NotLeading(proposal.term);
  } else {
    const auto position = core_->Propose(proposal.take());
    if (position.ok() && position->term == proposal.term) {
      waiting_.push_back({*position, std::move(proposal.done)});
      return;
    }
    refused =
        position.ok() ? NotLeading(proposal.term) : Unavailable("{}", position.status().message());
  }
  refused_term_ = std::max(refused_term_, proposal.term);
  if (proposal.done) proposal.done(refused);
}

Status Node::HandleReadies() {
  while (core_->HasReady()) {
    ASSIGN_OR_RETURN(Ready ready, core_->TakeReady());
    Send(std::move(ready.messages));
    snapshot_wanted_ = snapshot_wanted_ || ready.take_snapshot;
    if (ready.snapshot) {
      ready.snapshot->addresses = MembershipOf(ready.snapshot->conf_state).addresses;
      RETURN_IF_ERROR(log_->Replace(*ready.snapshot));
    }
    RETURN_IF_ERROR(log_->Append(ready.entries, ready.hard_state));
    Send(std::move(ready.persisted_messages));
    ASSIGN_OR_RETURN(LightReady light, core_->Advance());
    if (light.commit) log_->LearnCommit(*light.commit);
    Send(std::move(light.messages));
    if (ready.snapshot) {
      Replaced(*ready.snapshot);
      RETURN_IF_ERROR(core_->AdvanceApply(ready.snapshot->index));
    }
    // Before the entries: those that come now were committed in the new role.
    if (ready.soft_state || ready.hard_state) RETURN_IF_ERROR(NoteRole());
    RETURN_IF_ERROR(Commit(std::move(ready.committed)));
    RETURN_IF_ERROR(Commit(std::move(light.committed)));
    for (const ReadState& read : ready.read_states) Answer(read);
  }
  return Status::Ok();
}

void Node::Send(std::vector<Message> messages) {
  for (Message& message : messages) {
    if (message.type == MessageType::kSnapshot)
      snapshot_told_[message.to] = options_.clock->Now() + options_.snapshot_retry;
    transport_.Send(std::move(message));
  }
}

Status Node::NoteRole() {
  ASSIGN_OR_RETURN(const CoreStatus core, core_->status());
  const RoleChange now{core.role, core.term, core.leader, AddressOf(core.leader)};
  if (now == role_) return Status::Ok();
  const bool lost = Leads() && (now.role != Role::kLeader || now.term != role_.term);
  if (now.role != role_.role || now.leader != role_.leader)
    LogInfo("consensus", "node {}: {} in term {}, leader {}", id_, RoleName(now.role), now.term,
            now.leader == 0 ? "unknown" : std::to_string(now.leader));
  role_ = now;
  if (lost) {
    snapshot_wanted_ = false;
    lease_until_ = 0;
    lease_requests_.clear();
    snapshot_told_.clear();
    FailWaiting(NotLeading(now.term));
  }
  AddMarker([now](StateMachine& machine) { machine.OnRole(now); });
  PublishStatus();
  return Status::Ok();
}

void Node::FailWaiting(const Status& reason) {
  std::deque<Waiting> waiting;
  waiting.swap(waiting_);
  for (const Waiting& one : waiting)
    if (one.done) one.done(reason);
  std::map<std::string, Read> reads;
  reads.swap(reads_);
  for (const auto& [context, read] : reads) read.done(reason);
  if (!transfer_) return;
  // Losing it is what was asked for.
  transfer_->done(role_.leader != id_ && !Leads() ? Status::Ok() : reason);
  transfer_.reset();
}

void Node::Replaced(const SnapshotMeta& snapshot) {
  LogInfo("consensus", "node {}: the snapshot at {} replaces the log", id_, snapshot.index);
  committed_ = delivered_ = snapshot.index;
  DropDelivery();
  // StartDelivery tells of it otherwise: nothing is delivered before it was asked for.
  if (delivering_)
    queue_.AddCall([snapshot](StateMachine& machine) { machine.OnReplaced(snapshot); });
  delivering_ = false;
  MutexLock lock(mutex_);
  members_ = {{snapshot.index, {snapshot.conf_state, snapshot.addresses}}};
}

Status Node::Commit(std::vector<Entry> entries) {
  if (entries.empty()) return Status::Ok();
  for (const Entry& entry : entries) {
    committed_ = entry.index;
    if (entry.kind == EntryKind::kConfChange) {
      RETURN_IF_ERROR(log_->WriteCommit(entry.index));
      RETURN_IF_ERROR(TakeConfChange(entry));
    }
    while (!waiting_.empty() && waiting_.front().position.index <= entry.index) {
      const Waiting one = std::move(waiting_.front());
      waiting_.pop_front();
      if (one.done)
        one.done(one.position == LogPosition{entry.index, entry.term}
                     ? Status::Ok()
                     : Unavailable("another entry took its place"));
    }
  }
  RETURN_IF_ERROR(core_->AdvanceApply(committed_));
  // Most of the time the state machine keeps up, and needs no second look at the log.
  if (delivering_ && markers_.empty() && delivered_ + 1 == entries.front().index &&
      queue_.HasRoom()) {
    delivered_ = committed_;
    queue_.AddEntries(std::move(entries));
  }
  return Status::Ok();
}

Status Node::TakeConfChange(const Entry& entry) {
  ASSIGN_OR_RETURN(const ConfState conf, core_->ApplyConfChange(entry));
  // "<id> <host:port>", from ChangeMember.
  if (const size_t space = entry.context.find(' '); space != std::string::npos) {
    const uint64_t id = std::strtoull(entry.context.c_str(), nullptr, 10);
    if (id != 0) LearnAddresses({{id, entry.context.substr(space + 1)}});
  }
  LogInfo("consensus", "node {}: {} voters and {} learners from entry {} on", id_,
          conf.voters.size(), conf.learners.size(), entry.index);
  Membership members = MembershipOf(conf);
  MutexLock lock(mutex_);
  members_[entry.index] = std::move(members);
  return Status::Ok();
}

void Node::Answer(const ReadState& read) {
  if (const auto asked = lease_requests_.find(read.context); asked != lease_requests_.end()) {
    // A tick may come right behind a heartbeat, so the first does not count.
    const auto share = std::chrono::duration_cast<Time::duration>(
        options_.tick * static_cast<int64_t>(election_ticks_ - 1) * kLeaseShare);
    const int64_t until = (asked->second + share).time_since_epoch().count();
    if (Leads() && handover_term_ != role_.term)
      lease_until_ = std::max(lease_until_.load(), until);
    lease_requests_.erase(asked);
    return;
  }
  const auto waiting = reads_.find(read.context);
  if (waiting == reads_.end()) return;
  Done done = std::move(waiting->second.done);
  reads_.erase(waiting);
  // Committed by now, or soon: its delivery is what the reader waits for.
  const auto answer = [this, delivery = delivery_.load(), done](StateMachine&) {
    done(delivery == delivery_ ? Status::Ok() : Unavailable("the state is being replaced"));
  };
  markers_.push_back(
      {std::max(read.index, markers_.empty() ? 0 : markers_.back().after), answer, done});
}

void Node::AddMarker(ApplyQueue::Call call) {
  markers_.push_back(
      {std::max(committed_, markers_.empty() ? 0 : markers_.back().after), std::move(call), {}});
}

// What waits for the state machine is of no use any more.
void Node::DropDelivery() {
  ++delivery_;
  queue_.DropEntries();
  std::deque<Marker> markers;
  markers.swap(markers_);
  for (const Marker& marker : markers)
    if (marker.dropped) marker.dropped(Unavailable("the state is being replaced"));
}

// Hands on what was committed, as far as there is room.
Status Node::Pump() {
  if (!delivering_) {
    DropDelivery();  // StartDelivery tells the role anew
    return Status::Ok();
  }
  for (;;) {
    while (!markers_.empty() && markers_.front().after <= delivered_) {
      queue_.AddCall(std::move(markers_.front().call));
      markers_.pop_front();
    }
    uint64_t end = committed_;
    if (!markers_.empty()) end = std::min(end, markers_.front().after);
    if (delivered_ >= end || !queue_.HasRoom()) return Status::Ok();
    ASSIGN_OR_RETURN(auto entries, log_->Entries(delivered_ + 1, end + 1, kReadAgainBytes));
    delivered_ += entries.size();
    queue_.AddEntries(std::move(entries));
  }
}

Status Node::StartDelivery(uint64_t index) {
  DropDelivery();
  refused_term_ = 0;
  queue_.AddCall([index, term = role_.term, log_end = log_->last_index()](StateMachine& machine) {
    machine.OnDelivery(index, term, log_end);
  });
  if (index < log_->compacted_index()) {
    delivering_ = false;
    queue_.AddCall(
        [snapshot = log_->snapshot()](StateMachine& machine) { machine.OnReplaced(snapshot); });
    return Status::Ok();
  }
  delivering_ = true;
  delivered_ = index;
  queue_.AddCall([now = role_](StateMachine& machine) { machine.OnRole(now); });
  return Status::Ok();
}

Result<std::unique_ptr<Consensus>> StartNode(io::Env& env, NodeOptions options,
                                             const SnapshotMeta& applied, Transport& transport,
                                             StateMachine& state_machine, SnapshotStore& store) {
  auto node = std::make_unique<Node>(std::move(options), transport, state_machine, store);
  RETURN_IF_ERROR(node->Start(env, applied));
  return std::unique_ptr<Consensus>(std::move(node));
}

}  // namespace headpond::consensus
