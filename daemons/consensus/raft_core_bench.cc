// What a proposal costs in the core, without disks and network: one node alone, and a leader with
// two followers whose messages are handed over in memory.
//
//   raft_core_bench [PROPOSALS]

#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "consensus/raft_core.h"
#include "consensus/sim_disk.h"

namespace headpond::consensus {
namespace {

constexpr size_t kEntryBytes = 200;  // about what the creation of a file takes

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    fmt::print(stderr, "{}\n", result.status().ToString());
    std::exit(1);
  }
  return *std::move(result);
}

void Must(const Status& status) {
  if (!status.ok()) Must(Result<int>(status));
}

struct Node {
  std::unique_ptr<SimDisk> disk;
  std::unique_ptr<SimLog> log;
  std::unique_ptr<RaftCore> core;
  uint64_t applied = 0;
};

class Cluster {
 public:
  explicit Cluster(uint64_t count) : nodes_(count + 1) {
    SimSnapshot first = {.meta = {.index = 1, .term = 1, .conf_state = {}}, .state = {}};
    for (uint64_t id = 1; id <= count; ++id) first.meta.conf_state.voters.push_back(id);
    for (uint64_t id = 1; id <= count; ++id) {
      Node& node = nodes_[id];
      node.disk = MakeMemoryDisk(id, first, 1);
      node.log = Must(node.disk->Open());
      CoreOptions options;
      options.id = id;
      node.core = Must(RaftCore::Create(options, {}, first.meta.conf_state, *node.log));
    }
    Must(nodes_[1].core->Campaign());
    Settle();
  }

  RaftCore& leader() { return *nodes_[1].core; }
  uint64_t applied() const { return nodes_[1].applied; }

  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (uint64_t id = 1; id < nodes_.size(); ++id) {
        while (nodes_[id].core->HasReady()) {
          busy = true;
          Handle(nodes_[id]);
        }
      }
    }
  }

 private:
  void Handle(Node& node) {
    const Ready ready = Must(node.core->TakeReady());
    Must(node.log->Write(ready, nullptr));
    Must(node.log->Sync());
    const LightReady light = Must(node.core->Advance());
    for (const auto* committed : {&ready.committed, &light.committed}) {
      if (committed->empty()) continue;
      node.applied = committed->back().index;
      Must(node.core->AdvanceApply(node.applied));
    }
    for (const auto* messages : {&ready.messages, &ready.persisted_messages, &light.messages}) {
      for (const Message& message : *messages) Must(nodes_[message.to].core->Step(message.bytes));
    }
  }

  std::vector<Node> nodes_;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void Measure(uint64_t nodes, int per_ready, int proposals) {
  Cluster cluster(nodes);
  const std::string data(kEntryBytes, 'x');
  const double begin = CpuSeconds();
  for (int done = 0; done < proposals; done += per_ready) {
    for (int i = 0; i < per_ready; ++i) Must(cluster.leader().Propose(data));
    cluster.Settle();
  }
  const double took = CpuSeconds() - begin;
  fmt::print(
      "{} nodes, {:>4} proposals a ready: {:6.2f} us of CPU a proposal, all nodes and their logs "
      "in memory\n",
      nodes, per_ready, took * 1e6 / proposals);
}

}  // namespace
}  // namespace headpond::consensus

int main(int argc, char** argv) {
  const int proposals = argc > 1 ? std::atoi(argv[1]) : 100'000;
  for (const uint64_t nodes : {1, 3}) {
    for (const int per_ready : {1, 10, 100, 1000}) {
      headpond::consensus::Measure(nodes, per_ready, proposals);
    }
  }
}
