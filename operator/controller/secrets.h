#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/clock.h"
#include "operator/controller/store.h"

namespace headpond::controller {

// The Secrets that clusters name. What was read is good for a minute, so that idle clusters ask for
// little; what is missing is asked for at every look, so that it is found when it comes. Not thread
// safe.
class Secrets {
 public:
  // Both outlive this.
  Secrets(ClusterStore& store, const Clock& clock) : store_(store), clock_(clock) {}

  // The Secret that `field` of the cluster's spec names. NotFound names all three and the remedy.
  Result<SecretData> Read(const api::CacheCluster& cluster, const std::string& name,
                          const std::string& field);

 private:
  static constexpr std::chrono::seconds kValidFor{60};
  struct Known {
    SecretData data;
    std::chrono::steady_clock::time_point read_at;
  };

  ClusterStore& store_;
  const Clock& clock_;
  std::map<std::pair<std::string, std::string>, Known> known_;  // by namespace and name
};

}  // namespace headpond::controller
