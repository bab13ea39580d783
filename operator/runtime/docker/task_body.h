#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "operator/runtime/docker/engine.h"
#include "operator/runtime/task_runtime.h"

namespace headpond::runtime {

// Identity of a task's containers: what carries the label with a task's uid is that task's.
inline constexpr std::string_view kTaskUidLabel = "headpond.dev/task-uid";
inline constexpr std::string_view kTaskIndexLabel = "headpond.dev/task-index";
inline constexpr std::string_view kTaskAttemptLabel = "headpond.dev/task-attempt";

Labels TaskLabels(const TaskRef& task, const plan::TaskAttempt& of);

// The body of POST /containers/create: nothing but what the template asks for is shared with the
// host, all capabilities but those of the allow-list are dropped, and no program gains privileges.
// `secrets_dir` has a folder per Secret. Pure.
nlohmann::json TaskContainerBody(const TaskRef& task, const plan::TaskAttempt& of,
                                 const TaskContainer& container, const std::string& secrets_dir);

}  // namespace headpond::runtime
