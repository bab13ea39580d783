#include "operator/runtime/task_runtime.h"

#include <fmt/format.h>

namespace headpond::runtime {

std::string TaskContainerName(const TaskRef& task, const plan::TaskAttempt& of) {
  constexpr size_t kUidPart = 8;
  return fmt::format("{}-{}-{}-{}", task.name, task.uid.substr(0, kUidPart), of.index, of.attempt);
}

}  // namespace headpond::runtime
