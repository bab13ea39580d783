#include "master/config_check.h"

#include <utility>

namespace headpond::master {
namespace {

std::string ScopeName(int scope) {
  const bool master = (scope & kScopeMaster) != 0;
  const bool worker = (scope & kScopeWorker) != 0;
  if (master && worker) return "SERVER";
  if (master) return "MASTER";
  return worker ? "WORKER" : "CLIENT";
}

}  // namespace

ConfigCheck::Status ConfigCheck::status() const {
  if (!errors.empty()) return Status::kFailed;
  return warnings.empty() ? Status::kPassed : Status::kWarn;
}

ConfigCheck CheckConfigs(std::span<const NodeConfig> nodes) {
  std::map<std::string, InconsistentProperty> by_name;
  for (const NodeConfig& node : nodes) {
    if (!node.properties) continue;  // a worker of stock's before it told its configuration
    for (const ReportedProperty& property : *node.properties)
      by_name[property.name].nodes[property.value].push_back(node.address);
  }
  ConfigCheck check;
  for (auto& [name, property] : by_name) {
    const PropertyDef* def = FindProperty(name);
    if (property.nodes.size() < 2 || def == nullptr || def->check == ConsistencyCheck::kIgnore)
      continue;
    property.name = name;
    auto& group = def->check == ConsistencyCheck::kEnforce ? check.errors : check.warnings;
    group[ScopeName(def->scope)].push_back(std::move(property));
  }
  return check;
}

}  // namespace headpond::master
