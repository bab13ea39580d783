#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/config_report.h"

namespace headpond::master {

// One node's configuration, as it registered it.
struct NodeConfig {
  std::string address;  // "host:port"
  std::shared_ptr<const std::vector<ReportedProperty>> properties;
};

struct InconsistentProperty {
  std::string name;
  // Who has which value; nullopt: none is set there.
  std::map<std::optional<std::string>, std::vector<std::string>> nodes;
};

// What differs between the nodes of a cluster, by scope ("MASTER", "WORKER", "SERVER").
struct ConfigCheck {
  using ByScope = std::map<std::string, std::vector<InconsistentProperty>>;
  ByScope errors;    // properties that must be the same everywhere
  ByScope warnings;  // those that had better be

  enum class Status { kPassed, kWarn, kFailed };
  Status status() const;
};

// Compares the properties that several nodes report, by their row's level of check
// (properties.tsv). Keys outside the table are left out.
ConfigCheck CheckConfigs(std::span<const NodeConfig> nodes);

}  // namespace headpond::master
