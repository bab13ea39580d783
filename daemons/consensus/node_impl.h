#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "consensus/apply_queue.h"
#include "consensus/node.h"
#include "consensus/raft_core.h"

namespace headpond::consensus {

// Of node.h: node.cc has its thread, node_requests.cc what is asked of it from others.
class Node final : public Consensus, public Receiver {
 public:
  Node(NodeOptions options, Transport& transport, StateMachine& state_machine, SnapshotStore& store)
      : options_(std::move(options)),
        id_(options_.log.identity.node_id),
        election_ticks_(static_cast<uint64_t>(
            std::max<int64_t>(2, options_.election.count() / options_.tick.count()))),
        heartbeat_ticks_(static_cast<uint64_t>(
            std::max<int64_t>(1, options_.heartbeat.count() / options_.tick.count()))),
        transport_(transport),
        state_machine_(state_machine),
        store_(store),
        addresses_{{id_, options_.log.identity.address}},
        queue_(options_.max_waiting_committed_bytes),
        fetcher_("raft-fetch", 1, 1) {}
  ~Node() override { Node::Stop(); }

  Status Start(io::Env& env, const SnapshotMeta& applied);

  // Consensus.
  void Deliver(uint64_t index) override;
  void Propose(uint64_t term, std::function<std::string()> take, Done done) override
      EXCLUDES(mutex_);
  bool HoldsLease() const override {
    return options_.clock->Now().time_since_epoch().count() < lease_until_.load();
  }
  void ReadBarrier(Done done) override;
  Status Compact(const SnapshotMeta& snapshot) override;
  Membership MembershipAt(uint64_t index) const override EXCLUDES(mutex_);
  void ChangeMember(ConfChange change, const std::string& address, Done done) override;
  void TransferLeader(uint64_t to, Done done) override;
  void Campaign() override;
  NodeStatus status() const override EXCLUDES(mutex_);
  void Stop() override EXCLUDES(mutex_);

  // Receiver.
  void OnMessage(std::string bytes) override EXCLUDES(mutex_);
  void OnUnreachable(uint64_t peer) override;
  Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t index) override {
    return store_.OpenSnapshot(index);
  }

 private:
  using Time = std::chrono::steady_clock::time_point;
  // Run on the node's thread; gets an error when the node has ended instead.
  using Task = std::function<Status(const Status&)>;
  struct Proposal {
    uint64_t term = 0;
    std::function<std::string()> take;
    Done done;
  };
  struct Work {
    std::deque<std::string> messages;
    std::deque<Task> tasks;
    std::deque<Proposal> proposals;
    bool stopping = false;
  };
  // Waits for the committed entry at its place.
  struct Waiting {
    LogPosition position;
    Done done;
  };
  struct Read {
    Time deadline;
    Done done;
  };
  struct Transfer {
    uint64_t to = 0;
    uint64_t until = 0;  // the tick at which it is given up
    Done done;
  };
  // A call that comes after the delivery of what was committed up to `after`.
  struct Marker {
    uint64_t after = 0;
    ApplyQueue::Call call;
    Done dropped;  // may be null
  };

  void Post(Task task) EXCLUDES(mutex_);
  // Waits for a task's outcome.
  Status Call(Task task) EXCLUDES(mutex_);
  Work AwaitWork() EXCLUDES(mutex_);

  // All below: the node's thread.
  void Run();
  Status RunOnce(Work work);
  void End(const Status& reason);
  Status Tick();
  Status Step(std::string bytes);
  Status CheckStep(const Status& status) const;
  void FetchSnapshot(const MessageHeader& header, std::string bytes);
  void ProposeOne(Proposal proposal);
  Status NotLeading(uint64_t term) const;
  bool Leads() const { return role_.role == Role::kLeader; }

  Status HandleReadies();
  void Send(std::vector<Message> messages);
  Status NoteRole();
  void FailWaiting(const Status& reason);
  void GiveUpTransfer();
  void Replaced(const SnapshotMeta& snapshot);
  Status Commit(std::vector<Entry> entries);
  Status TakeConfChange(const Entry& entry);
  void Answer(const ReadState& read);
  Status Pump();
  void AddMarker(ApplyQueue::Call call);
  void DropDelivery();
  Status StartDelivery(uint64_t index);
  void PublishStatus();
  std::string AddressOf(uint64_t id) const;
  // The voter that has the most, if any is heard from.
  const MemberStatus* BestSuccessor(const NodeStatus& status, uint64_t but) const;
  void LearnAddresses(const Addresses& addresses);
  Membership MembershipOf(const ConfState& conf_state) const;

  const NodeOptions options_;
  const uint64_t id_;
  const uint64_t election_ticks_;
  const uint64_t heartbeat_ticks_;
  Transport& transport_;
  StateMachine& state_machine_;
  SnapshotStore& store_;

  // The node's thread, and Start before it.
  std::unique_ptr<RaftLog> log_;
  std::unique_ptr<RaftCore> core_;
  Addresses addresses_;  // of all that were ever heard of
  RoleChange role_;
  uint64_t ticks_ = 0;
  std::map<uint64_t, uint64_t> heard_;  // of a leader: when each member was last active, in ticks
  Time next_tick_{};
  uint64_t refused_term_ = 0;   // of the last proposal that was refused
  uint64_t handover_term_ = 0;  // in which leadership was to be handed over: no lease any more
  std::deque<Waiting> waiting_;
  std::map<std::string, Read> reads_;
  std::map<std::string, Time> lease_requests_;
  uint64_t next_read_ = 0;
  std::optional<Transfer> transfer_;
  std::map<uint64_t, Time> snapshot_told_;
  bool fetching_ = false;
  bool snapshot_wanted_ = false;
  bool delivering_ = false;
  uint64_t committed_ = 0;
  uint64_t delivered_ = 0;
  std::deque<Marker> markers_;

  ApplyQueue queue_;
  std::atomic<uint64_t> delivery_{0};  // counts the times that entries were dropped from it
  ThreadPool fetcher_;
  std::atomic<int64_t> lease_until_{0};  // of the clock's epoch

  mutable Mutex mutex_;
  CondVar wake_;
  CondVar changed_;
  std::deque<std::string> messages_ GUARDED_BY(mutex_);
  size_t message_bytes_ GUARDED_BY(mutex_) = 0;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);
  std::deque<Proposal> proposals_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  Status end_ GUARDED_BY(mutex_);
  NodeStatus status_ GUARDED_BY(mutex_);
  std::map<uint64_t, Membership> members_ GUARDED_BY(mutex_);  // by the index from which they hold

  Mutex stop_mutex_;  // one Stop at a time
  std::thread apply_thread_ GUARDED_BY(stop_mutex_);
  std::thread thread_ GUARDED_BY(stop_mutex_);
};

}  // namespace headpond::consensus
