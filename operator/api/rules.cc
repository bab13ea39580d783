#include "operator/api/rules.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/config.h"
#include "base/units.h"
#include "operator/api/cache_cluster.h"
#include "operator/api/placement.h"
#include "operator/api/rules_cel.h"
#include "operator/api/rules_docker.h"
#include "operator/api/rules_quorum.h"
#include "operator/api/rules_runtime.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr int kMaxPort = 65535;
constexpr const char* kNameOrUri = "goes with no fromBackup.name: name the backup once";

std::string LevelPath(size_t index, std::string_view field) {
  return fmt::format("spec.worker.tieredStore.levels[{}].{}", index, field);
}

const json& Levels(const json& spec) {
  return spec.at("worker").at("tieredStore").at("levels");
}

void WatermarksAreOrdered(const json& spec, Findings& findings) {
  const json& levels = Levels(spec);
  for (size_t i = 0; i < levels.size(); ++i) {
    const double low = levels[i].at("lowWatermark").get<double>();
    const double high = levels[i].at("highWatermark").get<double>();
    if (low >= high)
      findings.errors.push_back({LevelPath(i, "lowWatermark"),
                                 fmt::format("{} is not below highWatermark {}", low, high)});
  }
}

void LevelsGetSlower(const json& spec, Findings& findings) {
  static constexpr std::array<std::string_view, 3> kOrder = {"MEM", "SSD", "HDD"};
  const auto rank = [](const json& level) {
    return std::ranges::find(kOrder, level.at("alias").get_ref<const std::string&>()) -
           kOrder.begin();
  };
  const json& levels = Levels(spec);
  for (size_t i = 1; i < levels.size(); ++i)
    if (rank(levels[i]) < rank(levels[i - 1]))
      findings.errors.push_back(
          {LevelPath(i, "alias"),
           fmt::format("{} is faster than the level before it; order them MEM, SSD, HDD",
                       levels[i].at("alias").get<std::string>())});
}

void DirectoriesAreUsedOnce(const json& spec, Findings& findings) {
  std::set<std::string> seen;
  const json& levels = Levels(spec);
  for (size_t i = 0; i < levels.size(); ++i) {
    const auto dirs = levels[i].find("dirs");
    if (dirs == levels[i].end()) continue;
    for (size_t k = 0; k < dirs->size(); ++k) {
      const auto& path = (*dirs)[k].at("path").get_ref<const std::string&>();
      if (!seen.insert(path).second)
        findings.errors.push_back({LevelPath(i, fmt::format("dirs[{}].path", k)),
                                   fmt::format("\"{}\" belongs to another level already", path)});
    }
  }
}

// Every daemon's ports, shifted by its ordinal, are different on its host and exist.
void PortsDoNotCollide(const json& spec, Findings& findings) {
  const DockerSettings docker = ReadDockerSettings(spec);
  std::map<std::pair<const DockerNode*, int>, std::string> owner;
  for (const std::string role : {"master", "worker"}) {
    const int replicas = spec.at(role).at("replicas").get<int>();
    for (const auto& [name, port] : spec.at("ports").at(role).items()) {
      if (name == "embedded" && replicas == 1) continue;  // one master speaks to no other
      const std::string path = fmt::format("spec.ports.{}.{}", role, name);
      for (int ordinal = 0; ordinal < replicas; ++ordinal) {
        const auto place =
            role == "master" ? PlaceMaster(docker, ordinal) : PlaceWorker(docker, ordinal);
        if (!place) continue;  // another rule says so
        const int shift = kPortStride * ordinal;
        const int number = port.get<int>() + shift;
        const std::string who =
            shift == 0 ? path : fmt::format("{} + {} ({}-{})", path, shift, role, ordinal);
        if (number > kMaxPort) {
          findings.errors.push_back(
              {path, fmt::format("{} is above the last port {}", who, kMaxPort)});
          break;
        }
        const auto [other, added] = owner.emplace(std::pair(place->node, number), who);
        if (added) continue;
        const std::string where =
            place->node == nullptr ? "" : fmt::format(" on node {}", place->node->name);
        findings.errors.push_back(
            {path, fmt::format("port {} is {} and also {}{}", number, other->second, who, where)});
        break;
      }
    }
  }
}

bool Matches(std::string_view pattern, std::string_view key) {
  if (!pattern.ends_with('*')) return key == pattern;
  pattern.remove_suffix(1);
  return key.starts_with(pattern);
}

