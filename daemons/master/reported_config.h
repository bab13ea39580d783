#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/config_report.h"
#include "base/mutex.h"

namespace headpond::master {

// The configuration as clients see it. The master itself read its own when it started; what may
// change while it runs is what clients adopt (`fsadmin updateConf`): they notice by the hash and
// fetch it again. Such a change lives until the master stops, as in stock. Thread safe.
class ReportedConfig {
 public:
  // One state of it; never changes.
  struct View {
    std::vector<ReportedProperty> raw;
    std::vector<ReportedProperty> resolved;
    std::string hash;  // equal for equal `raw`
    int64_t last_update_ms = 0;
  };

  ReportedConfig(const Config& config, const Clock& clock);

  std::shared_ptr<const View> view() const EXCLUDES(mutex_);

  // Sets the properties that only clients read, if alluxio.conf.dynamic.update.enabled; says of
  // each key whether it was set.
  std::map<std::string, bool> Update(const std::map<std::string, std::string>& properties)
      EXCLUDES(mutex_);

 private:
  static std::shared_ptr<const View> ViewOf(const Config& config, int64_t now_ms);

  const Clock& clock_;
  mutable Mutex mutex_;
  Config config_ GUARDED_BY(mutex_);
  std::shared_ptr<const View> view_ GUARDED_BY(mutex_);
};

}  // namespace headpond::master
