#include "operator/plan/desired.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "base/config.h"
#include "operator/api/placement.h"
#include "operator/api/rules.h"
#include "operator/plan/pods.h"

namespace headpond::plan {
namespace {

using api::CacheCluster;
using StringMap = std::map<std::string, std::string>;

constexpr std::string_view kSiteFile = "alluxio-site.properties";
// Where one of several masters says how it stands (daemons/master/quorum_page.h).
constexpr const char* kQuorumPath = "/api/v1/master/quorum";
constexpr size_t kShortUid =
    8;  // of a uid, in folder names: enough to tell the clusters of one machine apart

// Adds "-Dkey=value" in the order given, which is the order a person reads them in.
class Arguments {
 public:
  explicit Arguments(Workload& workload) : list_(workload.args) {}
  template <typename T>
  void Set(std::string_view key, T&& value) {
    list_.push_back(fmt::format("-D{}={}", key, std::forward<T>(value)));
  }

 private:
  std::vector<std::string>& list_;
};

StringMap Merged(StringMap base, const StringMap& winner) {
  for (const auto& [key, value] : winner) base[key] = value;
  return base;
}

bool InPods(const CacheCluster& cluster) {
  return cluster.spec.runtime_type == api::RuntimeType::kKubernetes;
}

std::string WorkloadName(const CacheCluster& cluster, Role role, int ordinal) {
  if (InPods(cluster)) return PodWorkloadName(cluster.metadata.name, role, ordinal);
  return fmt::format("{}-{}-{}", cluster.metadata.name, RoleName(role), ordinal);
}

// Empty when there are no nodes.
std::string NodeOf(const CacheCluster& cluster, Role role, int ordinal) {
  const api::DockerSettings& docker = cluster.spec.docker;
  const auto place =
      role == Role::kMaster ? api::PlaceMaster(docker, ordinal) : api::PlaceWorker(docker, ordinal);
  // A rule has seen to it that each daemon has a place.
  return !place || place->node == nullptr ? "" : place->node->name;
}

// Where daemons listen. Published ports are the container's own, so that address is decided by the
// publication.
std::string ListenHost(const CacheCluster& cluster) {
  const bool own_network =
      InPods(cluster) || cluster.spec.network_mode == api::NetworkMode::kBridge;
  return own_network ? "0.0.0.0" : cluster.spec.bind_host;
}

// What clients are told to connect to.
std::string AdvertisedHost(const CacheCluster& cluster, Role role, int ordinal) {
  if (InPods(cluster)) return PodAddress(cluster, role, ordinal);
  const bool by_name =
      cluster.spec.network_mode == api::NetworkMode::kBridge && !cluster.spec.publish_ports;
  return by_name ? WorkloadName(cluster, role, ordinal)
                 : api::HostnameOf(cluster.spec, NodeOf(cluster, role, ordinal));
}

// What the cluster's own daemons connect to: on a network of containers the master's name there.
std::string MasterHost(const CacheCluster& cluster, int ordinal) {
  if (InPods(cluster)) return PodAddress(cluster, Role::kMaster, ordinal);
  return cluster.spec.network_mode == api::NetworkMode::kBridge
             ? WorkloadName(cluster, Role::kMaster, ordinal)
             : api::HostnameOf(cluster.spec, NodeOf(cluster, Role::kMaster, ordinal));
}

// How far a daemon's ports are from those of the first of its role.
int PortShift(const Layout& layout, int ordinal) {
  return layout.shared_host ? api::kPortStride * ordinal : 0;
}

bool HasQuorum(const CacheCluster& cluster) {
  return cluster.spec.master_replicas > 1;
}

// "host:port" of all masters, one way or another; the ports are the first one's and shifted.
template <typename HostOf>
std::string MasterAddresses(const CacheCluster& cluster, const Layout& layout, int port,
                            const HostOf& host_of) {
  std::vector<std::string> addresses;
  for (int i = 0; i < cluster.spec.master_replicas; ++i)
    addresses.push_back(fmt::format("{}:{}", host_of(i), port + PortShift(layout, i)));
  return fmt::format("{}", fmt::join(addresses, ","));
}

// Where the masters' journals are.
std::string JournalAddresses(const CacheCluster& cluster, const Layout& layout) {
  return MasterAddresses(cluster, layout, cluster.spec.master_ports.embedded,
                         [&](int i) { return MasterHost(cluster, i); });
}

std::string VolumesDir(const Layout& layout) {
  return layout.cluster_dir + "/volumes";
}

// A container's logs are on its state volume, so that they outlive it.
std::string LogsDir(const Layout& layout, const std::string& name) {
  return layout.containers ? fmt::format("{}/{}/logs", VolumesDir(layout), name)
                           : fmt::format("{}/logs/{}", layout.cluster_dir, name);
}

// A container's configuration is its own, so that a predecessor that is put back has its own, too.
// Where only a volume can be written, which both share, each content has a folder to itself.
std::string ConfDir(const CacheCluster& cluster, const Layout& layout, const std::string& name,
                    const std::string& content) {
  // In a pod it is a Secret of its own.
  return layout.containers && cluster.spec.container.read_only_root && !InPods(cluster)
             ? fmt::format("{}/{}/conf/{}", VolumesDir(layout), name, ContentHash(content))
             : fmt::format("{}/conf/{}", layout.cluster_dir, name);
}

// Volumes of an engine share one namespace. A dot is no part of a DNS label, so that names of one
// namespace are never those of another.
std::string InNamespace(const CacheCluster& cluster, const std::string& name) {
  // Claims have a namespace themselves.
  if (InPods(cluster) || cluster.metadata.name_space == "default") return name;
  return cluster.metadata.name_space + "." + name;
}

// A volume that is claimed for the pod, with room for `bytes` of data.
Volume Claimed(Volume volume, const CacheCluster& cluster, int64_t bytes) {
  constexpr int64_t kFileSystemShare = 20;  // of the size: what a file system keeps for itself
  constexpr int64_t kMiB = 1 << 20;
  const int64_t needed = bytes + bytes / kFileSystemShare;
  volume.claim_bytes = (needed + kMiB - 1) / kMiB * kMiB;
  volume.storage_class = cluster.spec.kubernetes.storage_class;
  return volume;
}

// A volume that the runtime makes, at the same place in every container.
Volume Managed(Volume volume, const Layout& layout, std::string volume_name) {
  if (!layout.containers) return volume;
  volume.mount = volume.path;
  volume.volume_name = std::move(volume_name);
  return volume;
}

// A folder of the host that the author chose: `folder` is mounted, `volume.path` is below it.
Volume Chosen(Volume volume, const Layout& layout, const std::string& folder) {
  if (!layout.containers) return volume;
  volume.mount = folder;
  volume.host_path = folder;
  return volume;
}

Container ContainerOf(const CacheCluster& cluster, Role role) {
  const api::CacheClusterSpec& spec = cluster.spec;
  const bool bridge = spec.network_mode == api::NetworkMode::kBridge;
  const bool worker = role == Role::kWorker;
  Container container{
      .image = spec.image.empty() ? "headpond/headpond:" HEADPOND_VERSION : spec.image,
      .pull_policy = spec.pull_policy,
      .image_tars = spec.image_tars,
      .pull_secrets = spec.image_pull_secrets,
      .publish_ports = bridge && spec.publish_ports,
      .shm_bytes = worker && !InPods(cluster) ? api::ShmBytes(spec) : 0,
      .resources = worker ? spec.worker_resources : spec.master_resources,
      .settings = spec.container,
      .pod = InPods(cluster),
      .host_network = InPods(cluster) && spec.kubernetes.host_network,
      .placement = worker ? spec.worker_placement : spec.master_placement};
  if (bridge)
    container.network = spec.network_name.empty()
                            ? fmt::format("{}{}{}", cluster.metadata.name_space,
                                          cluster.metadata.name_space == "default" ? "-" : ".",
                                          cluster.metadata.name)
                            : spec.network_name;
  return container;
}

// A property with an effect only on the command line has to go there; all others stay off it,
// because it is public.
bool BelongsOnCommandLine(const std::string& key) {
  const PropertyDef* property = FindProperty(key);
  return property != nullptr && property->not_in_site_file;
}

// What masters and workers have in common.
Workload Common(const CacheCluster& cluster, const Layout& layout, Role role, int ordinal, int rpc,
                int web, StringMap properties) {
  const std::string name = WorkloadName(cluster, role, ordinal);
  std::vector<std::string> args = {std::string(RoleName(role))};
  // The image's entry point formats before it starts a role, unless it is told not to.
  if (layout.containers) args.emplace_back("--no-format");
  for (const auto& [key, value] : properties)
    if (BelongsOnCommandLine(key)) args.push_back(fmt::format("-D{}={}", key, value));
  std::erase_if(properties,
                [](const auto& property) { return BelongsOnCommandLine(property.first); });
  const int shift = PortShift(layout, ordinal);
  const std::string ports_field = fmt::format("spec.ports.{}.", RoleName(role));
  std::string site = PropertiesText(properties);
  const std::string conf_dir = ConfDir(cluster, layout, name, site);
  Workload workload{
      .role = role,
      .ordinal = ordinal,
      .name = name,
      .node = NodeOf(cluster, role, ordinal),
      .args = std::move(args),
      .env = cluster.spec.env,
      .files = {{fmt::format("{}/{}", conf_dir, kSiteFile), std::move(site)}},
      .logs_dir = LogsDir(layout, name),
      .ports = {{"rpc", rpc + shift, ports_field + "rpc"},
                {"web", web + shift, ports_field + "web"}},
      .bind_host = InPods(cluster) ? "0.0.0.0" : cluster.spec.bind_host,
      .termination_grace = std::chrono::seconds(cluster.spec.termination_grace_period_seconds)};
  // What listens on every address is asked on the loopback one.
  std::string host = workload.bind_host == "0.0.0.0" ? "127.0.0.1" : workload.bind_host;
  if (layout.containers) workload.container = ContainerOf(cluster, role);
  if (layout.containers && !workload.container->network.empty() &&
      !workload.container->publish_ports)
    host.clear();
  if (InPods(cluster)) {
    workload.host = PodAddress(cluster, role, ordinal);
    host.clear();
  }
  workload.probe = {host, workload.ports[0].number, workload.ports[1].number,
                    fmt::format("/api/v1/{}/info", RoleName(role))};
  return workload;
}

Volume StateVolume(const CacheCluster& cluster, const Layout& layout, Role role, int ordinal) {
  const std::string name = WorkloadName(cluster, role, ordinal);
  const bool chosen =
      role == Role::kMaster && !cluster.spec.journal_folder.empty() && !layout.containers;
  const std::string parent = chosen ? cluster.spec.journal_folder : VolumesDir(layout);
  Volume volume{.name = "state",
                .kind = role == Role::kMaster ? VolumeKind::kDurable : VolumeKind::kCache,
                .path = fmt::format("{}/{}", parent, name)};
  if (InPods(cluster)) {
    volume.mount = volume.path;
    if (role == Role::kWorker) return volume;  // logs, and nothing that a worker needs again
    volume.volume_name = name + "-state";
    volume.claim_bytes = cluster.spec.kubernetes.journal_bytes;
    volume.storage_class = cluster.spec.kubernetes.storage_class;
    return volume;
  }
  return Managed(std::move(volume), layout, InNamespace(cluster, name + "-state"));
}

// The folder that the author chose for a container's journal. A process keeps all its state there.
Volume JournalVolume(const CacheCluster& cluster, const Layout& layout, const std::string& name) {
  Volume volume{.name = "journal",
                .kind = VolumeKind::kDurable,
                .path = fmt::format("{}/{}", cluster.spec.journal_folder, name)};
  return Chosen(std::move(volume), layout, cluster.spec.journal_folder);
}

// The under-store when it is a folder. A container sees it at its own path on the host.
std::optional<Volume> UnderStoreVolume(const CacheCluster& cluster, const Layout& layout) {
  constexpr std::string_view kFileScheme = "file://";
  std::string path = cluster.spec.root_ufs.uri;
  Volume volume{.name = "under-store", .kind = VolumeKind::kUnderStore};
  if (InPods(cluster)) {
    if (path.starts_with(kFileScheme)) path.erase(0, kFileScheme.size());
    if (cluster.spec.kubernetes.under_store_claim.empty()) return std::nullopt;
    volume.path = volume.mount = path.empty() ? layout.cluster_dir + "/under-store" : path;
    volume.volume_name = cluster.spec.kubernetes.under_store_claim;
    return volume;
  }
  if (path.empty()) {
    volume.path = layout.cluster_dir + "/under-store";
    volume = Managed(std::move(volume), layout,
                     InNamespace(cluster, cluster.metadata.name + "-under-store"));
    if (layout.containers) volume.path += "/data";
    return volume;
  }
  if (!layout.containers) return std::nullopt;
  if (path.starts_with(kFileScheme)) path.erase(0, kFileScheme.size());
  if (!path.starts_with('/')) return std::nullopt;
  volume.path = path;
  return Chosen(std::move(volume), layout, path);
}

void SetPlaces(const Workload& workload, const Volume& state, Arguments& arguments) {
  const std::string& site_file = workload.files.begin()->first;
  const std::string conf_dir = site_file.substr(0, site_file.rfind('/'));
  arguments.Set("alluxio.conf.dir", conf_dir);
  arguments.Set("alluxio.site.conf.dir", conf_dir);
  arguments.Set("alluxio.logs.dir", workload.logs_dir);
  arguments.Set("alluxio.work.dir", state.data_path());
}

// Makes the master one of several. Clients get the list from the one that they find first.
void JoinQuorum(const CacheCluster& cluster, const Layout& layout, Workload& workload) {
  const api::CacheClusterSpec& spec = cluster.spec;
  const int port = spec.master_ports.embedded + PortShift(layout, workload.ordinal);
  workload.ports.push_back({"embedded", port, "spec.ports.master.embedded", /*internal=*/true});
  workload.quorum_address = fmt::format("{}:{}", MasterHost(cluster, workload.ordinal), port);
  workload.probe.path = kQuorumPath;
  Arguments arguments(workload);
  arguments.Set("alluxio.master.embedded.journal.addresses", JournalAddresses(cluster, layout));
  arguments.Set("alluxio.master.embedded.journal.port", port);
  arguments.Set("alluxio.master.rpc.addresses",
                MasterAddresses(cluster, layout, spec.master_ports.rpc,
                                [&](int i) { return AdvertisedHost(cluster, Role::kMaster, i); }));
  arguments.Set("alluxio.standby.master.web.enabled", true);
  // One that left, and is wanted again, is started again; one that was alone gets others.
  arguments.Set("headpond.master.journal.rejoin", true);
  arguments.Set("headpond.master.journal.share", true);
}

Workload MasterWorkload(const CacheCluster& cluster, const Layout& layout, int ordinal) {
  const api::CacheClusterSpec& spec = cluster.spec;
  StringMap properties = Merged(spec.properties, spec.master_properties);
  for (const auto& [key, value] : spec.root_ufs.options)
    properties["alluxio.master.mount.table.root.option." + key] = value;
  Workload workload = Common(cluster, layout, Role::kMaster, ordinal, spec.master_ports.rpc,
                             spec.master_ports.web, properties);

  const Volume state = StateVolume(cluster, layout, Role::kMaster, ordinal);
  workload.volumes.push_back(state);
  std::string journal = state.data_path() + "/journal";
  if (layout.containers && !spec.journal_folder.empty()) {
    workload.volumes.push_back(JournalVolume(cluster, layout, workload.name));
    journal = workload.volumes.back().data_path() + "/journal";
  }
  std::string ufs = spec.root_ufs.uri;
  if (auto under_store = UnderStoreVolume(cluster, layout)) {
    ufs = under_store->path;
    workload.volumes.push_back(*std::move(under_store));
  }

  Arguments arguments(workload);
  // Masters of a quorum find themselves in its list by their name.
  arguments.Set("alluxio.master.hostname", HasQuorum(cluster)
                                               ? MasterHost(cluster, ordinal)
                                               : AdvertisedHost(cluster, Role::kMaster, ordinal));
  arguments.Set("alluxio.master.bind.host", ListenHost(cluster));
  arguments.Set("alluxio.master.rpc.port", workload.ports[0].number);
  arguments.Set("alluxio.master.web.bind.host", ListenHost(cluster));
  arguments.Set("alluxio.master.web.port", workload.ports[1].number);
  arguments.Set("alluxio.master.journal.type", spec.journal_type);
  arguments.Set("alluxio.master.journal.folder", journal);
  if (HasQuorum(cluster)) JoinQuorum(cluster, layout, workload);
  // Who has a journal ignores it, so it stays: daemons are not replaced for it.
  if (!spec.bootstrap.latest_uri().empty())
    arguments.Set("alluxio.master.journal.init.from.backup", spec.bootstrap.latest_uri());
  arguments.Set("alluxio.master.mount.table.root.ufs", ufs);
  arguments.Set("alluxio.master.mount.table.root.readonly", spec.root_ufs.read_only);
  arguments.Set("alluxio.master.mount.table.root.shared", spec.root_ufs.shared);
  SetPlaces(workload, state, arguments);
  return workload;
}

std::vector<Volume> TierVolumes(const CacheCluster& cluster, const Layout& layout,
                                const api::TierLevel& tier, size_t level, const std::string& name) {
  const bool memory = tier.alias == "MEM";
  std::vector<Volume> volumes;
  const auto add = [&](std::string path, int64_t quota) {
    volumes.push_back({.name = fmt::format("tier{}-dir{}", level, volumes.size()),
                       .kind = memory ? VolumeKind::kMemory : VolumeKind::kCache,
                       .path = std::move(path),
                       .size_bytes = quota});
  };
  for (const api::TierDirectory& dir : tier.dirs) {
    add(fmt::format("{}/{}", dir.path, name), dir.quota_bytes);
    volumes.back() = Chosen(std::move(volumes.back()), layout, dir.path);
  }
  if (!volumes.empty()) return volumes;
  if (memory) {
    add(fmt::format("{}/{}-{}", layout.memory_dir, name, cluster.metadata.uid.substr(0, kShortUid)),
        tier.quota_bytes);
    if (InPods(cluster)) volumes.back().mount = layout.memory_dir;
  } else {
    const std::string own = fmt::format("{}-{}", name, tier.alias);
    add(fmt::format("{}/{}", VolumesDir(layout), own), tier.quota_bytes);
    volumes.back() = Managed(std::move(volumes.back()), layout, InNamespace(cluster, own));
    if (InPods(cluster)) {
      volumes.back().volume_name = fmt::format("{}-{}", name, tier.alias == "SSD" ? "ssd" : "hdd");
      volumes.back() = Claimed(std::move(volumes.back()), cluster, tier.quota_bytes);
    }
  }
  return volumes;
}

Workload WorkerWorkload(const CacheCluster& cluster, const Layout& layout, int ordinal) {
  const api::CacheClusterSpec& spec = cluster.spec;
  Workload workload =
      Common(cluster, layout, Role::kWorker, ordinal, spec.worker_ports.rpc, spec.worker_ports.web,
             Merged(spec.properties, spec.worker_properties));
  const Volume state = StateVolume(cluster, layout, Role::kWorker, ordinal);
  workload.volumes.push_back(state);
  if (layout.containers)
    if (auto under_store = UnderStoreVolume(cluster, layout))
      workload.volumes.push_back(*std::move(under_store));

  Arguments arguments(workload);
  if (HasQuorum(cluster)) {
    arguments.Set("alluxio.master.rpc.addresses",
                  MasterAddresses(cluster, layout, spec.master_ports.rpc,
                                  [&](int i) { return MasterHost(cluster, i); }));
  } else {
    arguments.Set("alluxio.master.hostname", MasterHost(cluster, 0));
    arguments.Set("alluxio.master.rpc.port", spec.master_ports.rpc);
  }
  arguments.Set("alluxio.worker.hostname", AdvertisedHost(cluster, Role::kWorker, ordinal));
  arguments.Set("alluxio.worker.bind.host", ListenHost(cluster));
  arguments.Set("alluxio.worker.rpc.port", workload.ports[0].number);
  arguments.Set("alluxio.worker.web.bind.host", ListenHost(cluster));
  arguments.Set("alluxio.worker.web.port", workload.ports[1].number);
  arguments.Set("alluxio.worker.tieredstore.levels", spec.tiers.size());
  for (size_t level = 0; level < spec.tiers.size(); ++level) {
    const api::TierLevel& tier = spec.tiers[level];
    std::vector<std::string> paths, media;
    std::vector<int64_t> quotas;
    for (Volume& volume : TierVolumes(cluster, layout, tier, level, workload.name)) {
      paths.push_back(volume.data_path());
      quotas.push_back(volume.size_bytes);
      media.push_back(tier.alias);
      workload.volumes.push_back(std::move(volume));
    }
    const std::string prefix = fmt::format("alluxio.worker.tieredstore.level{}.", level);
    arguments.Set(prefix + "alias", tier.alias);
    arguments.Set(prefix + "dirs.path", fmt::join(paths, ","));
    arguments.Set(prefix + "dirs.mediumtype", fmt::join(media, ","));
    arguments.Set(prefix + "dirs.quota", fmt::join(quotas, ","));
    arguments.Set(prefix + "watermark.high.ratio", tier.high_watermark);
    arguments.Set(prefix + "watermark.low.ratio", tier.low_watermark);
  }
  SetPlaces(workload, state, arguments);
  return workload;
}

// Appends one UTF-16 unit as \uXXXX.
void AppendUnit(std::string& out, uint32_t unit) {
  out += fmt::format("\\u{:04x}", unit);
}

// Appends the code point that starts at text[i], which is valid UTF-8 (ParseYaml checked), and
// returns its length.
size_t AppendCodePoint(std::string& out, std::string_view text, size_t i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  uint32_t point = lead & (0xFF >> (length + 1));
  for (size_t k = 1; k < length && i + k < text.size(); ++k)
    point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
  constexpr uint32_t kFirstSupplementary = 0x10000;
  if (point < kFirstSupplementary) {
    AppendUnit(out, point);
  } else {
    AppendUnit(out, 0xD800 + ((point - kFirstSupplementary) >> 10));
    AppendUnit(out, 0xDC00 + ((point - kFirstSupplementary) & 0x3FF));
  }
  return length;
}

std::string EscapedProperty(std::string_view text, bool is_key) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      i += AppendCodePoint(out, text, i);
      continue;
    }
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\f': out += "\\f"; break;
      case '\\': out += "\\\\"; break;
      case ' ': out += is_key || i == 0 ? "\\ " : " "; break;
      case '=':
      case ':':
      case '#':
      case '!':
        if (is_key || i == 0) out += '\\';
        out += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          AppendUnit(out, static_cast<unsigned char>(c));
        else
          out += c;
    }
    ++i;
  }
  return out;
}

}  // namespace

std::vector<Workload> Desired(const CacheCluster& cluster, const Layout& layout) {
  std::vector<Workload> workloads;
  for (int i = 0; i < cluster.spec.master_replicas; ++i)
    workloads.push_back(MasterWorkload(cluster, layout, i));
  for (int i = 0; i < cluster.spec.worker_replicas; ++i)
    workloads.push_back(WorkerWorkload(cluster, layout, i));
  return workloads;
}

Layout ContainerLayout() {
  return {.cluster_dir = "/headpond",
          .memory_dir = "/dev/shm",
          .shared_host = true,  // ports are the host's, or published under the same numbers
          .containers = true};
}

std::string PropertiesText(const StringMap& properties) {
  std::string text;
  for (const auto& [key, value] : properties)
    text += fmt::format("{}={}\n", EscapedProperty(key, true), EscapedProperty(value, false));
  return text;
}

}  // namespace headpond::plan
