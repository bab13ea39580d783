#include "master/cluster_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace headpond::master {
namespace {

constexpr size_t kMaxUfs = 1000;          // under-stores with metrics of their own
constexpr size_t kMaxUfsTagBytes = 4096;  // of one escaped address
// A growth past this is no count of bytes that anybody moved: 1 EiB.
constexpr double kMaxGrowth = 1152921504606846976.0;
constexpr int64_t kMinuteMs = 60'000;

// compat/metrics.md: the sums under Cluster. and who reports their parts.
constexpr std::array<std::string_view, 6> kFromWorkers{"BytesReadCache",     "BytesReadDirect",
                                                       "BytesReadDomain",    "BytesReadRemote",
                                                       "BytesWrittenDomain", "BytesWrittenRemote"};
constexpr std::array<std::string_view, 2> kFromClients{"BytesReadLocal", "BytesWrittenLocal"};
constexpr std::array<std::string_view, 3> kTiers{"MEM", "SSD", "HDD"};

int64_t OnTier(const BytesByTier& bytes, std::string_view tier) {
  int64_t sum = 0;
  for (const auto& [alias, count] : bytes)
    if (tier.empty() || alias == tier) sum += count;
  return sum;
}

}  // namespace

ClusterMetrics::ClusterMetrics(MetricsRegistry& metrics, const MetadataStore& store,
                               const BlockMaster& blocks, const Clock& clock)
    : metrics_(metrics),
      store_(store),
      blocks_(blocks),
      clock_(clock),
      counting_since_ms_(clock.NowMs()),
      read_ufs_(Sum("Cluster.BytesReadUfsAll")),
      written_ufs_(Sum("Cluster.BytesWrittenUfsAll")) {
  const auto open = [this](Sums& sums, std::string_view name) {
    Counter& sum = Sum(fmt::format("Cluster.{}", name));
    sums.emplace(name, &sum);
    if (name != "BytesReadCache") AddThroughput(name, sum);
  };
  for (const std::string_view name : kFromWorkers) open(from_workers_, name);
  for (const std::string_view name : kFromClients) open(from_clients_, name);
  AddThroughput("BytesReadUfs", read_ufs_);
  AddThroughput("BytesWrittenUfs", written_ufs_);
  metrics_.AddGauge("Cluster.CacheHitRate", [this] { return HitRate(); });
  AddCapacity();
  AddRootSpace();
  AddNamespace();
}

ClusterMetrics::~ClusterMetrics() {
  metrics_.RemoveGauges();
}

void ClusterMetrics::AddThroughput(std::string_view name, const Counter& bytes) {
  // Bytes per minute since the counters began, as stock reckons: whole minutes, at least one.
  metrics_.AddGauge(fmt::format("Cluster.{}Throughput", name), [this, &bytes] {
    const int64_t minutes = (clock_.NowMs() - counting_since_ms_) / kMinuteMs;
    const int64_t per_minute = bytes.value() / std::max<int64_t>(1, minutes);
    return static_cast<double>(per_minute);
  });
}

void ClusterMetrics::AddCapacity() {
  metrics_.AddGauge("Cluster.Workers", [this] {
    return static_cast<double>(blocks_.Workers(WorkerState::kLive).size());
  });
  metrics_.AddGauge("Cluster.LostWorkers", [this] {
    return static_cast<double>(blocks_.Workers(WorkerState::kLost).size());
  });
  const auto add = [this](std::string_view tier) {
    const auto sum = [this, tier](int64_t capacity, int64_t used) {
      int64_t bytes = 0;
      for (const WorkerDescription& worker : blocks_.Workers(WorkerState::kLive))
        bytes += capacity * OnTier(worker.registration.capacity_bytes, tier) +
                 used * OnTier(worker.registration.used_bytes, tier);
      return static_cast<double>(bytes);
    };
    const std::string end = tier.empty() ? "" : fmt::format("Tier{}", tier);
    metrics_.AddGauge("Cluster.CapacityTotal" + end, [sum] { return sum(1, 0); });
    metrics_.AddGauge("Cluster.CapacityUsed" + end, [sum] { return sum(0, 1); });
    metrics_.AddGauge("Cluster.CapacityFree" + end, [sum] { return sum(1, -1); });
  };
  add("");
  for (const std::string_view tier : kTiers) add(tier);
}

