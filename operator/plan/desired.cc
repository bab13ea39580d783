#include "operator/plan/desired.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/config.h"
#include "operator/api/rules.h"

namespace headpond::plan {
namespace {

using api::CacheCluster;
using StringMap = std::map<std::string, std::string>;

constexpr std::string_view kSiteFile = "alluxio-site.properties";
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

std::string WorkloadName(const CacheCluster& cluster, Role role, int ordinal) {
  return fmt::format("{}-{}-{}", cluster.metadata.name, RoleName(role), ordinal);
}

int Shifted(int port, int ordinal, const Layout& layout) {
  return layout.shared_host ? port + api::kPortStride * ordinal : port;
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
  const std::string conf_dir = fmt::format("{}/conf/{}", layout.cluster_dir, name);
  std::vector<std::string> args = {std::string(RoleName(role))};
  for (const auto& [key, value] : properties)
    if (BelongsOnCommandLine(key)) args.push_back(fmt::format("-D{}={}", key, value));
  std::erase_if(properties,
                [](const auto& property) { return BelongsOnCommandLine(property.first); });
  const std::string ports_field = fmt::format("spec.ports.{}.", RoleName(role));
  Workload workload{
      .role = role,
      .ordinal = ordinal,
      .name = name,
      .args = std::move(args),
      .env = cluster.spec.env,
      .files = {{fmt::format("{}/{}", conf_dir, kSiteFile), PropertiesText(properties)}},
      .logs_dir = fmt::format("{}/logs/{}", layout.cluster_dir, name),
      .ports = {{"rpc", Shifted(rpc, ordinal, layout), ports_field + "rpc"},
                {"web", Shifted(web, ordinal, layout), ports_field + "web"}},
      .bind_host = cluster.spec.bind_host,
      .termination_grace = std::chrono::seconds(cluster.spec.termination_grace_period_seconds)};
  // What listens on every address is asked on the loopback one.
  const std::string host = workload.bind_host == "0.0.0.0" ? "127.0.0.1" : workload.bind_host;
  workload.probe = {host, workload.ports[0].number, workload.ports[1].number,
                    fmt::format("/api/v1/{}/info", RoleName(role))};
  return workload;
}

Volume StateVolume(const CacheCluster& cluster, const Layout& layout, Role role, int ordinal) {
  const bool chosen = role == Role::kMaster && !cluster.spec.journal_folder.empty();
  const std::string parent = chosen ? cluster.spec.journal_folder : layout.cluster_dir + "/volumes";
  return {.name = "state",
          .kind = role == Role::kMaster ? VolumeKind::kDurable : VolumeKind::kCache,
          .path = fmt::format("{}/{}", parent, WorkloadName(cluster, role, ordinal))};
}

void SetPlaces(const Workload& workload, const Volume& state, Arguments& arguments) {
  const std::string& site_file = workload.files.begin()->first;
  const std::string conf_dir = site_file.substr(0, site_file.rfind('/'));
  arguments.Set("alluxio.conf.dir", conf_dir);
  arguments.Set("alluxio.site.conf.dir", conf_dir);
  arguments.Set("alluxio.logs.dir", workload.logs_dir);
  arguments.Set("alluxio.work.dir", state.data_path());
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
  std::string ufs = spec.root_ufs.uri;
  if (ufs.empty()) {
    ufs = layout.cluster_dir + "/under-store";
    workload.volumes.push_back(
        {.name = "under-store", .kind = VolumeKind::kUnderStore, .path = ufs});
  }

  Arguments arguments(workload);
  arguments.Set("alluxio.master.hostname", spec.hostname);
  arguments.Set("alluxio.master.bind.host", spec.bind_host);
  arguments.Set("alluxio.master.rpc.port", workload.ports[0].number);
  arguments.Set("alluxio.master.web.bind.host", spec.bind_host);
  arguments.Set("alluxio.master.web.port", workload.ports[1].number);
  arguments.Set("alluxio.master.journal.type", spec.journal_type);
  arguments.Set("alluxio.master.journal.folder", state.data_path() + "/journal");
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
  for (const api::TierDirectory& dir : tier.dirs)
    add(fmt::format("{}/{}", dir.path, name), dir.quota_bytes);
  if (!volumes.empty()) return volumes;
  if (memory)
    add(fmt::format("{}/{}-{}", layout.memory_dir, name, cluster.metadata.uid.substr(0, kShortUid)),
        tier.quota_bytes);
  else
    add(fmt::format("{}/volumes/{}-{}", layout.cluster_dir, name, tier.alias), tier.quota_bytes);
  return volumes;
}

Workload WorkerWorkload(const CacheCluster& cluster, const Layout& layout, int ordinal) {
  const api::CacheClusterSpec& spec = cluster.spec;
  Workload workload =
      Common(cluster, layout, Role::kWorker, ordinal, spec.worker_ports.rpc, spec.worker_ports.web,
             Merged(spec.properties, spec.worker_properties));
  const Volume state = StateVolume(cluster, layout, Role::kWorker, ordinal);
  workload.volumes.push_back(state);

  Arguments arguments(workload);
  arguments.Set("alluxio.master.hostname", spec.hostname);
  arguments.Set("alluxio.master.rpc.port", spec.master_ports.rpc);
  arguments.Set("alluxio.worker.hostname", spec.hostname);
  arguments.Set("alluxio.worker.bind.host", spec.bind_host);
  arguments.Set("alluxio.worker.rpc.port", workload.ports[0].number);
  arguments.Set("alluxio.worker.web.bind.host", spec.bind_host);
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

std::string PropertiesText(const StringMap& properties) {
  std::string text;
  for (const auto& [key, value] : properties)
    text += fmt::format("{}={}\n", EscapedProperty(key, true), EscapedProperty(value, false));
  return text;
}

}  // namespace headpond::plan
