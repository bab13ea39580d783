#include "operator/controller/task_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/controller/object_json.h"
#include "operator/controller/status.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using plan::ImageState;
using plan::RunPhase;
using plan::TaskRun;
using plan::TaskState;

constexpr std::array<const char*, 6> kPhases = {"Pending", "Created",   "Starting",
                                                "Running", "Succeeded", "Failed"};

Verdict ImagePresent(const TaskLook& look) {
  if (look.state.admitted) return {"True", "Present", ""};
  if (!look.observed_image) return {"Unknown", "NotLookedFor", "nobody has looked for the image"};
  const plan::ObservedImage& image = *look.observed_image;
  if (image.state == ImageState::kFailed) return {"False", image.reason, image.message};
  return {"False", "Fetching", fmt::format("{} {}", look.image, image.message)};
}

bool Has(const TaskState& state, RunPhase phase) {
  return state.Count(phase) > 0;
}

Verdict Active(const TaskLook& look) {
  const TaskState& state = look.state;
  if (!look.unavailable.empty()) return {"Unknown", "EngineUnavailable", look.unavailable};
  if (state.finished()) return {"False", "Finished", ""};
  const int running = state.Count(RunPhase::kRunning);
  if (running > 0)
    return {"True", state.ending.empty() ? "Running" : "Stopping",
            fmt::format("{} running", running)};
  if (look.trouble) return {"False", look.trouble->reason, look.trouble->message};
  if (look.spec.suspend) return {"False", "Suspended", "spec.suspend is true"};
  if (!state.admitted) return {"False", "WaitsForImage", ""};
  const auto failed = std::ranges::find_if(
      state.runs, [](const TaskRun& run) { return run.retry_at_ms != 0 && run.failures > 0; });
  if (failed != state.runs.end() && Has(state, RunPhase::kPending))
    return {"False", "BackOff",
            fmt::format("run {} {}; it is tried again", failed->index, failed->message)};
  return {"False", "Starting", ""};
}

Verdict Complete(const TaskLook& look) {
  if (look.state.complete()) return {"True", "Succeeded", "all runs have succeeded"};
  return {"False", look.state.finished() ? look.state.ending : "NotFinished", ""};
}

Verdict Failed(const TaskLook& look) {
  if (!look.state.finished() || look.state.complete()) return {"False", "NotFailed", ""};
  return {"True", look.state.ending, look.state.ending_message};
}

Verdict Suspended(const TaskLook& look) {
  if (look.spec.suspend && !look.state.finished()) return {"True", "Suspended", ""};
  return {"False", "NotSuspended", ""};
}

std::string PhaseOf(const TaskLook& look) {
  const TaskState& state = look.state;
  if (look.deleting) return "Terminating";
  if (state.complete()) return "Complete";
  if (state.finished()) return state.ending == "Cancelled" ? "Cancelled" : "Failed";
  const bool runs = Has(state, RunPhase::kRunning) || Has(state, RunPhase::kStarting);
  if (!state.ending.empty()) return "Stopping";
  if (look.spec.suspend) return runs ? "Stopping" : "Suspended";
  return runs ? "Running" : "Pending";
}

