#include "operator/api/rules_quorum.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "operator/api/placement.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr const char* kStaySeveral =
    "several masters don't become one, 3 are the least; begin a cluster of one with a backup of "
    "this one (spec.bootstrap.fromBackup)";
constexpr const char* kPartOfAddresses =
    "is part of the addresses by which the masters know each other; make another cluster";

int Masters(const json& spec) {
  return spec.at("master").at("replicas").get<int>();
}

void CheckMasterNodes(const json& spec, Findings& findings) {
  const std::vector<std::string> nodes = ReadDockerSettings(spec).master_nodes;
  const std::set<std::string> different(nodes.begin(), nodes.end());
  const auto masters = static_cast<size_t>(Masters(spec));
  if (nodes.empty() || (different.size() == nodes.size() && nodes.size() >= masters)) return;
  findings.errors.push_back(
      {"spec.runtime.docker.masterNodes",
       fmt::format("{} masters need a node each, so that the loss of one leaves a majority; name "
                   "{} different nodes",
                   masters, masters)});
}

const std::string& Text(const json& spec, const char* holder, const char* field) {
  return spec.at(holder).at(field).get_ref<const std::string&>();
}

}  // namespace

void MastersAreAQuorum(const json& spec, Findings& findings) {
  const int masters = Masters(spec);
  if (masters % 2 == 0)
    findings.errors.push_back({"spec.master.replicas",
                               fmt::format("{} masters bear no more failures than {}; use {} or {}",
                                           masters, masters - 1, masters - 1, masters + 1)});
  if (masters == 1) return;
  if (spec.at("master").at("journal").at("type") == "UFS")
    findings.errors.push_back(
        {"spec.master.journal.type",
         fmt::format("UFS is for one master: nothing elects one of {}; use EMBEDDED", masters)});
  CheckMasterNodes(spec, findings);
}

std::vector<CelRule> MastersAreAQuorumCel() {
  const std::string nodes = "self.runtime.docker.masterNodes";
  return {{"master", "self.replicas % 2 == 1",
           "an even number of masters bears no more failures than one less", ".replicas"},
          {"master", "self.replicas == 1 || self.journal.type != 'UFS'",
           "UFS is for one master: nothing elects one of several; use EMBEDDED", ".journal.type"},
          {"",
           fmt::format("self.master.replicas == 1 || !has({0}) || "
                       "({0}.size() >= self.master.replicas && "
                       "{0}.all(m, {0}.exists_one(n, n == m)))",
                       nodes),
           "several masters need a node each, so that the loss of one leaves a majority",
           ".runtime.docker.masterNodes"}};
}

void MastersStayWhoTheyAre(const json& before, const json& after, Findings& findings) {
  const int masters = Masters(after);
  // One master's address is no part of anything; and it may get others.
  if (Masters(before) == 1) return;
  if (masters == 1) {
    findings.errors.push_back({"spec.master.replicas", fmt::format("cannot change from {} to 1: {}",
                                                                   Masters(before), kStaySeveral)});
    return;
  }
  const auto refuse = [&](std::string path) {
    findings.errors.push_back({std::move(path), kPartOfAddresses});
  };
  if (before.at("ports").at("master").at("embedded") !=
      after.at("ports").at("master").at("embedded"))
    refuse("spec.ports.master.embedded");
  if (Text(before, "network", "mode") != Text(after, "network", "mode"))
    refuse("spec.network.mode");
  else if (Text(after, "network", "mode") != "bridge" &&
           Text(before, "network", "hostname") != Text(after, "network", "hostname"))
    refuse("spec.network.hostname");
  const DockerSettings was = ReadDockerSettings(before), is = ReadDockerSettings(after);
  for (size_t i = 0; i < is.nodes.size(); ++i) {
    const DockerNode* const then = FindNode(was, is.nodes[i].name);
    const bool has_master =
        std::ranges::find(is.master_nodes, is.nodes[i].name) != is.master_nodes.end();
    if (has_master && then != nullptr && then->hostname != is.nodes[i].hostname)
      refuse(fmt::format("spec.runtime.docker.nodes[{}].hostname", i));
  }
}

std::vector<CelRule> MastersStayWhoTheyAreCel() {
  const std::string one = "self.master.replicas == 1 || oldSelf.master.replicas == 1 || ";
  const std::string hostname = "(has({0}.hostname) ? {0}.hostname : '')";
  return {
      {"master", "self.replicas > 1 || oldSelf.replicas == 1",
       fmt::format("cannot change to 1: {}", kStaySeveral), ".replicas"},
      {"", one + "self.ports.master.embedded == oldSelf.ports.master.embedded", kPartOfAddresses,
       ".ports.master.embedded"},
      {"", one + "self.network.mode == oldSelf.network.mode", kPartOfAddresses, ".network.mode"},
      {"",
       one + "self.network.mode == 'bridge' || self.network.mode != oldSelf.network.mode || "
             "self.network.hostname == oldSelf.network.hostname",
       kPartOfAddresses, ".network.hostname"},
      {"",
       one +
           "!has(self.runtime.docker.nodes) || !has(self.runtime.docker.masterNodes) || "
           "!has(oldSelf.runtime.docker.nodes) || oldSelf.runtime.docker.nodes.all(o, "
           "!(o.name in self.runtime.docker.masterNodes) || self.runtime.docker.nodes.all(n, "
           "n.name != o.name || " +
           fmt::format(fmt::runtime(hostname), "n") +
           " == " + fmt::format(fmt::runtime(hostname), "o") + "))",
       kPartOfAddresses, ".runtime.docker.nodes"},
  };
}

}  // namespace headpond::api