void ClusterMetrics::AddRootSpace() {
  const auto add = [this](std::string_view name, auto bytes) {
    metrics_.AddGauge(fmt::format("Cluster.RootUfsCapacity{}", name),
                      [bytes] { return static_cast<double>(bytes()); });
  };
  add("Total", [this] { return root_total_bytes_.load(); });
  add("Used", [this] { return root_used_bytes_.load(); });
  add("Free", [this] { return root_total_bytes_ - root_used_bytes_; });
}

void ClusterMetrics::SetRootSpace(const ufs::Ufs::Space& space) {
  // Unknown is nothing.
  root_total_bytes_ = std::max<int64_t>(0, space.total_bytes);
  root_used_bytes_ = std::max<int64_t>(0, space.used_bytes);
}

void ClusterMetrics::AddNamespace() {
  const auto add = [this](std::string_view name, auto count) {
    metrics_.AddGauge(fmt::format("Master.{}", name), [this, count] {
      return store_.Read([&](const meta::Namespace& ns) { return static_cast<double>(count(ns)); });
    });
  };
  add("TotalPaths", [](const meta::Namespace& ns) { return ns.inodes().size(); });
  add("FilesPinned", [](const meta::Namespace& ns) { return ns.pinned_files().size(); });
  add("FilesToBePersisted", [](const meta::Namespace& ns) { return ns.to_be_persisted().size(); });
  add("ReplicationLimitedFiles",
      [](const meta::Namespace& ns) { return ns.replication_limited().size(); });
  add("TTLInodes", [](const meta::Namespace& ns) { return ns.ttl_deadlines().size(); });
  metrics_.AddGauge("Master.UniqueBlocks",
                    [this] { return static_cast<double>(blocks_.unique_block_count()); });
  metrics_.AddGauge("Master.BlockReplicaCount",
                    [this] { return static_cast<double>(blocks_.copy_count()); });
  metrics_.AddGauge("Master.StartTime",
                    [start_ms = clock_.NowMs()] { return static_cast<double>(start_ms); });
}

double ClusterMetrics::HitRate() const {
  const int64_t read = from_clients_.at("BytesReadLocal")->value() +
                       from_workers_.at("BytesReadRemote")->value() +
                       from_workers_.at("BytesReadDomain")->value();
  // Caching reads the under-store without a client having read; stock shows that as a negative
  // rate.
  const int64_t missed = std::min(read, read_ufs_.value());
  return read <= 0 ? 0 : static_cast<double>(read - missed) / static_cast<double>(read);
}

namespace {

bool IsCount(double value) {
  return std::isfinite(value) && value >= 1 && value <= kMaxGrowth;
}

}  // namespace

void ClusterMetrics::AddFromWorker(const ReportedGrowth& growth) {
  if (!IsCount(growth.value)) return;
  const auto value = static_cast<int64_t>(growth.value);
  if (const auto sum = from_workers_.find(growth.name); sum != from_workers_.end())
    return sum->second->Add(value);
  const bool read = growth.name == "BytesReadPerUfs";
  if (!read && growth.name != "BytesWrittenPerUfs") return;
  (read ? read_ufs_ : written_ufs_).Add(value);
  if (!growth.ufs.empty()) AddPerUfs(growth.name, growth.ufs, value);
}

void ClusterMetrics::AddFromClient(const ReportedGrowth& growth) {
  if (!IsCount(growth.value)) return;
  if (const auto sum = from_clients_.find(growth.name); sum != from_clients_.end())
    sum->second->Add(static_cast<int64_t>(growth.value));
}

void ClusterMetrics::AddPerUfs(std::string_view metric, std::string_view ufs, int64_t value) {
  if (ufs.size() > kMaxUfsTagBytes) return;
  const std::string name = fmt::format("Cluster.{}.UFS:{}", metric, ufs);
  MutexLock lock(ufs_mutex_);
  auto sum = per_ufs_.find(name);
  if (sum == per_ufs_.end()) {
    if (per_ufs_.size() >= kMaxUfs) return;
    sum = per_ufs_.emplace(name, &metrics_.counter(name)).first;
  }
  sum->second->Add(value);
}

void ClusterMetrics::Clear() {
  metrics_.Clear();
  counting_since_ms_ = clock_.NowMs();
}

}  // namespace headpond::master
