#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "master/block_master.h"
#include "master/metadata_store.h"
#include "ufs/ufs.h"

namespace headpond::master {

// One counter of a report: what it grew by since the report before.
struct ReportedGrowth {
  std::string_view name;  // without its instance: "BytesReadRemote"
  std::string_view ufs;   // the tag UFS, escaped as in UfsMetric; "" = none
  double value = 0;       // as on the wire: anything
};

// The metrics of the whole cluster, "Cluster.*": sums over the reports of workers (with each block
// heartbeat) and clients, and gauges over what the master knows (compat/metrics.md). Also the
// master's own gauges. Lives in the registry given; its gauges are there until it is destroyed.
//
// Only names that stock sums are taken, and only so many under-stores, so that a report can't fill
// the registry. Thread safe.
class ClusterMetrics {
 public:
  ClusterMetrics(MetricsRegistry& metrics, const MetadataStore& store, const BlockMaster& blocks,
                 const Clock& clock);
  ~ClusterMetrics();

  void AddFromWorker(const ReportedGrowth& growth);
  void AddFromClient(const ReportedGrowth& growth);

  // What the root under-store was last found to have.
  void SetRootSpace(const ufs::Ufs::Space& space);

  // All counters and timers to zero; throughput counts from now (`fsadmin metrics clear`).
  void Clear();

 private:
  // A sum, by what its reports call it.
  using Sums = std::map<std::string_view, Counter*>;
  void AddPerUfs(std::string_view metric, std::string_view ufs, int64_t value) EXCLUDES(ufs_mutex_);
  Counter& Sum(std::string_view name) { return metrics_.counter(std::string(name)); }
  void AddThroughput(std::string_view name, const Counter& bytes);
  void AddCapacity();
  void AddRootSpace();
  void AddNamespace();
  double HitRate() const;

  MetricsRegistry& metrics_;
  const MetadataStore& store_;
  const BlockMaster& blocks_;
  const Clock& clock_;
  std::atomic<int64_t> counting_since_ms_;
  std::atomic<int64_t> root_total_bytes_{0}, root_used_bytes_{0};
  Sums from_workers_, from_clients_;
  Counter& read_ufs_;
  Counter& written_ufs_;
  Mutex ufs_mutex_;
  std::map<std::string, Counter*, std::less<>> per_ufs_ GUARDED_BY(ufs_mutex_);
};

}  // namespace headpond::master