// Calls `check(path, key, value)` for the properties of the cluster and of both roles.
template <typename Check>
void ForEachProperty(const json& spec, const Check& check) {
  const auto visit = [&](const json& holder, const std::string& path) {
    const auto properties = holder.find("properties");
    if (properties == holder.end()) return;
    for (const auto& [key, value] : properties->items())
      check(fmt::format("{}.properties[{}]", path, key), key,
            value.template get_ref<const std::string&>());
  };
  visit(spec, "spec");
  visit(spec.at("master"), "spec.master");
  visit(spec.at("worker"), "spec.worker");
}

void OwnedPropertiesAreLeftAlone(const json& spec, Findings& findings) {
  ForEachProperty(spec, [&](const std::string& path, const std::string& key, const std::string&) {
    for (const OwnedProperty& owned : OwnedProperties())
      if (Matches(owned.key, key))
        findings.errors.push_back(
            {path, fmt::format("is set by the operator; use {}", owned.instead)});
  });
}

// The daemons would refuse the same values when they start; here the author still looks on.
void PropertiesFitTheirTypes(const json& spec, Findings& findings) {
  ForEachProperty(spec, [&](const std::string& path, const std::string& key,
                            const std::string& value) {
    if (FindProperty(key) == nullptr) {
      const std::string nearest = NearestProperty(key);
      if (key.starts_with("alluxio."))
        findings.warnings.push_back(
            {path, nearest.empty() ? "unknown property"
                                   : fmt::format("unknown property; did you mean {}?", nearest)});
    } else if (const Status status = Config().Set(key, value); !status.ok()) {
      findings.errors.push_back({path, status.message()});
    }
  });
}

void BridgePublishesOnAnAddress(const json& spec, Findings& findings) {
  const json& network = spec.at("network");
  const bool bridge = network.at("mode") == "bridge";
  if (!bridge && network.contains("name"))
    findings.errors.push_back({"spec.network.name", "needs network.mode bridge"});
  if (!bridge && network.at("publish") == false)
    findings.errors.push_back({"spec.network.publish", "needs network.mode bridge"});
  const auto& host = network.at("bindHost").get_ref<const std::string&>();
  in_addr address{};
  if (bridge && ::inet_pton(AF_INET, host.c_str(), &address) != 1)
    findings.errors.push_back(
        {"spec.network.bindHost",
         fmt::format("\"{}\" is a name; ports are published on an IPv4 address of the host, such "
                     "as 127.0.0.1 or 0.0.0.0",
                     host)});
}

void MemoryLevelsAreInTheContainer(const json& spec, Findings& findings) {
  if (spec.at("runtime").at("type") != "docker") return;
  const json& levels = Levels(spec);
  for (size_t i = 0; i < levels.size(); ++i)
    if (levels[i].at("alias") == "MEM" && levels[i].contains("dirs"))
      findings.errors.push_back(
          {LevelPath(i, "dirs"),
           "a MEM level of a container is in its own /dev/shm; leave dirs out, quota and "
           "worker.shmSize say how large it is"});
}

void SharedMemoryFits(const json& spec, Findings& findings) {
  if (spec.at("runtime").at("type") == "process") return;
  const json& worker = spec.at("worker");
  int64_t needed = 0;
  for (const json& level : Levels(spec))
    if (level.at("alias") == "MEM") needed += SizeOf(level.at("quota"));
  const int64_t shm =
      worker.contains("shmSize") ? SizeOf(worker.at("shmSize")) : needed + kShmHeadroomBytes;
  if (shm < needed)
    findings.errors.push_back(
        {"spec.worker.shmSize", fmt::format("{} can't hold the MEM level's quota of {}",
                                            FormatSize(shm), FormatSize(needed))});
  const json& resources = worker.at("resources");
  if (!resources.contains("memory")) return;
  const int64_t memory = SizeOf(resources.at("memory"));
  if (memory < shm + kWorkerHeapBytes)
    findings.errors.push_back(
        {"spec.worker.resources.memory",
         fmt::format("{} is below {}: /dev/shm of {} counts as the container's memory, and the "
                     "worker itself needs {}",
                     FormatSize(memory), FormatSize(shm + kWorkerHeapBytes), FormatSize(shm),
                     FormatSize(kWorkerHeapBytes))});
}

void BackupsAreNamedOnce(const json& spec, Findings& findings) {
  const json& backup = spec.at("bootstrap").at("fromBackup");
  if (backup.contains("name") && backup.contains("uri"))
    findings.errors.push_back({"spec.bootstrap.fromBackup.uri", kNameOrUri});
}

