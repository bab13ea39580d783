#include "operator/api/container_task.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/kind.h"

namespace headpond::api {
namespace {

using nlohmann::json;

std::vector<std::string> Words(const json& spec, const char* name) {
  return spec.value(name, std::vector<std::string>());
}

std::vector<Field> OwnFields() {
  using enum FieldType;
  return {
      {.path = "definitionRef",
       .description = "The ContainerDefinition that the task's containers are made from."},
      {.path = "definitionRef.name",
       .type = kString,
       .min = 1,
       .max = 253,
       .pattern = "[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
       .pattern_text = "lower-case letters, digits, '-' and '.'",
       .mutability = Mutability::kImmutable,
       .description = "Its name, in the task's namespace. What it says when a container is made "
                      "counts for that container."},
      {.path = "command",
       .type = kList,
       .max = 64,
       .mutability = Mutability::kImmutable,
       .description = "The program and its first arguments, instead of the image's entry point. "
                      "No shell is involved."},
      {.path = "command[]", .type = kString, .max = 131072, .description = "One word."},
      {.path = "args",
       .type = kList,
       .max = 1024,
       .mutability = Mutability::kImmutable,
       .description = "What follows the command, instead of the image's own arguments."},
      {.path = "args[]", .type = kString, .max = 131072, .description = "One word."},
      {.path = "suspend",
       .type = kBoolean,
       .default_json = "false",
       .description = "Holds the task: its first containers are made but not started, those that "
                      "run are stopped and begin anew when it is false again."},
      {.path = "active",
       .type = kBoolean,
       .default_json = "true",
       .description = "False ends the task for good: what has not started never starts, what runs "
                      "is stopped. A task that has ended stays so."},
      {.path = "parallelism",
       .type = kInteger,
       .default_json = "1",
       .min = 1,
       .max = 64,
       .description = "How many containers run at a time at most."},
      {.path = "completions",
       .type = kInteger,
       .default_json = "1",
       .min = 1,
       .max = 256,
       .mutability = Mutability::kImmutable,
       .description = "How many runs must succeed. Each is told its number from 0 on in "
                      "HEADPOND_TASK_INDEX."},
      {.path = "backoffLimit",
       .type = kInteger,
       .default_json = "0",
       .min = 0,
       .max = 100,
       .description = "How often a run is tried again after it failed, each time in a new "
                      "container. The default suits work that may not be done twice."},
      {.path = "backoffSeconds",
       .type = kInteger,
       .default_json = "10",
       .min = 0,
       .max = 3600,
       .description = "How long the first new try waits; each further one twice as long, up to 6 "
                      "minutes."},
      {.path = "activeDeadlineSeconds",
       .type = kInteger,
       .min = 1,
       .max = 31536000,
       .description = "How long the task may run, from the start of its first container on (an "
                      "image that has to be pulled costs none of it), all tries together. Default: "
                      "no limit."},
      {.path = "ttlSecondsAfterFinished",
       .type = kInteger,
       .min = 0,
       .max = 31536000,
       .description = "When the task is deleted with its containers, counted from its end. "
                      "Default: it stays."},
      {.path = "terminationGracePeriodSeconds",
       .type = kInteger,
       .default_json = "10",
       .min = 0,
       .max = 3600,
       .description = "How long a container may take to stop after SIGTERM before it gets "
                      "SIGKILL."},
      {.path = "container",
       .description = "What differs from the definition, or all of it without one: the fields of "
                      "a ContainerDefinition. Single values replace the definition's, lists are "
                      "joined."},
  };
}

ContainerTaskSpec ReadSpec(const json& spec) {
  return {.definition = spec.at("definitionRef").value("name", ""),
          .overlay_json = spec.at("container").dump(),
          .command = Words(spec, "command"),
          .args = Words(spec, "args"),
          .suspend = spec.at("suspend"),
          .active = spec.at("active"),
          .parallelism = spec.at("parallelism"),
          .completions = spec.at("completions"),
          .backoff_limit = spec.at("backoffLimit"),
          .backoff_seconds = spec.at("backoffSeconds"),
          .active_deadline_seconds = spec.value("activeDeadlineSeconds", int64_t{0}),
          .ttl_seconds = spec.value("ttlSecondsAfterFinished", int64_t{-1}),
          .termination_grace_period_seconds = spec.at("terminationGracePeriodSeconds")};
}

void HasAnImage(const json& spec, Findings& findings) {
  if (!spec.at("definitionRef").contains("name") && !spec.at("container").contains("image"))
    findings.errors.push_back(
        {"spec.container.image", "is required without a spec.definitionRef.name"});
}

}  // namespace

const std::vector<Field>& ContainerTaskFields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> all = OwnFields();
    const std::vector<Field>& overlay = ContainerOverlayFields();
    all.insert(all.end(), overlay.begin(), overlay.end());
    return all;
  }();
  return fields;
}

const std::vector<Rule>& ContainerTaskRules() {
  static const std::vector<Rule> rules = {
      {.description = "A task has a `definitionRef` or an image of its own.",
       .cel = {{"",
                "(has(self.definitionRef) && has(self.definitionRef.name)) || "
                "(has(self.container) && has(self.container.image))",
                "is required without a spec.definitionRef.name", ".container.image"}},
       .check = HasAnImage},
      {.description = "Each mount has exactly one of `hostPath`, `volume`, `dataset` and `secret`, "
                      "and a host path gives nothing of the system.",
       .cel = ContainerMountCel("container.mounts[]"),
       .check =
           [](const json& spec, Findings& findings) {
             CheckContainerFields(spec.at("container"), "spec.container", findings);
           }},
  };
  return rules;
}

Result<ContainerTask> ReadContainerTask(const json& object) {
  const Kind& kind = *FindKind(kContainerTaskKind);
  if (const Findings findings = CheckObject(kind, object); !findings.ok())
    return InvalidArgument("{}", JoinIssues(findings.errors));
  const json spec = SpecSchema(kind).WithDefaults(SpecOf(object));
  return ContainerTask{.metadata = ReadMetadata(object.at("metadata")), .spec = ReadSpec(spec)};
}

}  // namespace headpond::api
