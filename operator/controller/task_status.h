#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/container_task.h"
#include "operator/controller/store.h"
#include "operator/plan/task.h"

namespace headpond::controller {

// What one look at a task has shown.
struct TaskLook {
  int64_t generation = 0;
  api::ContainerTaskSpec spec;
  bool deleting = false;
  plan::TaskState state;
  std::string image;
  std::optional<plan::ObservedImage> observed_image;
  std::optional<plan::TaskTrouble> trouble;  // what keeps containers from being made
  std::string unavailable;                   // why nothing could be seen; empty: all was
  std::string node;
  std::optional<std::string> log_tail;  // of what ended last; empty: as before
};

// ContainerTask.status. Conditions: ImagePresent, Suspended, Active, Complete, Failed. `before` is
// the status so far (or null), for transition times and what is only remembered. Pure.
nlohmann::json TaskStatus(const TaskLook& look, const nlohmann::json& before, int64_t now_ms);

// What is to be told of the step from one state to the next: what was pulled, started, ended and
// how, oldest first. Pure.
std::vector<Notice> TaskNotices(const plan::TaskState& before, const plan::TaskState& after,
                                const std::string& image);

// The memory in a status that TaskStatus made; that of a new task when there is none. What can't be
// read counts as not there: the containers are found again by their labels.
plan::TaskState ReadTaskState(const nlohmann::json& status);

}  // namespace headpond::controller
