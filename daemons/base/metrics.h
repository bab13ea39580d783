#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace headpond {

// A monotonic count. Thread safe, wait free.
class Counter {
 public:
  void Add(int64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }
  void Reset() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// How long something takes: count, total and maximum. Thread safe, wait free.
class Timer {
 public:
  void Record(int64_t nanoseconds);
  int64_t count() const { return count_.load(std::memory_order_relaxed); }
  int64_t total_ns() const { return total_ns_.load(std::memory_order_relaxed); }
  int64_t max_ns() const { return max_ns_.load(std::memory_order_relaxed); }
  void Reset();

 private:
  std::atomic<int64_t> count_{0}, total_ns_{0}, max_ns_{0};
};

// The metrics of one process, under stock's names ("Master.CreateFileOps", compat/metrics.md). Owned by
// the composition root and handed down. Thread safe; counters and timers live as long as the registry,
// so look one up once and keep the reference.
class MetricsRegistry {
 public:
  Counter& counter(std::string_view name) EXCLUDES(mutex_);
  Timer& timer(std::string_view name) EXCLUDES(mutex_);
  // `read` is called at scrape time, from the scraping thread.
  void AddGauge(std::string_view name, std::function<double()> read) EXCLUDES(gauge_mutex_);
  void RemoveGauges() EXCLUDES(gauge_mutex_);  // before what they read from is destroyed

  struct Snapshot {
    std::map<std::string, double> gauges;
    std::map<std::string, int64_t> counters;
    struct TimerValue {
      int64_t count, total_ns, max_ns;
    };
    std::map<std::string, TimerValue> timers;
  };
  Snapshot Read() const EXCLUDES(mutex_, gauge_mutex_);
  void Clear() EXCLUDES(mutex_);  // counters and timers to zero (`fsadmin metrics clear`)

 private:
  // Gauges may wait for what they read; counters are looked up meanwhile.
  mutable Mutex gauge_mutex_;
  std::map<std::string, std::function<double()>, std::less<>> gauges_ GUARDED_BY(gauge_mutex_);
  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<Counter>, std::less<>> counters_ GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Timer>, std::less<>> timers_ GUARDED_BY(mutex_);
};

// What the counters of a registry grew by since somebody who adds them up was last told: a worker's
// or a client's report to the master. Not thread safe.
class CounterReport {
 public:
  explicit CounterReport(const MetricsRegistry& metrics) : metrics_(metrics) {}

  // Growth by name, without what did not change. Tells the same again until Delivered. A counter
  // that was cleared meanwhile grows from zero.
  std::map<std::string, int64_t> Growth();
  void Delivered() { told_ = std::move(seen_); }

 private:
  const MetricsRegistry& metrics_;
  std::map<std::string, int64_t> told_, seen_;
};

// `name` with the tag stock gives per-store metrics: "Worker.BytesReadPerUfs.UFS:%2Fdata". The
// value is escaped so that it has no '/' and no '.'.
std::string UfsMetric(std::string_view name, std::string_view ufs_uri);

}  // namespace headpond
