#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/config.h"
#include "base/executor.h"
#include "base/result.h"
#include "master/backups.h"

namespace headpond::master {

// When a master makes backups by itself (alluxio.master.daily.backup.*).
struct DailyBackupPlan {
  std::chrono::minutes time_of_day{5 * 60};  // in UTC
  size_t retained = 3;                       // newest backups that stay
};
// Nothing when it is not enabled. Errors: InvalidArgument naming the property.
Result<std::optional<DailyBackupPlan>> DailyBackupPlanOf(const Config& config);

// The next moment after `now_ms` that is that time of day. Pure.
int64_t NextTimeOfDay(int64_t now_ms, std::chrono::minutes time_of_day);

// Makes a backup once a day, to where they go when nobody says, and removes old ones there after
// one that went well. What fails is logged, and tried again the next day.
class DailyBackup {
 public:
  // All must outlive it.
  DailyBackup(DailyBackupPlan plan, Backups& backups, const Clock& clock);

  void Start();
  void Stop();  // idempotent

  // What the thread does once a minute; begins a backup when it is time. Public for tests.
  void Tick();

 private:
  const DailyBackupPlan plan_;
  Backups& backups_;
  const Clock& clock_;
  int64_t next_ms_;
  std::unique_ptr<PeriodicTask> task_;
};

}  // namespace headpond::master
