#include "operator/runtime/kubernetes/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "operator/api/field_table.h"
#include "operator/plan/pods.h"
#include "operator/runtime/kept_workload.h"
#include "operator/runtime/kubernetes/pod_placement.h"
#include "operator/runtime/refusal.h"

namespace headpond::runtime::k8s {
namespace {

using nlohmann::json;

constexpr const char* kContainerName = "headpond";
constexpr const char* kFilesVolume = "files";

json InstanceLabels(const ClusterRef& cluster) {
  return {{"app.kubernetes.io/name", "headpond"},
          {"app.kubernetes.io/instance", cluster.name},
          {kManagedByLabel, kManager},
          {kUidLabel, cluster.uid}};
}

// What selects the pods of a role; never changes.
json RoleSelector(const ClusterRef& cluster, plan::Role role) {
  return {{kUidLabel, cluster.uid}, {kComponentLabel, plan::RoleName(role)}};
}

json WorkloadLabels(const ClusterRef& cluster, const plan::Workload& workload) {
  json labels = workload.container->settings.labels;
  labels.update(InstanceLabels(cluster));
  labels.update({{kComponentLabel, plan::RoleName(workload.role)},
                 {kWorkloadLabel, workload.name},
                 {kOrdinalLabel, std::to_string(workload.ordinal)}});
  return labels;
}

json Metadata(const ClusterRef& cluster, const std::string& name, json labels) {
  return {{"namespace", cluster.name_space}, {"name", name}, {"labels", std::move(labels)}};
}

// Goes with the CacheCluster, if somebody deletes that behind the operator's back.
json Owned(json metadata, const ClusterRef& cluster) {
  if (!cluster.object_uid.empty())
    metadata["ownerReferences"] = json::array({{{"apiVersion", api::kApiVersion},
                                                {"kind", api::kCacheClusterKind},
                                                {"name", cluster.name},
                                                {"uid", cluster.object_uid},
                                                {"controller", true},
                                                {"blockOwnerDeletion", true}}});
  return metadata;
}

// What clients connect to, or daemons too.
json ServicePorts(const plan::Workload& workload, bool internal) {
  json ports = json::array();
  for (const plan::Port& port : workload.ports)
    if (internal || !port.internal)
      ports.push_back({{"name", port.name},
                       {"port", port.number},
                       {"targetPort", port.name},
                       {"protocol", "TCP"}});
  return ports;
}

json Service(json metadata, json spec) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)}};
}

Wanted Of(const kube::Resource& resource, json object) {
  return {resource, std::make_shared<const json>(std::move(object))};
}