void LabelsOfTheOperatorAreLeftAlone(const json& spec, Findings& findings) {
  const json& container = spec.at("container");
  const auto labels = container.find("labels");
  if (labels == container.end()) return;
  for (const auto& [key, value] : labels->items())
    if (key.starts_with("headpond.dev/") || key.starts_with("app.kubernetes.io/"))
      findings.errors.push_back(
          {fmt::format("spec.container.labels[{}]", key), "is set by the operator"});
}

}  // namespace

const std::vector<Rule>& CacheClusterRules() {
  static const std::vector<Rule> rules = {
      {"A level's lowWatermark is below its highWatermark.", WatermarksAreOrderedCel(),
       WatermarksAreOrdered},
      {"Levels are ordered from fast to slow: MEM, SSD, HDD.", LevelsGetSlowerCel(),
       LevelsGetSlower},
      {"A directory belongs to one level.", DirectoriesAreUsedOnceCel(), DirectoriesAreUsedOnce},
      {"No two ports on one host are the same, counting the shift by ordinals.",
       PortsDoNotCollideCel(), PortsDoNotCollide},
      {"Properties that the operator derives from other fields are not set as properties.",
       OwnedPropertiesAreLeftAloneCel(), OwnedPropertiesAreLeftAlone},
      {"Values of known `alluxio.*` properties fit their types.", {}, PropertiesFitTheirTypes},
      {"What only some runtimes have (`image`, `container`, `resources`, `network.mode` `bridge` "
       "...) needs one of these as `runtime.type`.",
       FieldsFitTheRuntimeCel(), FieldsFitTheRuntime},
      {"`network.name` and `network.publish` need `network.mode` `bridge`, which publishes on an "
       "IPv4 address.",
       BridgePublishesOnAnAddressCel(), BridgePublishesOnAnAddress},
      {"A MEM level of a container has no `dirs`: it is in the container's /dev/shm.",
       MemoryLevelsAreInTheContainerCel(), MemoryLevelsAreInTheContainer},
      {"`worker.shmSize` holds the MEM level, and `worker.resources.memory` that and 256Mi more.",
       SharedMemoryFitsCel(), SharedMemoryFits},
      {"An engine is named by `endpoint` or `context`, not by both; `tlsSecret` needs an "
       "`endpoint` "
       "of tcp.",
       EnginesAreNamedOnceCel(), EnginesAreNamedOnce},
      {"`runtime.docker.nodes` and `masterNodes` go together, without an engine beside them, on "
       "the "
       "host's network; `masterNodes` names nodes, and each worker has one node.",
       NodesTakeAllDaemonsCel(), NodesTakeAllDaemons},
      {"The number of masters is odd, several of them have a journal of `type` `EMBEDDED`, and "
       "`masterNodes` gives each a node of its own.",
       MastersAreAQuorumCel(), MastersAreAQuorum},
      {"Several masters don't become one; nor does that change what their addresses "
       "are made of: `ports.master.embedded`, `network.mode`, and `network.hostname` or the "
       "`hostname` of their nodes.",
       MastersStayWhoTheyAreCel(),
       {},
       MastersStayWhoTheyAre},
      {"`runtime.type` `kubernetes` needs an under-store that all pods reach: "
       "`runtime.kubernetes.underStoreClaim`, or a `rootUfs.uri` that is no path.",
       PodsShareTheUnderStoreCel(), PodsShareTheUnderStore},
      {"`runtime.kubernetes.journalSize` doesn't shrink.",
       JournalsOnlyGrowCel(),
       {},
       JournalsOnlyGrow},
      {"`security.networkPolicy` is not given with `runtime.kubernetes.hostNetwork`.",
       PoliciesReachThePodsCel(), PoliciesReachThePods},
      {"Daemons in pods are not root, and have no folders of the host.", PodsAreConfinedCel(),
       PodsAreConfined},
      {"`bootstrap.fromBackup` has a `name` or a `uri`, not both.",
       {{"bootstrap.fromBackup", "!has(self.name) || !has(self.uri)", kNameOrUri, ".uri"}},
       BackupsAreNamedOnce},
      {"Labels of the operator are not given in `container.labels`.",
       LabelsOfTheOperatorAreLeftAloneCel(), LabelsOfTheOperatorAreLeftAlone},
  };
  return rules;
}

}  // namespace headpond::api
