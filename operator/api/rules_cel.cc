#include "operator/api/rules_cel.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "operator/api/cache_cluster.h"
#include "operator/api/limits.h"

namespace headpond::api {
namespace {

constexpr int kMaxPort = 65535;

// As YAML is read most easily: texts in single quotes.
std::string CelLiteral(const nlohmann::json& value) {
  std::string text = value.dump();
  std::ranges::replace(text, '"', '\'');
  return text;
}

// One role's port: where it stands and how many daemons count up from it.
struct Port {
  std::string_view name;  // "master.rpc"
  std::string_view replicas;

  std::string field() const { return fmt::format(".ports.{}", name); }
  std::string first() const { return "self" + field(); }
};
// In the order in which the C++ check finds them, so that both name the same one.
constexpr Port kPorts[] = {
    // One master speaks to no other.
    {"master.embedded", "(self.master.replicas > 1 ? self.master.replicas : 0)"},
    {"master.rpc", "self.master.replicas"},
    {"master.web", "self.master.replicas"},
    {"worker.rpc", "self.worker.replicas"},
    {"worker.web", "self.worker.replicas"}};

// Where nodes take the daemons apart, only the operator counts.
constexpr std::string_view kOneHost = "has(self.runtime.docker.nodes) || ";

// Daemon n of a role listens on its first port + kPortStride n.
std::string Collide(const Port& a, const Port& b) {
  return fmt::format(
      "{0} > 0 && {1} > 0 && ({2} - {3}) % {4} == 0 && {2} <= {3} + {4} * ({1} - 1) && "
      "{3} <= {2} + {4} * ({0} - 1)",
      a.replicas, b.replicas, a.first(), b.first(), kPortStride);
}

std::vector<CelRule> ForEachProperties(const std::string& rule, const std::string& message) {
  std::vector<CelRule> rules;
  for (const std::string_view at : {"properties", "master.properties", "worker.properties"})
    rules.push_back({at, rule, message});
  return rules;
}

}  // namespace

std::string IsGivenCel(std::string_view path) {
  std::vector<std::string> given;
  for (const Field& field : CacheClusterFields()) {
    const bool here = field.path == path ||
                      (field.path.starts_with(path) && field.path.substr(path.size())[0] == '.');
    if (!here || field.type == FieldType::kObject ||
        field.path.find("[]") != std::string_view::npos)
      continue;
    given.push_back(field.default_json.empty()
                        ? fmt::format("has(self.{})", field.path)
                        : fmt::format("self.{} != {}", field.path,
                                      CelLiteral(nlohmann::json::parse(field.default_json))));
  }
  return fmt::format("{}", fmt::join(given, " || "));
}

std::vector<CelRule> WatermarksAreOrderedCel() {
  return {{"worker.tieredStore.levels[]", "self.lowWatermark < self.highWatermark",
           "is not below highWatermark", ".lowWatermark"}};
}

std::vector<CelRule> LevelsGetSlowerCel() {
  return {{"worker.tieredStore.levels",
           "self.map(l, {'MEM': 0, 'SSD': 1, 'HDD': 2}[l.alias]).isSorted()",
           "a level is faster than the one before it; order them MEM, SSD, HDD"}};
}

std::vector<CelRule> DirectoriesAreUsedOnceCel() {
  return {{"worker.tieredStore.levels",
           "self.all(a, !has(a.dirs) || a.dirs.all(d, self.all(b, b.alias == a.alias || "
           "!has(b.dirs) || !b.dirs.exists(e, e.path == d.path))))",
           "a path in dirs belongs to another level already"}};
}

std::vector<CelRule> PortsDoNotCollideCel() {
  std::vector<CelRule> rules;
  for (const Port& port : kPorts) {
    rules.push_back({"",
                     fmt::format("{}{} + {} * ({} - 1) <= {}", kOneHost, port.first(), kPortStride,
                                 port.replicas, kMaxPort),
                     fmt::format("the last daemon's port is above the last port {}", kMaxPort),
                     port.field()});
    std::vector<std::string> clashes;
    for (const Port* other = std::begin(kPorts); other != &port; ++other)
      clashes.push_back(fmt::format("({})", Collide(*other, port)));
    if (clashes.empty()) continue;
    rules.push_back({"", fmt::format("{}!({})", kOneHost, fmt::join(clashes, " || ")),
                     fmt::format("a daemon's port is another port of the cluster too; daemon n of "
                                 "a role listens on the given port + {} n",
                                 kPortStride),
                     port.field()});
  }
  return rules;
}

std::vector<CelRule> OwnedPropertiesAreLeftAloneCel() {
  std::vector<std::string> keys, prefixes;
  for (const OwnedProperty& owned : OwnedProperties())
    if (owned.key.ends_with('*'))
      prefixes.push_back(
          fmt::format("k.startsWith('{}')", owned.key.substr(0, owned.key.size() - 1)));
    else
      keys.push_back(fmt::format("'{}'", owned.key));
  return ForEachProperties(fmt::format("!self.exists(k, k in [{}] || {})", fmt::join(keys, ", "),
                                       fmt::join(prefixes, " || ")),
                           "a property is set by the operator; docs/reference/crds.md says which "
                           "field to use");
}

std::vector<CelRule> BridgePublishesOnAnAddressCel() {
  const std::string number = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  return {{"", "self.network.mode == 'bridge' || !has(self.network.name)",
           "needs network.mode bridge", ".network.name"},
          {"", "self.network.mode == 'bridge' || self.network.publish", "needs network.mode bridge",
           ".network.publish"},
          {"",
           fmt::format("self.network.mode != 'bridge' || "
                       "self.network.bindHost.matches('^({0}[.]){{3}}{0}$')",
                       number),
           "is a name; ports are published on an IPv4 address of the host, such as 127.0.0.1 or "
           "0.0.0.0",
           ".network.bindHost"}};
}

std::vector<CelRule> MemoryLevelsAreInTheContainerCel() {
  return {{"",
           "self.runtime.type != 'docker' || "
           "self.worker.tieredStore.levels.all(l, l.alias != 'MEM' || !has(l.dirs))",
           "a MEM level of a container is in its own /dev/shm; leave dirs out, quota and "
           "worker.shmSize say how large it is",
           ".worker.tieredStore.levels"}};
}

std::vector<CelRule> SharedMemoryFitsCel() {
  const std::string shm = CelSize("self.worker.shmSize");
  const std::string memory = CelSize("self.worker.resources.memory");
  const std::string quota = CelSize("l.quota");
  const std::string containers = "self.runtime.type == 'process' || ";
  const std::string for_mem_levels = "self.worker.tieredStore.levels.all(l, l.alias != 'MEM' || ";
  const std::string below =
      "is too small: /dev/shm counts as the container's memory, and the "
      "worker itself needs 256Mi";
  return {
      {"",
       fmt::format("{}!has(self.worker.shmSize) || {}{}.compareTo({}) >= 0)", containers,
                   for_mem_levels, shm, quota),
       "can't hold the MEM level's quota", ".worker.shmSize"},
      {"",
       fmt::format("{}!has(self.worker.resources.memory) || !has(self.worker.shmSize) || "
                   "{}.compareTo({}.add({})) >= 0",
                   containers, memory, shm, kWorkerHeapBytes),
       below, ".worker.resources.memory"},
      {"",
       fmt::format("{}!has(self.worker.resources.memory) || has(self.worker.shmSize) || "
                   "({}.compareTo(quantity('{}')) >= 0 && {}{}.compareTo({}.add({})) >= 0))",
                   containers, memory, kShmHeadroomBytes + kWorkerHeapBytes, for_mem_levels, memory,
                   quota, kShmHeadroomBytes + kWorkerHeapBytes),
       below, ".worker.resources.memory"},
  };
}

std::vector<CelRule> LabelsOfTheOperatorAreLeftAloneCel() {
  return {{"container.labels",
           "self.all(k, !k.startsWith('headpond.dev/') && !k.startsWith('app.kubernetes.io/'))",
           "a label is set by the operator"}};
}

}  // namespace headpond::api
