#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/plan/plan.h"

namespace headpond::runtime {

struct ProbeResult {
  bool serving = false;
  bool answered = false;  // the web port did, whatever it said
  std::string message;    // why it doesn't serve
  // The workers that a master counts as live; empty when the daemon doesn't tell.
  std::optional<int> live_workers;
  // What one of several masters says, when it serves: it leads, or it follows the one that does.
  std::optional<plan::QuorumView> quorum;
  std::vector<plan::QuorumMember> members;  // as plan::ObservedWorkload has them
  std::string rpc_address;                  // host:port that was asked
};

// Copies what was found to the daemon that was asked.
void Take(ProbeResult result, plan::ObservedWorkload& workload);

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
