#include <fmt/format.h>

#include <algorithm>

#include "operator/controller/task_status.h"

namespace headpond::controller {
namespace {

using plan::RunPhase;
using plan::TaskRun;

std::string NameOf(const TaskRun& run) {
  return fmt::format("run {}, try {}", run.index, run.attempt);
}

std::string ContainerOf(const TaskRun& run) {
  constexpr size_t kShortId = 12;
  return run.container_id.substr(0, kShortId);
}

Notice FailureOf(const TaskRun& run) {
  std::string text = NameOf(run) + " failed";
  if (run.exit_code) text += fmt::format(" with exit code {}", *run.exit_code);
  if (!run.reason.empty()) text += fmt::format(" ({})", run.reason);
  if (!run.message.empty()) text += ": " + run.message;
  return {.warning = true, .reason = "Failed", .text = std::move(text)};
}

void Compare(const TaskRun& before, const TaskRun& after, std::vector<Notice>& notices) {
  if (after.started_at_ms != 0 && after.started_at_ms != before.started_at_ms)
    notices.push_back(
        {.reason = "Started",
         .text = fmt::format("{} runs in container {}", NameOf(after), ContainerOf(after))});
  if (after.phase == RunPhase::kSucceeded && before.phase != RunPhase::kSucceeded)
    notices.push_back({.reason = "Finished", .text = NameOf(after) + " has done its work"});
  // A failure that is tried again leaves the next attempt behind.
  if (after.failures > before.failures ||
      (after.phase == RunPhase::kFailed && before.phase != RunPhase::kFailed)) {
    TaskRun failed = after;
    if (after.phase == RunPhase::kPending && after.attempt > before.attempt)
      failed.attempt = before.attempt;
    notices.push_back(FailureOf(failed));
  }
}

}  // namespace

std::vector<Notice> TaskNotices(const plan::TaskState& before, const plan::TaskState& after,
                                const std::string& image) {
  std::vector<Notice> notices;
  if (after.admitted && !before.admitted)
    notices.push_back({.reason = "Pulled", .text = fmt::format("image {} is there", image)});
  for (const TaskRun& run : after.runs) {
    const auto known = std::ranges::find(before.runs, run.index, &TaskRun::index);
    Compare(known == before.runs.end() ? TaskRun{.index = run.index} : *known, run, notices);
  }
  if (!after.finished() || before.finished()) return notices;
  if (after.complete())
    notices.push_back({.reason = "Complete", .text = "the task is complete"});
  else
    notices.push_back({.warning = true,
                       .reason = after.ending,
                       .text = "the task has failed: " + after.ending_message});
  return notices;
}

}  // namespace headpond::controller
