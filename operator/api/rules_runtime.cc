#include "operator/api/rules_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/units.h"
#include "operator/api/field_table.h"
#include "operator/api/limits.h"
#include "operator/api/rules_cel.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr std::string_view kUnderStoreClaim = "runtime.kubernetes.underStoreClaim";

constexpr std::string_view kJournalSize = "runtime.kubernetes.journalSize";
constexpr std::string_view kOnlyGrow = "a volume that is claimed only grows";

// A field, with everything below it, that not all runtimes have: given, that is, other than by
// default, it needs one of them.
struct Use {
  std::string_view path;
  std::string_view message;
  bool process = false, docker = false, kubernetes = false;

  bool Fits(std::string_view runtime) const {
    return runtime == "kubernetes" ? kubernetes : runtime == "docker" ? docker : process;
  }
};

constexpr std::string_view kContainers = "needs runtime.type docker or kubernetes";
constexpr std::string_view kDocker = "needs runtime.type docker";
constexpr std::string_view kKubernetes = "needs runtime.type kubernetes";
constexpr std::string_view kOwnNetwork = "pods have a network and names of their own";
constexpr std::string_view kNoHost = "pods have no folders of the host";
constexpr std::string_view kNoPolicy =
    "has no effect on pods of the host's network: leave it out, or runtime.kubernetes.hostNetwork";
constexpr std::string_view kConfined = "pods are confined already, and can't be less";

constexpr Use kUses[] = {
    {"runtime.docker", kDocker, false, true, false},
    {"runtime.kubernetes", kKubernetes, false, false, true},
    {"image", kContainers, false, true, true},
    {"imagePullPolicy", kContainers, false, true, true},
    {"imageTars", kDocker, false, true, false},
    {"imagePullSecrets", kContainers, false, true, true},
    {"network.mode", "bridge needs runtime.type docker", false, true, false},
    {"network.name", kDocker, false, true, false},
    {"network.publish", kDocker, false, true, false},
    {"network.hostname", kOwnNetwork, true, true, false},
    {"network.bindHost", kOwnNetwork, true, true, false},
    {"master.journal.folder", kNoHost, true, true, false},
    {"master.resources", kContainers, false, true, true},
    {"worker.resources", kContainers, false, true, true},
    {"worker.shmSize", kDocker, false, true, false},
    {"master.priorityClassName", kKubernetes, false, false, true},
    {"worker.priorityClassName", kKubernetes, false, false, true},
    {"master.placement", kKubernetes, false, false, true},
    {"worker.placement", kKubernetes, false, false, true},
    {"security.networkPolicy", kKubernetes, false, false, true},
    {"container.user", kContainers, false, true, true},
    {"container.readOnlyRoot", kContainers, false, true, true},
    {"container.noNewPrivileges", kConfined, false, true, false},
    {"container.capDrop", kConfined, false, true, false},
    {"container.capAdd", kConfined, false, true, false},
    {"container.pidsLimit", kDocker, false, true, false},
    {"container.ulimits", kDocker, false, true, false},
    {"container.tmpfs", kContainers, false, true, true},
    {"container.devices", kDocker, false, true, false},
    {"container.logs", kDocker, false, true, false},
    {"container.labels", kContainers, false, true, true},
};

bool IsGiven(const json& spec, std::string_view path) {
  static const Schema schema(CacheClusterFields());
  static const json defaults = schema.WithDefaults(json::object());
  std::string pointer = fmt::format("/{}", path);
  std::ranges::replace(pointer, '.', '/');
  const json::json_pointer at(pointer);
  const bool given = spec.contains(at);
  return given != defaults.contains(at) || (given && spec.at(at) != defaults.at(at));
}

std::string MessageOf(const Use& use, std::string_view runtime) {
  if (runtime == "process" && use.message == kConfined) return std::string(kDocker);
  return std::string(use.message);
}

bool IsFolder(const std::string& uri) {
  return uri.empty() || uri.starts_with('/') || uri.starts_with("file://");
}

}  // namespace

void FieldsFitTheRuntime(const json& spec, Findings& findings) {
  const auto& runtime = spec.at("runtime").at("type").get_ref<const std::string&>();
  for (const Use& use : kUses)
    if (!use.Fits(runtime) && IsGiven(spec, use.path))
      findings.errors.push_back({fmt::format("spec.{}", use.path), MessageOf(use, runtime)});
}

