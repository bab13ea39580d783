#include "base/metrics.h"

namespace headpond {
namespace {

template <typename Map>
auto& FindOrMake(Map& map, std::string_view name) {
  auto it = map.find(name);
  if (it == map.end())
    it = map.emplace(std::string(name), std::make_unique<typename Map::mapped_type::element_type>()).first;
  return *it->second;
}

}  // namespace

void Timer::Record(int64_t nanoseconds) {
  count_.fetch_add(1, std::memory_order_relaxed);
  total_ns_.fetch_add(nanoseconds, std::memory_order_relaxed);
  int64_t seen = max_ns_.load(std::memory_order_relaxed);
  while (nanoseconds > seen && !max_ns_.compare_exchange_weak(seen, nanoseconds, std::memory_order_relaxed)) {
  }
}

void Timer::Reset() {
  count_ = 0;
  total_ns_ = 0;
  max_ns_ = 0;
}

Counter& MetricsRegistry::counter(std::string_view name) {
  MutexLock lock(mutex_);
  return FindOrMake(counters_, name);
}

Timer& MetricsRegistry::timer(std::string_view name) {
  MutexLock lock(mutex_);
  return FindOrMake(timers_, name);
}

void MetricsRegistry::AddGauge(std::string_view name, std::function<double()> read) {
  MutexLock lock(gauge_mutex_);
  gauges_[std::string(name)] = std::move(read);
}

void MetricsRegistry::RemoveGauges() {
  MutexLock lock(gauge_mutex_);
  gauges_.clear();
}

MetricsRegistry::Snapshot MetricsRegistry::Read() const {
  Snapshot snapshot;
  {
    MutexLock lock(gauge_mutex_);
    for (const auto& [name, read] : gauges_) snapshot.gauges[name] = read();
  }
  MutexLock lock(mutex_);
  for (const auto& [name, counter] : counters_) snapshot.counters[name] = counter->value();
  for (const auto& [name, timer] : timers_)
    snapshot.timers[name] = {timer->count(), timer->total_ns(), timer->max_ns()};
  return snapshot;
}

void MetricsRegistry::Clear() {
  MutexLock lock(mutex_);
  for (auto& [name, counter] : counters_) counter->Reset();
  for (auto& [name, timer] : timers_) timer->Reset();
}

std::map<std::string, int64_t> CounterReport::Growth() {
  seen_ = metrics_.Read().counters;
  std::map<std::string, int64_t> growth;
  for (const auto& [name, value] : seen_) {
    const auto told = told_.find(name);
    const int64_t before = told == told_.end() || told->second > value ? 0 : told->second;
    if (value != before) growth[name] = value - before;
  }
  return growth;
}

std::string UfsMetric(std::string_view name, std::string_view ufs_uri) {
  std::string result = std::string(name) + ".UFS:";
  for (const char c : ufs_uri) {
    switch (c) {
      case '%': result += "%25"; break;
      case '/': result += "%2F"; break;
      case '.': result += "%2E"; break;
      default: result += c;
    }
  }
  return result;
}

}  // namespace headpond
