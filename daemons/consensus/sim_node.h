#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "consensus/raft_core.h"
#include "consensus/sim_checker.h"
#include "consensus/sim_disk.h"

namespace headpond::consensus {

// A message on its way, with the state that travels beside a kSnapshot.
struct SimPacket {
  uint64_t from = 0;
  Message message;
  std::optional<SimSnapshot> snapshot;
};

// What a node asks of the simulation around it.
class SimWorld {
 public:
  virtual ~SimWorld() = default;
  virtual void Send(SimPacket packet) = 0;
  // Calls SimNode::OnSynced after the disk's time.
  virtual void StartSync(uint64_t id) = 0;
  // Calls SimNode::Run again soon.
  virtual void Wake(uint64_t id) = 0;
  // A kSnapshot was handled: its sender is told.
  virtual void SnapshotHandled(uint64_t sender, uint64_t receiver, bool ok) = 0;
  virtual Status OnReadState(uint64_t id, const ReadState& read) = 0;
  virtual void OnApplied(uint64_t id, const Entry& entry) = 0;
  virtual SimChecker& checker() = 0;
  virtual Random& random() = 0;
};

// One node: the core, its disk and its state machine, with the order of work that raft_core.h asks
// for. It stands still while its disk syncs and takes what came meanwhile afterwards.
class SimNode {
 public:
  SimNode(uint64_t id, const CoreOptions& options, std::unique_ptr<SimDisk> disk, SimWorld& world)
      : id_(id), options_(options), disk_(std::move(disk)), world_(world) {}

  uint64_t id() const { return id_; }
  bool alive() const { return core_ != nullptr; }
  bool syncing() const { return ready_.has_value(); }
  // Counts starts, so that what was meant for an earlier life is told.
  int64_t life() const { return life_; }
  const SimState& state() const { return state_; }
  const ConfState& conf_state() const { return conf_state_; }
  const SimLog& log() const { return *log_; }
  Role role() const { return role_; }
  uint64_t leader() const { return leader_; }
  // Only while !syncing().
  RaftCore& core() { return *core_; }
  int64_t snapshots_restored() const { return snapshots_restored_; }

  Status Start(uint64_t timeout_seed);
  void Crash();

  Status Tick();
  Status Receive(SimPacket packet);
  Status OnSynced();
  // Applies, handles what came, and takes readies, until there is nothing or a sync must be
  // awaited.
  Status Run();
  Status Compact(uint64_t keep_entries);

 private:
  Status Step(const SimPacket& packet);
  Status Begin();
  Status Finish();
  Status ApplySome();
  void Send(std::vector<Message> messages);

  const uint64_t id_;
  CoreOptions options_;
  const std::unique_ptr<SimDisk> disk_;
  SimWorld& world_;

  // Gone with a crash.
  std::unique_ptr<SimLog> log_;
  std::unique_ptr<RaftCore> core_;
  std::optional<Ready> ready_;  // being synced
  std::deque<SimPacket> inbox_;
  std::deque<Entry> to_apply_;
  std::map<uint64_t, SimSnapshot> received_;  // by index: states that came with kSnapshot
  SimState state_;
  ConfState conf_state_;
  Role role_ = Role::kFollower;
  uint64_t leader_ = 0;
  int64_t missed_ticks_ = 0;

  int64_t life_ = 0;
  int64_t snapshots_restored_ = 0;
};

}  // namespace headpond::consensus
