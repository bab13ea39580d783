#include "operator/api/cache_cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/api/kind.h"
#include "operator/api/placement.h"

namespace headpond::api {
namespace {

using nlohmann::json;
using StringMap = std::map<std::string, std::string>;

const Kind& ClusterKind() {
  static const Kind& kind = *FindKind(kCacheClusterKind);
  return kind;
}

StringMap Strings(const json& holder, const char* field) {
  const auto found = holder.find(field);
  return found == holder.end() || found->is_null() ? StringMap() : found->get<StringMap>();
}

std::string StringOr(const json& holder, const char* field, std::string otherwise = "") {
  const auto found = holder.find(field);
  return found == holder.end() || !found->is_string() ? std::move(otherwise)
                                                      : found->get<std::string>();
}

std::vector<TierLevel> ReadTiers(const json& levels) {
  std::vector<TierLevel> tiers;
  for (const json& level : levels) {
    TierLevel tier{.alias = level.at("alias"),
                   .quota_bytes = SizeOf(level.at("quota")),
                   .high_watermark = level.at("highWatermark"),
                   .low_watermark = level.at("lowWatermark")};
    if (const auto dirs = level.find("dirs"); dirs != level.end())
      for (const json& dir : *dirs)
        tier.dirs.push_back(
            {dir.at("path"), dir.contains("quota") ? SizeOf(dir.at("quota")) : tier.quota_bytes});
    tiers.push_back(std::move(tier));
  }
  return tiers;
}

int64_t SizeOr0(const json& holder, const char* field) {
  const auto found = holder.find(field);
  return found == holder.end() || found->is_null() ? 0 : SizeOf(*found);
}

std::vector<std::string> ListOr(const json& holder, const char* field) {
  const auto found = holder.find(field);
  return found == holder.end() || found->is_null() ? std::vector<std::string>()
                                                   : found->get<std::vector<std::string>>();
}

const json& ObjectsOr(const json& holder, const char* field) {
  static const json none = json::array();
  const auto found = holder.find(field);
  return found == holder.end() || found->is_null() ? none : *found;
}

RuntimeType ReadRuntimeType(const json& spec) {
  const json& type = spec.at("runtime").at("type");
  if (type == "kubernetes") return RuntimeType::kKubernetes;
  return type == "docker" ? RuntimeType::kDocker : RuntimeType::kProcess;
}

KubernetesSettings ReadKubernetes(const json& spec) {
  const json& kubernetes = spec.at("runtime").at("kubernetes");
  return {.storage_class = StringOr(kubernetes, "storageClass"),
          .journal_bytes = SizeOf(kubernetes.at("journalSize")),
          .under_store_claim = StringOr(kubernetes, "underStoreClaim"),
          .host_network = kubernetes.at("hostNetwork")};
}

PullPolicy ReadPullPolicy(const json& spec) {
  const json& policy = spec.at("imagePullPolicy");
  if (policy == "Always") return PullPolicy::kAlways;
  return policy == "Never" ? PullPolicy::kNever : PullPolicy::kIfNotPresent;
}

std::vector<std::string> ReadImagePullSecrets(const json& spec) {
  std::vector<std::string> names;
  for (const json& secret : ObjectsOr(spec, "imagePullSecrets")) names.push_back(secret.at("name"));
  return names;
}

Resources ReadResources(const json& role) {
  const json& resources = role.at("resources");
  return {SizeOr0(resources, "memory"), resources.value("cpus", 0.0)};
}

std::string ReadPlacement(const json& role) {
  const json& placement = role.at("placement");
  const bool everywhere = placement == json{{"antiAffinity", "Preferred"}};
  json said = json::object();
  if (!everywhere) said["placement"] = placement;
  if (const auto priority = role.find("priorityClassName"); priority != role.end())
    said["priorityClassName"] = *priority;
  return said.empty() ? "" : said.dump();
}

ContainerSettings ReadContainer(const json& container) {
  ContainerSettings out{.user = container.at("user"),
                        .read_only_root = container.at("readOnlyRoot"),
                        .no_new_privileges = container.at("noNewPrivileges"),
                        .cap_drop = ListOr(container, "capDrop"),
                        .cap_add = ListOr(container, "capAdd"),
                        .pids_limit = container.value("pidsLimit", int64_t{0}),
                        .log_max_size_bytes = SizeOf(container.at("logs").at("maxSize")),
                        .log_max_files = container.at("logs").at("maxFiles"),
                        .labels = Strings(container, "labels")};
  for (const json& limit : ObjectsOr(container, "ulimits"))
    out.ulimits.push_back({limit.at("name"), limit.at("soft"), limit.at("hard")});
  for (const json& folder : ObjectsOr(container, "tmpfs"))
    out.tmpfs.push_back({folder.at("path"), SizeOf(folder.at("size"))});
  for (const json& device : ObjectsOr(container, "devices"))
    out.devices.push_back({device.at("path"), device.at("permissions")});
  return out;
}

// Expects a spec that the schema accepts, with defaults.
CacheClusterSpec ReadSpec(const json& spec) {
  const json& master = spec.at("master");
  const json& worker = spec.at("worker");
  const json& ports = spec.at("ports");
  const json& ufs = spec.at("rootUfs");
  const json& network = spec.at("network");
  CacheClusterSpec out{
      .paused = spec.at("paused"),
      .termination_grace_period_seconds = spec.at("terminationGracePeriodSeconds"),
      .runtime_type = ReadRuntimeType(spec),
      .docker = ReadDockerSettings(spec),
      .kubernetes = ReadKubernetes(spec),
      .image = StringOr(spec, "image"),
      .pull_policy = ReadPullPolicy(spec),
      .image_tars = ListOr(spec, "imageTars"),
      .image_pull_secrets = ReadImagePullSecrets(spec),
      .network_mode = network.at("mode") == "bridge" ? NetworkMode::kBridge : NetworkMode::kHost,
      .network_name = StringOr(network, "name"),
      .publish_ports = network.at("publish"),
      .hostname = network.at("hostname"),
      .bind_host = network.at("bindHost"),
      .master_ports = {ports.at("master").at("rpc"), ports.at("master").at("web"),
                       ports.at("master").at("embedded")},
      .worker_ports = {ports.at("worker").at("rpc"), ports.at("worker").at("web")},
      .root_ufs = {StringOr(ufs, "uri"), Strings(ufs, "options"), ufs.at("readOnly"),
                   ufs.at("shared")},
      .bootstrap = {StringOr(spec.at("bootstrap").at("fromBackup"), "name"),
                    StringOr(spec.at("bootstrap").at("fromBackup"), "uri")},
      .master_replicas = master.at("replicas"),
      .journal_type = master.at("journal").at("type"),
      .journal_folder = StringOr(master.at("journal"), "folder"),
      .master_properties = Strings(master, "properties"),
      .master_resources = ReadResources(master),
      .master_placement = ReadPlacement(master),
      .worker_placement = ReadPlacement(worker),
      .worker_replicas = worker.at("replicas"),
      .tiers = ReadTiers(worker.at("tieredStore").at("levels")),
      .worker_shm_bytes = SizeOr0(worker, "shmSize"),
      .worker_resources = ReadResources(worker),
      .worker_properties = Strings(worker, "properties"),
      .network_policy = spec.at("security").at("networkPolicy"),
      .container = ReadContainer(spec.at("container")),
      .properties = Strings(spec, "properties"),
  };
  if (const auto env = spec.find("env"); env != spec.end())
    for (const json& variable : *env) out.env[variable.at("name")] = variable.at("value");
  return out;
}

}  // namespace

ObjectMeta ReadMetadata(const json& metadata) {
  ObjectMeta out;
  out.name = metadata.at("name");
  out.name_space = StringOr(metadata, "namespace", out.name_space);
  out.labels = Strings(metadata, "labels");
  out.annotations = Strings(metadata, "annotations");
  out.uid = StringOr(metadata, "uid");
  if (const auto generation = metadata.find("generation");
      generation != metadata.end() && generation->is_number_integer())
    out.generation = *generation;
  out.creation_timestamp = StringOr(metadata, "creationTimestamp");
  out.deletion_timestamp = StringOr(metadata, "deletionTimestamp");
  return out;
}

int64_t ShmBytes(const CacheClusterSpec& spec) {
  if (spec.worker_shm_bytes != 0) return spec.worker_shm_bytes;
  int64_t bytes = kShmHeadroomBytes;
  for (const TierLevel& tier : spec.tiers)
    if (tier.alias == "MEM") bytes += tier.quota_bytes;
  return bytes;
}

Findings CheckCacheCluster(const json& object) {
  return CheckObject(ClusterKind(), object);
}

Result<CacheCluster> ReadCacheCluster(const json& object) {
  if (const Findings findings = CheckCacheCluster(object); !findings.ok())
    return InvalidArgument("{}", JoinIssues(findings.errors));
  const json spec = SpecSchema(ClusterKind()).WithDefaults(SpecOf(object));
  return CacheCluster{.metadata = ReadMetadata(object.at("metadata")),
                      .spec = ReadSpec(spec),
                      .spec_json = spec.dump()};
}

json ToJson(const CacheCluster& cluster) {
  const ObjectMeta& meta = cluster.metadata;
  json metadata = {{"name", meta.name}, {"namespace", meta.name_space}};
  if (!meta.labels.empty()) metadata["labels"] = meta.labels;
  if (!meta.annotations.empty()) metadata["annotations"] = meta.annotations;
  if (!meta.uid.empty()) metadata["uid"] = meta.uid;
  if (meta.generation != 0) metadata["generation"] = meta.generation;
  if (!meta.creation_timestamp.empty()) metadata["creationTimestamp"] = meta.creation_timestamp;
  if (!meta.deletion_timestamp.empty()) metadata["deletionTimestamp"] = meta.deletion_timestamp;
  return {{"apiVersion", kApiVersion},
          {"kind", kCacheClusterKind},
          {"metadata", std::move(metadata)},
          {"spec", json::parse(cluster.spec_json)}};
}

std::vector<FieldIssue> CheckUpdate(const CacheCluster& before, const CacheCluster& after) {
  return CheckChange(ClusterKind(), {{"spec", json::parse(before.spec_json)}},
                     {{"spec", json::parse(after.spec_json)}});
}

std::string JoinIssues(const std::vector<FieldIssue>& issues) {
  std::vector<std::string> texts;
  for (const FieldIssue& issue : issues) texts.push_back(issue.ToString());
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace headpond::api
