#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/container_definition.h"

namespace headpond::api {

inline constexpr std::string_view kContainerTaskKind = "ContainerTask";

// A ContainerTask's spec with its defaults; what each means stands in container_task.cc.
struct ContainerTaskSpec {
  std::string definition;  // empty: everything is in the overlay
  std::string overlay_json;
  std::vector<std::string> command, args;  // empty: the image's
  bool suspend = false;
  bool active = true;
  int parallelism = 1;
  int completions = 1;
  int backoff_limit = 0;
  int backoff_seconds = 10;
  int64_t active_deadline_seconds = 0;  // 0: none
  int64_t ttl_seconds = -1;             // after the end; -1: stays
  int termination_grace_period_seconds = 10;
};

struct ContainerTask {
  ObjectMeta metadata;
  ContainerTaskSpec spec;
};

const std::vector<Field>& ContainerTaskFields();
const std::vector<Rule>& ContainerTaskRules();

// Leaves room in the names of containers, <task>-<8 of the uid>-<run>-<attempt>.
inline constexpr size_t kMaxTaskName = 52;

// Errors: InvalidArgument with what CheckObject finds.
Result<ContainerTask> ReadContainerTask(const nlohmann::json& object);

}  // namespace headpond::api
