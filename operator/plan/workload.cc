#include "operator/plan/workload.h"

#include <fmt/format.h>

#include "base/stable_hash.h"

namespace headpond::plan {
namespace {

// Over length-prefixed texts, so that no two different lists feed the same bytes.
class Hasher {
 public:
  void Add(std::string_view text) {
    AddBytes(std::to_string(text.size()) + ":");
    AddBytes(text);
  }
  void Add(int64_t number) { Add(std::to_string(number)); }
  void Add(const std::vector<std::string>& texts) {
    Add(static_cast<int64_t>(texts.size()));
    for (const std::string& text : texts) Add(text);
  }
  std::string Hex() const { return fmt::format("{:016x}", state_); }

 private:
  void AddBytes(std::string_view bytes) { state_ = StableHash(bytes, state_); }
  uint64_t state_ = StableHash("");
};

void AddContainer(const Workload& workload, Hasher& hasher) {
  const Container& container = *workload.container;
  hasher.Add("container");
  hasher.Add(container.image);
  hasher.Add(container.network);
  hasher.Add(container.publish_ports ? workload.bind_host : "");
  for (const Port& port : workload.ports) hasher.Add(port.number);
  hasher.Add(container.shm_bytes);
  hasher.Add(container.resources.memory_bytes > 0 ? "memory" : "");
  hasher.Add(container.resources.cpus > 0 ? "cpus" : "");
  for (const Volume& volume : workload.volumes)
    for (const std::string* part : {&volume.mount, &volume.host_path, &volume.volume_name})
      hasher.Add(*part);
  if (container.pod) {
    hasher.Add("pod");
    hasher.Add(container.limits().memory_bytes);
    hasher.Add(container.limits().nano_cpus);
    for (const Volume& volume : workload.volumes) hasher.Add(volume.size_bytes);
    if (!container.pull_secrets.empty()) hasher.Add(container.pull_secrets);
    if (!container.placement.empty()) hasher.Add(container.placement);
    if (container.host_network) hasher.Add("host network");
  }
  const api::ContainerSettings& settings = container.settings;
  hasher.Add(settings.user);
  hasher.Add(settings.read_only_root);
  hasher.Add(settings.no_new_privileges);
  hasher.Add(settings.cap_drop);
  hasher.Add(settings.cap_add);
  hasher.Add(settings.pids_limit);
  for (const api::Ulimit& limit : settings.ulimits)
    hasher.Add(fmt::format("ulimit {} {} {}", limit.name, limit.soft, limit.hard));
  for (const api::TmpfsFolder& folder : settings.tmpfs)
    hasher.Add(fmt::format("tmpfs {} {}", folder.size_bytes, folder.path));
  for (const api::Device& device : settings.devices)
    hasher.Add(fmt::format("device {} {}", device.permissions, device.path));
  hasher.Add(settings.log_max_size_bytes);
  hasher.Add(settings.log_max_files);
  for (const auto& [key, value] : settings.labels) {
    hasher.Add(key);
    hasher.Add(value);
  }
}

}  // namespace

std::string_view RoleName(Role role) {
  return role == Role::kMaster ? "master" : "worker";
}

Limits Container::limits() const {
  constexpr double kNano = 1e9;
  return {resources.memory_bytes, static_cast<int64_t>(resources.cpus * kNano)};
}

std::string Workload::ConfigHash() const {
  Hasher hasher;
  hasher.Add(name);
  for (const std::string& arg : args) hasher.Add(arg);
  hasher.Add("env");
  for (const auto& [key, value] : env) {
    hasher.Add(key);
    hasher.Add(value);
  }
  hasher.Add("files");
  for (const auto& [path, content] : files) {
    hasher.Add(path);
    hasher.Add(content);
  }
  if (container) AddContainer(*this, hasher);
  return hasher.Hex();
}

std::string ContentHash(std::string_view text) {
  Hasher hasher;
  hasher.Add(text);
  return hasher.Hex();
}

}  // namespace headpond::plan
