#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headpond::controller {

// How a controller's passes over its objects went. Thread safe, wait free.
class ReconcileStats {
 public:
  void Record(bool ok, std::chrono::nanoseconds took);

  struct Named {
    std::string_view controller;
    const ReconcileStats& stats;
  };
  // Prometheus text under the names and buckets that controller-runtime gives its controllers, so
  // that dashboards made for those work: controller_runtime_reconcile_total, _errors_total,
  // _time_seconds.
  static std::string PrometheusText(const std::vector<Named>& controllers);

 private:
  // Upper bounds in milliseconds; one more bucket holds the rest. Those of controller-runtime
  // (pkg/internal/controller/metrics).
  static constexpr std::array<int64_t, 40> kBounds = {
      5,    10,   25,   50,   100,   150,   200,   250,   300,   350,   400,   450,  500,  600,
      700,  800,  900,  1000, 1250,  1500,  1750,  2000,  2500,  3000,  3500,  4000, 4500, 5000,
      6000, 7000, 8000, 9000, 10000, 15000, 20000, 25000, 30000, 40000, 50000, 60000};

  std::string Counts(std::string_view controller) const;
  std::string Times(std::string_view controller) const;
  int64_t Count() const;

  std::atomic<int64_t> errors_ = 0;
  std::atomic<int64_t> total_ns_ = 0;
  std::array<std::atomic<int64_t>, kBounds.size() + 1> buckets_ = {};
};

}  // namespace headpond::controller
