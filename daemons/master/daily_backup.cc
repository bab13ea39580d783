#include "master/daily_backup.h"

#include <cstdio>
#include <string>

#include "base/log.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "backup";
constexpr const char* kEnabled = "alluxio.master.daily.backup.enabled";
constexpr const char* kTime = "alluxio.master.daily.backup.time";
constexpr const char* kRetained = "alluxio.master.daily.backup.files.retained";
constexpr std::chrono::minutes kLook{1};
constexpr int64_t kDayMs = std::chrono::milliseconds(std::chrono::hours(24)).count();

std::optional<std::chrono::minutes> ParseTimeOfDay(const std::string& text) {
  int hour = 0;
  int minute = 0;
  int read = 0;
  const bool parsed =
      text.size() <= 5 && std::sscanf(text.c_str(), "%2d:%2d%n", &hour, &minute, &read) == 2;
  if (!parsed || static_cast<size_t>(read) != text.size()) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return std::nullopt;
  return std::chrono::hours(hour) + std::chrono::minutes(minute);
}

}  // namespace

Result<std::optional<DailyBackupPlan>> DailyBackupPlanOf(const Config& config) {
  if (!config.GetBool(kEnabled)) return std::optional<DailyBackupPlan>();
  const std::string time = config.GetString(kTime);
  const auto time_of_day = ParseTimeOfDay(time);
  if (!time_of_day)
    return InvalidArgument("{}={} is no time of day; write it as HH:MM, in UTC", kTime, time);
  const int64_t retained = config.GetInt(kRetained);
  if (retained < 1) return InvalidArgument("{}={} must be at least 1", kRetained, retained);
  return std::optional(DailyBackupPlan{*time_of_day, static_cast<size_t>(retained)});
}

int64_t NextTimeOfDay(int64_t now_ms, std::chrono::minutes time_of_day) {
  const int64_t today = now_ms - now_ms % kDayMs + std::chrono::milliseconds(time_of_day).count();
  return today > now_ms ? today : today + kDayMs;
}

DailyBackup::DailyBackup(DailyBackupPlan plan, Backups& backups, const Clock& clock)
    : plan_(plan),
      backups_(backups),
      clock_(clock),
      next_ms_(NextTimeOfDay(clock.NowMs(), plan.time_of_day)) {}

void DailyBackup::Start() {
  task_ = std::make_unique<PeriodicTask>("daily-backup", kLook, [this] { Tick(); });
}

void DailyBackup::Stop() {
  task_.reset();
}

void DailyBackup::Tick() {
  const int64_t now_ms = clock_.NowMs();
  if (now_ms < next_ms_) return;
  const auto begun = backups_.Begin({.allow_leader = true}, [this](const BackupReport& report) {
    if (report.state != BackupReport::State::kCompleted) return;
    if (const Status kept = backups_.KeepNewest(plan_.retained); !kept.ok())
      LogWarn(kComponent, "old backups stay: {}", kept.ToString());
  });
  if (begun.status().code() == Code::kFailedPrecondition) return;  // one runs: after its end
  next_ms_ = NextTimeOfDay(now_ms, plan_.time_of_day);
  if (!begun.ok()) LogError(kComponent, "no backup today: {}", begun.status().ToString());
}

}  // namespace headpond::master
