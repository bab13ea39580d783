#include "operator/controller/reconcile_stats.h"

#include <fmt/format.h>

#include <algorithm>

namespace headpond::controller {
namespace {

constexpr double kMillisInSecond = 1e3, kNanosInSecond = 1e9;

}  // namespace

void ReconcileStats::Record(bool ok, std::chrono::nanoseconds took) {
  const int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(took).count();
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), ms);
  buckets_[static_cast<size_t>(bound - kBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  total_ns_.fetch_add(took.count(), std::memory_order_relaxed);
  if (!ok) errors_.fetch_add(1, std::memory_order_relaxed);
}

int64_t ReconcileStats::Count() const {
  int64_t count = 0;
  for (const auto& bucket : buckets_) count += bucket;
  return count;
}

std::string ReconcileStats::Counts(std::string_view controller) const {
  const int64_t errors = errors_, count = Count();
  return fmt::format(
      "controller_runtime_reconcile_total{{controller=\"{0}\",result=\"success\"}} {1}\n"
      "controller_runtime_reconcile_total{{controller=\"{0}\",result=\"error\"}} {2}\n",
      controller, count - std::min(errors, count), errors);
}

std::string ReconcileStats::Times(std::string_view controller) const {
  std::string text;
  int64_t count = 0;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    count += buckets_[i];
    text += fmt::format(
        "controller_runtime_reconcile_time_seconds_bucket{{controller=\"{}\",le=\"{}\"}} {}\n",
        controller, static_cast<double>(kBounds[i]) / kMillisInSecond, count);
  }
  count += buckets_.back();
  return text +
         fmt::format(
             "controller_runtime_reconcile_time_seconds_bucket{{controller=\"{0}\",le=\"+Inf\"}} "
             "{1}\n"
             "controller_runtime_reconcile_time_seconds_sum{{controller=\"{0}\"}} {2}\n"
             "controller_runtime_reconcile_time_seconds_count{{controller=\"{0}\"}} {1}\n",
             controller, count, static_cast<double>(total_ns_) / kNanosInSecond);
}

std::string ReconcileStats::PrometheusText(const std::vector<Named>& controllers) {
  std::string counts = "# TYPE controller_runtime_reconcile_total counter\n";
  std::string errors = "# TYPE controller_runtime_reconcile_errors_total counter\n";
  std::string times = "# TYPE controller_runtime_reconcile_time_seconds histogram\n";
  for (const Named& named : controllers) {
    counts += named.stats.Counts(named.controller);
    errors += fmt::format("controller_runtime_reconcile_errors_total{{controller=\"{}\"}} {}\n",
                          named.controller, named.stats.errors_.load());
    times += named.stats.Times(named.controller);
  }
  return counts + errors + times;
}

}  // namespace headpond::controller
