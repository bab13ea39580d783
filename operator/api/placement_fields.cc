#include "operator/api/placement_fields.h"

#include <fmt/format.h>

#include <set>
#include <string>

namespace headpond::api {
namespace {

constexpr auto kLabelName = 317.0;  // a prefix of 253 characters, '/' and 63 more
constexpr auto kLabelValue = 63.0;
constexpr std::string_view kLabelNamePattern =
    "([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?";
constexpr std::string_view kLabelNameText =
    "the name of a label, such as topology.kubernetes.io/zone";
constexpr std::string_view kLabelValuePattern = "([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?";
constexpr std::string_view kLabelValueText = "the value of a label";

// Rows refer to their paths, and live as long as the program.
std::string_view Kept(std::string path) {
  static std::set<std::string> paths;
  return *paths.insert(std::move(path)).first;
}

std::vector<Field> RowsOf(std::string_view role) {
  using enum FieldType;
  const auto at = [role](std::string_view field) {
    return Kept(fmt::format("{}.{}", role, field));
  };
  return {
      {.path = at("priorityClassName"),
       .type = kString,
       .min = 1,
       .max = 253,
       .pattern = "[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
       .pattern_text = "the name of a PriorityClass",
       .description = "The PriorityClass of the pods. Default: the Kubernetes cluster's."},
      {.path = at("placement"),
       .description = "On which nodes the pods run. A change replaces them one by one."},
      {.path = at("placement.nodeSelector"),
       .type = kStringMap,
       .max = 32,
       .description = "Labels, with these values, of the nodes that come into question."},
      {.path = at("placement.nodeAffinity"),
       .type = kList,
       .max = 16,
       .description = "What else is asked of a node's labels; all of it has to hold."},
      {.path = at("placement.nodeAffinity[]"), .description = "One demand."},
      {.path = at("placement.nodeAffinity[].key"),
       .type = kString,
       .required = true,
       .min = 1,
       .max = kLabelName,
       .pattern = kLabelNamePattern,
       .pattern_text = kLabelNameText,
       .description = "The label."},
      {.path = at("placement.nodeAffinity[].operator"),
       .type = kEnum,
       .required = true,
       .values = {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"},
       .description = "How its value compares with `values`."},
      {.path = at("placement.nodeAffinity[].values"),
       .type = kList,
       .max = 32,
       .description = "Any number for `In` and `NotIn`, one whole number for `Gt` and `Lt`, none "
                      "for the others."},
      {.path = at("placement.nodeAffinity[].values[]"),
       .type = kString,
       .max = kLabelValue,
       .pattern = kLabelValuePattern,
       .pattern_text = kLabelValueText,
       .description = "One value."},
      {.path = at("placement.tolerations"),
       .type = kList,
       .max = 32,
       .description = "Taints of nodes that don't keep the pods away."},
      {.path = at("placement.tolerations[]"), .description = "One toleration."},
      {.path = at("placement.tolerations[].key"),
       .type = kString,
       .min = 1,
       .max = kLabelName,
       .pattern = kLabelNamePattern,
       .pattern_text = kLabelNameText,
       .description = "The taint. Default: any, with `Exists`."},
      {.path = at("placement.tolerations[].operator"),
       .type = kEnum,
       .default_json = R"("Equal")",
       .values = {"Equal", "Exists"},
       .description = "Whether its value counts."},
      {.path = at("placement.tolerations[].value"),
       .type = kString,
       .max = kLabelValue,
       .pattern = kLabelValuePattern,
       .pattern_text = kLabelValueText,
       .description = "Its value, with `Equal`."},
      {.path = at("placement.tolerations[].effect"),
       .type = kEnum,
       .values = {"NoSchedule", "PreferNoSchedule", "NoExecute"},
       .description = "Its effect. Default: any."},
      {.path = at("placement.tolerations[].tolerationSeconds"),
       .type = kInteger,
       .min = 0,
       .max = 9007199254740991.0,
       .description = "With `NoExecute`: how long the pod stays. Default: for ever."},
      {.path = at("placement.antiAffinity"),
       .type = kEnum,
       .default_json = R"("Preferred")",
       .values = {"Preferred", "Required", "None"},
       .description = "Whether pods of the role are kept on different nodes: where there are "
                      "enough, always (a pod without a node of its own waits), or not at all."},
      {.path = at("placement.topologySpread"),
       .type = kList,
       .max = 8,
       .list_key = "topologyKey",
       .description = "Over which groups of nodes the pods of the role are spread evenly. Default: "
                      "zones, as far as possible; an empty list: none."},
      {.path = at("placement.topologySpread[]"), .description = "One kind of group."},
      {.path = at("placement.topologySpread[].topologyKey"),
       .type = kString,
       .required = true,
       .min = 1,
       .max = kLabelName,
       .pattern = kLabelNamePattern,
       .pattern_text = kLabelNameText,
       .description = "The label whose value nodes of a group share."},
      {.path = at("placement.topologySpread[].maxSkew"),
       .type = kInteger,
       .default_json = "1",
       .min = 1,
       .max = 64,
       .description = "How many more pods one group may have than another."},
      {.path = at("placement.topologySpread[].whenUnsatisfiable"),
       .type = kEnum,
       .default_json = R"("ScheduleAnyway")",
       .values = {"ScheduleAnyway", "DoNotSchedule"},
       .description = "What becomes of a pod that would make it more."},
  };
}

}  // namespace

std::vector<Field> WithPodPlacement(std::vector<Field> fields) {
  std::vector<Field> all;
  for (Field& field : fields) {
    const std::string_view path = field.path;
    all.push_back(std::move(field));
    for (const std::string_view role : {"master", "worker"})
      if (path == fmt::format("{}.resources.cpus", role))
        for (Field& row : RowsOf(role)) all.push_back(std::move(row));
  }
  return all;
}

}  // namespace headpond::api
