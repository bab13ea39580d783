#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "operator/controller/store.h"
#include "operator/runtime/pull_access.h"

namespace headpond::controller {

// The Secrets that specs name. What was read is good for a minute, so that idle clusters ask for
// little; for five seconds, when it is in doubt; what is missing, or no login, is asked for at
// every look, so that it is found when it comes. Not thread safe.
class Secrets {
 public:
  // NotFound when there is no such Secret.
  using Reader =
      std::function<Result<SecretData>(const std::string& name_space, const std::string& name)>;
  // `clock` outlives this.
  Secrets(Reader read, const Clock& clock) : read_(std::move(read)), clock_(clock) {}

  // The Secret that `field` of the cluster's spec names. NotFound names all three and the remedy.
  Result<SecretData> Read(const api::CacheCluster& cluster, const std::string& name,
                          const std::string& field);

  // What needed it failed: it may have been changed since.
  void Doubt(const std::string& name_space, const std::string& name);

  // Those that `field` ("spec.imagePullSecrets") names. One that is of no use says so itself, with
  // its name and the remedy.
  runtime::PullAccess ReadForPulls(const std::string& name_space,
                                   const std::vector<std::string>& names, const std::string& field);
  // The same as it is now, for a pull that begins.
  std::vector<runtime::PullSecret> ReadForPullNow(const std::string& name_space,
                                                  const std::vector<std::string>& names,
                                                  const std::string& field);

 private:
  static constexpr std::chrono::seconds kValidFor{60};
  static constexpr std::chrono::seconds kValidInDoubt{5};
  struct Known {
    SecretData data;
    std::chrono::steady_clock::time_point read_at;
    bool in_doubt = false;
  };

  Result<SecretData> Find(const std::string& name_space, const std::string& name);
  runtime::PullSecret ReadForPull(const std::string& name_space, const std::string& name,
                                  const std::string& field);

  const Reader read_;
  const Clock& clock_;
  std::map<std::pair<std::string, std::string>, Known> known_;  // by namespace and name
};

}  // namespace headpond::controller