json RunJson(const TaskRun& run) {
  json out = {{"index", run.index},
              {"attempt", run.attempt},
              {"failures", run.failures},
              {"phase", kPhases[static_cast<size_t>(run.phase)]}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  const auto number = [&](const char* name, int64_t value) {
    if (value != 0) out[name] = value;
  };
  text("containerId", run.container_id);
  text("reason", run.reason);
  text("message", run.message);
  number("hostPid", run.pid);
  if (run.exit_code) out["exitCode"] = *run.exit_code;
  number("startedAtMs", run.started_at_ms);
  number("finishedAtMs", run.finished_at_ms);
  number("retryAtMs", run.retry_at_ms);
  number("stopRequestedAtMs", run.stop_requested_at_ms);
  return out;
}

TaskRun ReadRun(const json& j) {
  TaskRun run{.index = j.at("index"),
              .attempt = j.at("attempt"),
              .failures = j.at("failures"),
              .container_id = j.value("containerId", ""),
              .pid = j.value("hostPid", 0),
              .reason = j.value("reason", ""),
              .message = j.value("message", ""),
              .started_at_ms = j.value("startedAtMs", int64_t{0}),
              .finished_at_ms = j.value("finishedAtMs", int64_t{0}),
              .retry_at_ms = j.value("retryAtMs", int64_t{0}),
              .stop_requested_at_ms = j.value("stopRequestedAtMs", int64_t{0})};
  if (j.contains("exitCode")) run.exit_code = j.at("exitCode").get<int>();
  const auto phase = std::ranges::find(kPhases, j.at("phase").get<std::string>());
  if (phase != kPhases.end()) run.phase = static_cast<RunPhase>(phase - kPhases.begin());
  return run;
}

// The run that people ask about first: one that runs, or the one that was busy last.
const TaskRun* Latest(const TaskState& state) {
  const TaskRun* latest = nullptr;
  for (const TaskRun& run : state.runs)
    if (latest == nullptr || run.started_at_ms > latest->started_at_ms) latest = &run;
  return latest;
}

// What is shown of the task as a whole; complete for the usual task of one run.
void AddSummary(const TaskState& state, json& out) {
  int64_t started_at_ms = 0;
  for (const TaskRun& run : state.runs)
    if (run.started_at_ms != 0 && (started_at_ms == 0 || run.started_at_ms < started_at_ms))
      started_at_ms = run.started_at_ms;
  if (started_at_ms != 0) out["startedAt"] = FormatRfc3339(started_at_ms);
  if (state.finished()) out["finishedAt"] = FormatRfc3339(state.finished_at_ms);
  const TaskRun* const latest = Latest(state);
  if (latest == nullptr) return;
  if (!latest->container_id.empty()) out["containerId"] = latest->container_id;
  if (latest->pid != 0) out["hostPid"] = latest->pid;
  if (latest->exit_code) out["exitCode"] = *latest->exit_code;
}

}  // namespace

json TaskStatus(const TaskLook& look, const json& before, int64_t now_ms) {
  const TaskState& state = look.state;
  const Verdict active = Active(look), failed = Failed(look);
  json conditions = json::array();
  const auto add = [&](const char* type, const Verdict& verdict) {
    conditions.push_back(ConditionJson(type, verdict, look.generation, before, now_ms));
  };
  add("ImagePresent", ImagePresent(look));
  add("Suspended", Suspended(look));
  add("Active", active);
  add("Complete", Complete(look));
  add("Failed", failed);
  json runs = json::array();
  for (const TaskRun& run : state.runs) runs.push_back(RunJson(run));
  json out = {{"observedGeneration", look.generation},
              {"phase", PhaseOf(look)},
              {"active", state.Count(RunPhase::kRunning)},
              {"succeeded", state.Count(RunPhase::kSucceeded)},
              {"failed", state.Count(RunPhase::kFailed)},
              {"completions",
               fmt::format("{}/{}", state.Count(RunPhase::kSucceeded), look.spec.completions)},
              {"runs", std::move(runs)},
              {"conditions", std::move(conditions)}};
  AddSummary(state, out);
  const std::string& message = failed.message.empty() ? active.message : failed.message;
  if (!message.empty()) out["message"] = message;
  if (!look.image.empty()) out["image"] = look.image;
  if (!look.node.empty()) out["node"] = look.node;
  if (look.log_tail)
    out["logTail"] = *look.log_tail;
  else if (before.is_object() && before.contains("logTail"))
    out["logTail"] = before.at("logTail");
  if (state.admitted) out["admitted"] = true;
  if (state.active_since_ms != 0) out["activeSinceMs"] = state.active_since_ms;
  if (state.finished()) out["finishedAtMs"] = state.finished_at_ms;
  if (!state.ending.empty())
    out["ending"] = {{"reason", state.ending}, {"message", state.ending_message}};
  return out;
}

TaskState ReadTaskState(const json& status) {
  TaskState state;
  if (!status.is_object() || !status.contains("runs")) return state;
  try {
    for (const json& run : status.at("runs")) state.runs.push_back(ReadRun(run));
    state.admitted = status.value("admitted", false);
    state.active_since_ms = status.value("activeSinceMs", int64_t{0});
    state.finished_at_ms = status.value("finishedAtMs", int64_t{0});
    if (status.contains("ending")) {
      state.ending = status.at("ending").at("reason");
      state.ending_message = status.at("ending").at("message");
    }
  } catch (const json::exception&) {
    return {};
  }
  return state;
}

}  // namespace headpond::controller