std::string FileKey(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The folders that hold the workload's files; the plan makes one.
std::string FilesFolder(const plan::Workload& workload) {
  const std::string& path = workload.files.begin()->first;
  return path.substr(0, path.rfind('/'));
}

struct User {
  int64_t uid = 0, gid = 0;
};

User UserOf(const plan::Workload& workload) {
  const std::string& text = workload.container->settings.user;  // "1000:1000", as the schema says
  User user;
  const char* const end = text.data() + text.size();
  const auto uid = std::from_chars(text.data(), end, user.uid);
  if (uid.ptr != end) std::from_chars(uid.ptr + 1, end, user.gid);
  return user;
}

// Memory that the pod's volumes may take, which counts as the pod's own.
int64_t MemoryOfVolumes(const plan::Workload& workload) {
  int64_t bytes = 0;
  for (const plan::Volume& volume : workload.volumes)
    if (volume.kind == plan::VolumeKind::kMemory) bytes += volume.size_bytes;
  return bytes;
}

json VolumeSource(const plan::Volume& volume) {
  // A tier that is full to its quota has files besides, which a limit of just that would refuse.
  constexpr int64_t kShare = 20;
  if (!volume.volume_name.empty())
    return {{"persistentVolumeClaim", {{"claimName", volume.volume_name}}}};
  if (volume.kind != plan::VolumeKind::kMemory) return {{"emptyDir", json::object()}};
  return {{"emptyDir",
           {{"medium", "Memory"},
            {"sizeLimit", std::to_string(volume.size_bytes + volume.size_bytes / kShare)}}}};
}

// Volumes and where they are mounted.
std::pair<json, json> Volumes(const plan::Workload& workload, const std::string& secret) {
  json volumes = json::array(), mounts = json::array();
  for (const plan::Volume& volume : workload.volumes) {
    json entry = VolumeSource(volume);
    entry["name"] = volume.name;
    volumes.push_back(std::move(entry));
    mounts.push_back({{"name", volume.name}, {"mountPath", volume.mount}});
  }
  if (!workload.files.empty()) {
    constexpr int kOwnerAndGroup = 0440;
    json items = json::array();
    for (const auto& [path, content] : workload.files)
      items.push_back({{"key", FileKey(path)}, {"path", FileKey(path)}});
    volumes.push_back(
        {{"name", kFilesVolume},
         {"secret",
          {{"secretName", secret}, {"defaultMode", kOwnerAndGroup}, {"items", std::move(items)}}}});
    mounts.push_back(
        {{"name", kFilesVolume}, {"mountPath", FilesFolder(workload)}, {"readOnly", true}});
  }
  int number = 0;
  for (const api::TmpfsFolder& folder : workload.container->settings.tmpfs) {
    const std::string name = fmt::format("tmpfs-{}", number++);
    volumes.push_back(
        {{"name", name},
         {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", std::to_string(folder.size_bytes)}}}});
    mounts.push_back({{"name", name}, {"mountPath", folder.path}});
  }
  return {std::move(volumes), std::move(mounts)};
}

// Limits are requests too, so that nobody is promised what isn't there. Without a limit the pod
// asks for what its memory tiers will take.
json Resources(const plan::Workload& workload) {
  const plan::Limits limits = workload.container->limits();
  constexpr int64_t kNanosPerMilli = 1'000'000;
  json requests = json::object(), most = json::object();
  if (limits.nano_cpus > 0)
    requests["cpu"] = most["cpu"] = fmt::format("{}m", limits.nano_cpus / kNanosPerMilli);
  if (limits.memory_bytes > 0)
    requests["memory"] = most["memory"] = std::to_string(limits.memory_bytes);
  else if (const int64_t tiers = MemoryOfVolumes(workload); tiers > 0)
    requests["memory"] = std::to_string(tiers + api::kWorkerHeapBytes);
  json resources = json::object();
  if (!requests.empty()) resources["requests"] = std::move(requests);
  if (!most.empty()) resources["limits"] = std::move(most);
  return resources;
}

json HttpProbe(const plan::Workload& workload, int period_s, int failures) {
  constexpr int kTimeoutSeconds = 5;
  return {{"httpGet", {{"path", workload.probe.path}, {"port", workload.probe.web_port}}},
          {"periodSeconds", period_s},
          {"timeoutSeconds", kTimeoutSeconds},
          {"failureThreshold", failures}};
}

// A master that knows no leader must wait for one, not be killed: it lives as long as it listens.
json LivenessProbe(const plan::Workload& workload) {
  json probe = HttpProbe(workload, /*period_s=*/10, /*failures=*/6);
  if (workload.quorum_address.empty()) return probe;
  probe.erase("httpGet");
  probe["tcpSocket"] = {{"port", workload.probe.web_port}};
  return probe;
}

json Confinement() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", json::array({"ALL"})}}}};
}

const char* PullPolicyOf(const plan::Container& container) {
  static constexpr const char* kPolicies[] = {"Always", "IfNotPresent", "Never"};
  return kPolicies[static_cast<int>(container.pull_policy)];
}

// A daemon refuses a name of its own that nobody can resolve, and DNS knows a new pod a moment
// after the pod knows itself. The first question is late, because name servers remember for some
// time that there was no answer.
json WaitForName(const plan::Workload& workload) {
  constexpr const char* kScript = "until sleep 1 && getent hosts \"$0\" >/dev/null; do :; done";
  return {{"name", "wait-for-name"},
          {"image", workload.container->image},
          {"imagePullPolicy", PullPolicyOf(*workload.container)},
          {"command", json::array({"sh", "-c", kScript, workload.host})},
          {"resources", Resources(workload)},
          {"terminationMessagePolicy", "FallbackToLogsOnError"},
          {"securityContext", Confinement()}};
}

json ContainerOf(const ClusterRef& cluster, const plan::Workload& workload, json mounts) {
  const plan::Container& container = *workload.container;
  json env = json::array();
  for (const auto& [key, value] : workload.env) env.push_back({{"name", key}, {"value", value}});
  env.push_back({{"name", "HEADPOND_CLUSTER"},
                 {"value", fmt::format("{}/{}", cluster.name_space, cluster.name)}});
  env.push_back({{"name", "HEADPOND_WORKLOAD"}, {"value", workload.name}});
  json ports = json::array();
  for (const plan::Port& port : workload.ports) {
    ports.push_back({{"name", port.name}, {"containerPort", port.number}, {"protocol", "TCP"}});
    // Kubernetes' scheduler sees to it that nobody else on the node has it.
    if (container.host_network) ports.back()["hostPort"] = port.number;
  }
  return {{"name", kContainerName},
          {"image", container.image},
          {"imagePullPolicy", PullPolicyOf(container)},
          {"args", workload.args},
          {"env", std::move(env)},
          {"ports", std::move(ports)},
          {"resources", Resources(workload)},
          {"volumeMounts", std::move(mounts)},
          // A long journal takes long to read: what serves too late is the plan's to decide, so
          // that the kubelet's patience at the start is longer than the plan's.
          {"startupProbe", HttpProbe(workload, /*period_s=*/1, /*failures=*/3600)},
          {"readinessProbe", HttpProbe(workload, /*period_s=*/5, /*failures=*/2)},
          {"livenessProbe", LivenessProbe(workload)},
          {"terminationMessagePolicy", "FallbackToLogsOnError"},
          {"securityContext", Confinement()}};
}

json PodSpec(const ClusterRef& cluster, const plan::Workload& workload) {
  const User user = UserOf(workload);
  auto [volumes, mounts] = Volumes(workload, SecretName(workload.name, workload.ConfigHash()));
  json spec = {{"automountServiceAccountToken", false},
               {"enableServiceLinks", false},
               {"terminationGracePeriodSeconds", workload.termination_grace.count()},
               {"securityContext",
                {{"runAsNonRoot", true},
                 {"runAsUser", user.uid},
                 {"runAsGroup", user.gid},
                 {"fsGroup", user.gid},
                 {"fsGroupChangePolicy", "OnRootMismatch"},
                 {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
               {"initContainers", json::array({WaitForName(workload)})},
               {"containers", json::array({ContainerOf(cluster, workload, std::move(mounts))})},
               {"volumes", std::move(volumes)}};
  if (workload.container->host_network) {
    spec["hostNetwork"] = true;
    spec["dnsPolicy"] = "ClusterFirstWithHostNet";
  }
  Place(workload.container->placement, RoleSelector(cluster, workload.role), spec);
  for (const std::string& name : workload.container->pull_secrets)
    spec["imagePullSecrets"].push_back({{"name", name}});
  return spec;
}

// What pods of the role accept, by the names of their containers' ports, so that it stays whatever
// the numbers are. Anybody may be a client, the operator and whoever scrapes metrics too.
Wanted PolicyOf(const ClusterRef& cluster, plan::Role role, json metadata) {
  const auto ports = [](std::initializer_list<const char*> names) {
    json list = json::array();
    for (const char* const name : names) list.push_back({{"port", name}, {"protocol", "TCP"}});
    return list;
  };
  const json pods = {{"matchLabels", RoleSelector(cluster, role)}};
  json accepted = json::array({{{"ports", ports({"rpc", "web"})}}});
  if (role == plan::Role::kMaster)
    accepted.push_back(
        {{"from", json::array({{{"podSelector", pods}}})}, {"ports", ports({"embedded"})}});
  return Of(kPolicies, {{"apiVersion", "networking.k8s.io/v1"},
                        {"kind", "NetworkPolicy"},
                        {"metadata", std::move(metadata)},
                        {"spec",
                         {{"podSelector", pods},
                          {"policyTypes", json::array({"Ingress"})},
                          {"ingress", std::move(accepted)}}}});
}

// As Kubernetes writes sizes: "1Gi", "1.5G", "1e9"; 0 when it is none.
int64_t QuantityBytes(const std::string& text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},           {"k", 1e3},        {"M", 1e6},        {"G", 1e9},
      {"T", 1e12},       {"P", 1e15},       {"Ki", 1LL << 10}, {"Mi", 1LL << 20},
      {"Gi", 1LL << 30}, {"Ti", 1LL << 40}, {"Pi", 1LL << 50}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return 0;
  const std::string_view unit(end, text.data() + text.size() - end);
  const auto found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, double>::first);
  return found == std::end(kUnits) ? 0 : static_cast<int64_t>(number * found->second);
}

std::string MapText(const json& object, const char* map, std::string_view key) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return "";
  const auto entries = metadata->find(map);
  if (entries == metadata->end() || !entries->is_object()) return "";
  const auto found = entries->find(std::string(key));
  return found != entries->end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Record ReadRecord(const json& stateful_set) {
  const json text = json::parse(AnnotationOf(stateful_set, kRecordAnnotation), nullptr,
                                /*allow_exceptions=*/false);
  if (!text.is_object()) return {};
  try {
    return {.started_at_ms = text.value("startedAtMs", int64_t{0}),
            .stop_requested_at_ms = text.value("stopRequestedAtMs", int64_t{0}),
            .crashes = text.value("crashes", 0),
            .counted_pod = text.value("countedPod", ""),
            .counted_exits = text.value("countedExits", 0),
            .refusal = ParseRefusal(text.value("refusal", json()))};
  } catch (const json::exception&) {
    return {};  // somebody's own: what it says is lost, and is found out again
  }
}

std::string RecordText(const Record& record) {
  const json text = {{"startedAtMs", record.started_at_ms},
                     {"stopRequestedAtMs", record.stop_requested_at_ms},
                     {"crashes", record.crashes},
                     {"countedPod", record.counted_pod},
                     {"countedExits", record.counted_exits},
                     {"refusal", RefusalToJson(record.refusal)}};
  return text.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

std::string LabelOf(const json& object, std::string_view key) {
  return MapText(object, "labels", key);
}

std::string AnnotationOf(const json& object, std::string_view key) {
  return MapText(object, "annotations", key);
}

bool BelongsTo(const json& object, const ClusterRef& cluster) {
  return LabelOf(object, kUidLabel) == cluster.uid && LabelOf(object, kManagedByLabel) == kManager;
}

std::string PodName(const std::string& workload) {
  return workload + "-0";
}

std::string SecretName(const std::string& workload, const std::string& config_hash) {
  return fmt::format("{}-{}", workload, config_hash);
}

std::vector<Wanted> SharedObjects(const ClusterRef& cluster, const plan::Workload& workload) {
  std::vector<Wanted> wanted;
  const auto metadata = [&](const std::string& name) {
    return Owned(Metadata(cluster, name, InstanceLabels(cluster)), cluster);
  };
  // Names of pods. Unready ones have them too: masters need each other before they are ready.
  wanted.push_back(Of(kServices, Service(metadata(plan::PodsService(cluster.name)),
                                         {{"clusterIP", "None"},
                                          {"publishNotReadyAddresses", true},
                                          {"selector", {{kUidLabel, cluster.uid}}}})));
  if (cluster.network_policy)
    wanted.push_back(
        PolicyOf(cluster, workload.role,
                 metadata(fmt::format("{}-{}s", cluster.name, plan::RoleName(workload.role)))));
  if (workload.role != plan::Role::kMaster) return wanted;
  const json masters = RoleSelector(cluster, plan::Role::kMaster);
  wanted.push_back(Of(kServices, Service(metadata(plan::ClientService(cluster.name)),
                                         {{"selector", masters},
                                          {"ports", ServicePorts(workload, /*internal=*/false)}})));
  json own = metadata(workload.name);
  own["labels"][kWorkloadLabel] = workload.name;
  const json only = {{kUidLabel, cluster.uid}, {kWorkloadLabel, workload.name}};
  wanted.push_back(
      Of(kServices, Service(std::move(own), {{"clusterIP", "None"},
                                             {"publishNotReadyAddresses", true},
                                             {"selector", only},
                                             {"ports", ServicePorts(workload, true)}})));
  wanted.push_back(Of(kBudgets, {{"apiVersion", "policy/v1"},
                                 {"kind", "PodDisruptionBudget"},
                                 {"metadata", metadata(cluster.name + "-masters")},
                                 {"spec",
                                  {{"maxUnavailable", 1},
                                   {"unhealthyPodEvictionPolicy", "AlwaysAllow"},
                                   {"selector", {{"matchLabels", masters}}}}}}));
  return wanted;
}

Wanted SecretOf(const ClusterRef& cluster, const plan::Workload& workload) {
  const std::string hash = workload.ConfigHash();
  json metadata =
      Owned(Metadata(cluster, SecretName(workload.name, hash), WorkloadLabels(cluster, workload)),
            cluster);
  metadata["annotations"][kHashAnnotation] = hash;
  json data = {{kKeptKey, EncodeBase64(KeptToJson(workload).dump(-1, ' ', /*ensure_ascii=*/true,
                                                                 json::error_handler_t::replace))}};
  for (const auto& [path, content] : workload.files) data[FileKey(path)] = EncodeBase64(content);
  return Of(kSecrets, {{"apiVersion", "v1"},
                       {"kind", "Secret"},
                       {"metadata", std::move(metadata)},
                       {"type", "headpond.dev/workload"},
                       {"data", std::move(data)}});
}

Wanted ClaimOf(const ClusterRef& cluster, const plan::Workload& workload,
               const plan::Volume& volume) {
  json spec = {{"accessModes", json::array({"ReadWriteOnce"})},
               {"resources", {{"requests", {{"storage", std::to_string(volume.claim_bytes)}}}}}};
  if (!volume.storage_class.empty()) spec["storageClassName"] = volume.storage_class;
  return Of(kClaims,
            {{"apiVersion", "v1"},
             {"kind", "PersistentVolumeClaim"},
             {"metadata", Metadata(cluster, volume.volume_name, WorkloadLabels(cluster, workload))},
             {"spec", std::move(spec)}});
}

int64_t ClaimedBytes(const json& claim) {
  const json::json_pointer at("/spec/resources/requests/storage");
  if (!claim.contains(at) || !claim.at(at).is_string()) return 0;
  return QuantityBytes(claim.at(at).get<std::string>());
}

Wanted StatefulSetOf(const ClusterRef& cluster, const plan::Workload& workload,
                     const Record& record) {
  const std::string hash = workload.ConfigHash();
  const json labels = WorkloadLabels(cluster, workload);
  json metadata = Owned(Metadata(cluster, workload.name, labels), cluster);
  metadata["annotations"] = {{kHashAnnotation, hash}, {kRecordAnnotation, RecordText(record)}};
  return Of(kStatefulSets,
            {{"apiVersion", "apps/v1"},
             {"kind", "StatefulSet"},
             {"metadata", std::move(metadata)},
             {"spec",
              {{"replicas", 1},
               {"serviceName", plan::PodsService(cluster.name)},
               // Only the operator decides when a pod gets another configuration.
               {"updateStrategy", {{"type", "OnDelete"}}},
               {"podManagementPolicy", "Parallel"},
               {"revisionHistoryLimit", 0},
               {"selector",
                {{"matchLabels", {{kUidLabel, cluster.uid}, {kWorkloadLabel, workload.name}}}}},
               {"template",
                {{"metadata", {{"labels", labels}, {"annotations", {{kHashAnnotation, hash}}}}},
                 {"spec", PodSpec(cluster, workload)}}}}}});
}

}  // namespace headpond::runtime::k8s
