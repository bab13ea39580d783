#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/plan/workload.h"

namespace headpond::runtime {

struct ProbeResult {
  bool serving = false;
  std::string message;  // why not
  // The workers that a master counts as live; empty when the daemon doesn't tell.
  std::optional<int> live_workers;
};

// Asks daemons whether they serve, all of them side by side. Not thread safe.
class Prober {
 public:
  Prober();
  ~Prober();

  // Results in the order of `probes`, after at most `timeout`.
  std::vector<ProbeResult> ProbeAll(const std::vector<plan::Probe>& probes,
                                    std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::runtime
