#include "operator/plan/restore.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace headpond::plan {
namespace {

using enum RestoreStep;

constexpr std::array<std::string_view, 7> kNames = {
    "Stopping", "SettingAside", "Starting", "Complete", "Withdrawing", "PuttingBack", "Failed"};

RestoreRecord At(RestoreRecord record, RestoreStep step) {
  record.step = step;
  return record;
}

RestoreRecord Ended(RestoreRecord record, RestoreStep step, int64_t now_ms) {
  record.finished_at_ms = now_ms;
  return At(std::move(record), step);
}

std::string Because(const std::string& trouble) {
  return trouble.empty() ? "" : ": " + trouble;
}

RestoreRecord Withdrawn(RestoreRecord record, std::string message) {
  record.message = std::move(message);
  return At(std::move(record), kWithdrawing);
}

RestoreRecord NextOf(const RestoreRecord& record, const RestoreFacts& facts, int64_t now_ms,
                     int tries) {
  const bool late = now_ms >= record.deadline_at_ms;
  const auto overdue = [&] {
    return Withdrawn(record, fmt::format("{} took longer than {} s{}", NameOf(record.step),
                                         (record.deadline_at_ms - record.started_at_ms) / 1000,
                                         Because(facts.trouble)));
  };
  switch (record.step) {
    case kStopping:
      if (facts.masters_gone) return At(record, kSettingAside);
      return late ? overdue() : record;
    case kSettingAside:
      if (facts.masters_gone && facts.all_set_aside) return At(record, kStarting);
      return late ? overdue() : record;
    case kStarting:
      if (facts.all_serve) return Ended(record, kComplete, now_ms);
      if (facts.majority_serves && late) {
        RestoreRecord done = Ended(record, kComplete, now_ms);
        done.message = fmt::format("not all masters serve yet{}", Because(facts.trouble));
        return done;
      }
      if (facts.majority_serves) return record;
      if (facts.crashes >= tries)
        return Withdrawn(record, fmt::format("the masters can't begin with {}{}", record.uri,
                                             Because(facts.trouble)));
      return late ? overdue() : record;
    case kWithdrawing: return facts.masters_gone ? At(record, kPuttingBack) : record;
    case kPuttingBack:
      return facts.masters_gone && facts.none_set_aside ? Ended(record, kFailed, now_ms) : record;
    case kComplete:
    case kFailed: return record;
  }
  return record;
}

}  // namespace

RestoreFacts FactsOf(const RestoreRecord& record, const std::vector<Workload>& desired,
                     const ObservedCluster& observed) {
  RestoreFacts facts{
      .masters_gone = observed.unreachable.empty(), .all_set_aside = true, .none_set_aside = true};
  std::vector<std::string> troubles;
  for (const ObservedWorkload& found : observed.workloads) {
    if (found.role != Role::kMaster) continue;
    facts.masters_gone = false;
    facts.crashes = std::max(facts.crashes, found.crashes);
    if (!found.message.empty()) troubles.push_back(fmt::format("{} {}", found.name, found.message));
  }
  facts.trouble = fmt::format("{}", fmt::join(troubles, "; "));
  size_t masters = 0, serving = 0;
  bool led = true;
  for (const Workload& workload : desired) {
    if (workload.role != Role::kMaster) continue;
    ++masters;
    if (!workload.quorum_address.empty()) led = LeaderOf(observed) != nullptr;
    const Volume* const journal = JournalOf(workload);
    const bool aside =
        journal != nullptr && observed.folders.contains(SetAsidePath(journal->path, record.uid));
    facts.all_set_aside &= aside;
    facts.none_set_aside &= !aside;
    const auto found = std::ranges::find_if(observed.workloads, [&](const auto& seen) {
      return seen.name == workload.name && seen.node == workload.node;
    });
    serving += found != observed.workloads.end() && found->phase == Phase::kRunning &&
               found->serving && !IsCatchingUp(*found, observed) &&
               Votes(workload.quorum_address, observed);
  }
  facts.all_serve = led && masters > 0 && serving == masters;
  facts.majority_serves = led && serving > masters / 2;
  return facts;
}

std::optional<RestoreRecord> NextRestoreRecord(const std::optional<RestoreRecord>& record,
                                               const std::optional<RestoreOrder>& order,
                                               const RestoreFacts& facts, int64_t now_ms,
                                               int tries) {
  if (record && !record->finished()) return NextOf(*record, facts, now_ms, tries);
  if (!order || (record && record->uid == order->uid)) return record;
  return RestoreRecord{.uid = order->uid,
                       .name = order->name,
                       .uri = order->uri,
                       .started_at_ms = now_ms,
                       .deadline_at_ms = now_ms + order->deadline_ms};
}

std::string_view NameOf(RestoreStep step) {
  return kNames[static_cast<size_t>(step)];
}

std::optional<RestoreStep> RestoreStepOf(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<RestoreStep>(found - kNames.begin());
}

const Volume* JournalOf(const Workload& master) {
  const Volume* journal = nullptr;
  // A container's own state comes first, the folder that its author chose after it.
  for (const Volume& volume : master.volumes)
    if (volume.kind == VolumeKind::kDurable) journal = &volume;
  return master.role == Role::kMaster ? journal : nullptr;
}

std::string SetAsidePath(const std::string& folder, const std::string& tag) {
  return fmt::format("{}.before-restore-{}", folder, tag);
}

std::string FailedPath(const std::string& folder, const std::string& tag) {
  return fmt::format("{}.failed-restore-{}", folder, tag);
}

}  // namespace headpond::plan
