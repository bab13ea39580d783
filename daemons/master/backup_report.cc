#include "master/backup_report.h"

#include <algorithm>
#include <utility>

namespace headpond::master {
namespace {

constexpr size_t kKept = 100;

}  // namespace

void BackupReports::Add(BackupReport report) {
  MutexLock lock(mutex_);
  reports_.push_back(std::move(report));
  if (reports_.size() > kKept) reports_.pop_front();
}

BackupReport BackupReports::Find(const std::string& id) const {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(reports_, id, &BackupReport::id);
  return found == reports_.end() ? BackupReport{.id = id} : *found;
}

BackupReport BackupReports::Change(const std::string& id,
                                   const std::function<void(BackupReport&)>& change) {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(reports_, id, &BackupReport::id);
  if (found == reports_.end()) return {.id = id};
  change(*found);
  return *found;
}

void BackupReports::Forget(const std::string& id) {
  MutexLock lock(mutex_);
  std::erase_if(reports_, [&](const BackupReport& report) { return report.id == id; });
}

}  // namespace headpond::master
