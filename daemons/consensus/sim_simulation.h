#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consensus/sim_cluster.h"
#include "consensus/sim_network.h"
#include "consensus/sim_node.h"

// The inside of sim_cluster.h.
namespace headpond::consensus {

inline constexpr int64_t kTick = 100;  // units of time

enum class EventKind : uint8_t {
  kTick,
  kDeliver,
  kSynced,
  kWake,
  kRestart,
  kResume,
  kSnapshotReport,
  kCrash,
  kClient,
  kFault,
  kRetire
};

struct Event {
  int64_t time = 0;
  int64_t order = 0;  // first come, first served among equals
  EventKind kind = EventKind::kTick;
  uint64_t node = 0;
  int64_t life = 0;    // of the node, where an earlier one's events are void
  uint64_t value = 0;  // kDeliver: the packet; kSnapshotReport: receiver and whether it went well
};

struct Later {
  bool operator()(const Event& a, const Event& b) const {
    return std::pair(a.time, a.order) > std::pair(b.time, b.order);
  }
};

// A node and what surrounds it.
struct Machine {
  std::unique_ptr<SimNode> node;
  int64_t tick_length = kTick;
  int64_t sync_time = 20;
  bool paused = false;
  bool joined = false;      // was in the configuration
  bool removed = false;     // and no longer is: it is switched off soon
  std::vector<Event> held;  // while paused
};

// All in it, in whatever role.
std::set<uint64_t> Members(const ConfState& state);

// A run under way (RunSimulation). sim_cluster.cc has time, nodes and the end, sim_faults.cc what
// clients and faults do.
class Simulation final : public SimWorld {
 public:
  explicit Simulation(const SimOptions& options);

  Result<SimReport> Run();

  void Send(SimPacket packet) override;
  void StartSync(uint64_t id) override;
  void Wake(uint64_t id) override { Schedule(EventKind::kWake, id, 1 + Below(2 * kTick)); }
  void SnapshotHandled(uint64_t sender, uint64_t receiver, bool ok) override;
  Status OnReadState(uint64_t id, const ReadState& read) override;
  void OnApplied(uint64_t id, const Entry& entry) override;
  SimChecker& checker() override { return checker_; }
  Random& random() override { return random_; }

 private:
  static SnapshotMeta FirstSnapshot(int nodes);
  SimSnapshot FirstImage() const;

  int64_t Below(int64_t bound) { return static_cast<int64_t>(random_.Below(bound)); }
  void Schedule(EventKind kind, uint64_t node, int64_t delay, uint64_t value = 0);
  template <typename... Args>
  void Note(fmt::format_string<Args...> format, Args&&... args) {
    if (!options_.trace) return;
    options_.trace(fmt::format("{:>8} ", now_) + fmt::format(format, std::forward<Args>(args)...));
  }

  void AddMachine(uint64_t id, const SimSnapshot& first);
  Machine& machine(uint64_t id) { return machines_.at(id); }
  std::vector<uint64_t> Ids() const;
  std::vector<uint64_t> Alive() const;
  uint64_t Pick(const std::vector<uint64_t>& ids) { return ids[random_.Below(ids.size())]; }
  // Nodes that believe to lead, of which there may be several, and that can be called now.
  std::vector<uint64_t> Leaders() const;

  void SwitchOffRemoved(uint64_t id, uint64_t index, const ConfState& state);

  Status Work(int64_t steps);
  Status Dispatch(const Event& event);
  Status Deliver(uint64_t packet);
  Status CheckLeaders();

  Status ActAsClient();
  Status Propose(uint64_t id);
  Status Read(uint64_t id);

  Status InjectFault();
  void Crash(uint64_t id);
  void CrashAlone(uint64_t id);
  Status Restart(uint64_t id);
  void Pause(uint64_t id);
  Status JumpClock(uint64_t id);
  Status ChangeMembers(uint64_t leader);
  std::vector<ConfChange> PickChanges(const CoreStatus& status);
  // Towards the size that is next.
  std::vector<ConfChange> PickResize(const CoreStatus& status);
  ConfChange AddNode(ConfChangeKind kind);

  Status ComeToRest();
  bool AtRest() const;

  const SimOptions options_;
  Random random_;
  CoreOptions core_options_;
  SimChecker checker_;
  SimNetwork network_;
  SimReport report_;

  int64_t now_ = 0;
  int64_t order_ = 0;
  bool faults_ = true;
  bool clients_ = true;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::map<uint64_t, SimPacket> packets_;  // on their way, by number
  uint64_t next_packet_ = 1;
  std::map<uint64_t, Machine> machines_;
  uint64_t next_id_;            // ids are never used again
  size_t next_size_ = 0;        // of options_.sizes
  uint64_t newest_change_ = 0;  // of members, that a node which stays has applied
  uint64_t next_proposal_ = 1;
  // Proposals by who waits for them at which position.
  std::map<std::pair<uint64_t, uint64_t>, LogPosition> proposed_;
  std::map<std::string, uint64_t> reads_;  // context: committed when it was asked for
};

}  // namespace headpond::consensus