std::vector<CelRule> FieldsFitTheRuntimeCel() {
  std::vector<CelRule> rules;
  for (const Use& use : kUses) {
    std::string fits;
    for (const char* const runtime : {"process", "docker", "kubernetes"})
      if (use.Fits(runtime)) fits += fmt::format("{}'{}'", fits.empty() ? "" : ", ", runtime);
    rules.push_back({"",
                     fmt::format("self.runtime.type in [{}] || !({})", fits, IsGivenCel(use.path)),
                     std::string(use.message), fmt::format(".{}", use.path)});
  }
  return rules;
}

void PodsShareTheUnderStore(const json& spec, Findings& findings) {
  const json& runtime = spec.at("runtime");
  if (runtime.at("type") != "kubernetes") return;
  const bool claim = runtime.at("kubernetes").contains("underStoreClaim");
  const bool folder = IsFolder(spec.at("rootUfs").value("uri", ""));
  const std::string path = fmt::format("spec.{}", kUnderStoreClaim);
  if (folder && !claim)
    findings.errors.push_back(
        {path,
         "is required: pods have no folder in common; or name an under-store elsewhere in "
         "spec.rootUfs.uri"});
  if (!folder && claim)
    findings.errors.push_back(
        {path, "holds a folder, and spec.rootUfs.uri is none: leave one of them out"});
}

std::vector<CelRule> PodsShareTheUnderStoreCel() {
  const std::string folder =
      "(!has(self.rootUfs.uri) || self.rootUfs.uri.startsWith('/') || "
      "self.rootUfs.uri.startsWith('file://'))";
  const std::string field = fmt::format(".{}", kUnderStoreClaim);
  return {{"",
           fmt::format("self.runtime.type != 'kubernetes' || has(self.{}) || !{}", kUnderStoreClaim,
                       folder),
           "is required: pods have no folder in common; or name an under-store elsewhere in "
           "spec.rootUfs.uri",
           field},
          {"",
           fmt::format("self.runtime.type != 'kubernetes' || !has(self.{}) || {}", kUnderStoreClaim,
                       folder),
           "holds a folder, and spec.rootUfs.uri is none: leave one of them out", field}};
}

void JournalsOnlyGrow(const json& before, const json& after, Findings& findings) {
  const auto size = [](const json& spec) {
    return SizeOf(spec.at("runtime").at("kubernetes").at("journalSize"));
  };
  if (size(after) < size(before))
    findings.errors.push_back(
        {fmt::format("spec.{}", kJournalSize),
         fmt::format("cannot shrink from {} to {}: {}", FormatSize(size(before)),
                     FormatSize(size(after)), kOnlyGrow)});
}

std::vector<CelRule> JournalsOnlyGrowCel() {
  return {{"runtime.kubernetes",
           fmt::format("{}.compareTo({}) >= 0", CelSize("self.journalSize"),
                       CelSize("oldSelf.journalSize")),
           fmt::format("cannot shrink: {}", kOnlyGrow), ".journalSize"}};
}

void PoliciesReachThePods(const json& spec, Findings& findings) {
  if (spec.at("runtime").at("kubernetes").at("hostNetwork") == true &&
      spec.at("security").at("networkPolicy") == true)
    findings.errors.push_back({"spec.security.networkPolicy", std::string(kNoPolicy)});
}

std::vector<CelRule> PoliciesReachThePodsCel() {
  return {{"", "!self.runtime.kubernetes.hostNetwork || !self.security.networkPolicy",
           std::string(kNoPolicy), ".security.networkPolicy"}};
}

void PodsAreConfined(const json& spec, Findings& findings) {
  if (spec.at("runtime").at("type") != "kubernetes") return;
  const auto& user = spec.at("container").at("user").get_ref<const std::string&>();
  if (user.substr(0, user.find(':')).find_first_not_of('0') == std::string::npos)
    findings.errors.push_back({"spec.container.user", "pods are not run as root"});
  const json& levels = spec.at("worker").at("tieredStore").at("levels");
  for (size_t i = 0; i < levels.size(); ++i)
    if (levels[i].contains("dirs"))
      findings.errors.push_back(
          {fmt::format("spec.worker.tieredStore.levels[{}].dirs", i),
           "pods have no folders of the host; leave dirs out, quota says how much is claimed"});
}

std::vector<CelRule> PodsAreConfinedCel() {
  return {{"", "self.runtime.type != 'kubernetes' || !self.container.user.matches('^0+:')",
           "pods are not run as root", ".container.user"},
          {"",
           "self.runtime.type != 'kubernetes' || "
           "self.worker.tieredStore.levels.all(l, !has(l.dirs))",
           "pods have no folders of the host; leave dirs out, quota says how much is claimed",
           ".worker.tieredStore.levels"}};
}

}  // namespace headpond::api
