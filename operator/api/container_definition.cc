#include "operator/api/container_definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <nlohmann/json.hpp>

#include "operator/api/kind.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr std::string_view kAbsolutePath = "/[^[:cntrl:],]*";
constexpr std::string_view kAbsolutePathText =
    "an absolute path without commas or control characters";
constexpr std::string_view kObjectName = "[a-z0-9]([a-z0-9.-]*[a-z0-9])?";
constexpr std::string_view kObjectNameText = "lower-case letters, digits, '-' and '.'";
constexpr std::string_view kEngineName = "[A-Za-z0-9][A-Za-z0-9_.-]*";
constexpr std::string_view kEngineNameText = "a name of letters, digits, '_', '.' and '-'";
constexpr double kMaxPath = 1024;
constexpr double kMaxName = 253;

// The sources of a mount, in the order of MountSource.
constexpr const char* kSources[] = {"hostPath", "volume", "dataset", "secret"};

const json& Member(const json& object, const char* name) {
  static const json null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string Text(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

int64_t Size(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_null() ? 0 : SizeOf(value);
}

void CheckMount(const json& mount, const std::string& path, Findings& findings) {
  int sources = 0;
  for (const char* const source : kSources) sources += Member(mount, source).is_string() ? 1 : 0;
  if (sources != 1) {
    findings.errors.push_back(
        {path,
         fmt::format("has {} of hostPath, volume, dataset and secret; name exactly one", sources)});
    return;
  }
  const std::string host_path = Text(mount, "hostPath");
  if (host_path.empty()) return;
  if (host_path.find("/../") != std::string::npos || host_path.ends_with("/.."))
    findings.errors.push_back({path + ".hostPath", "may not go up by `..`"});
  else if (IsForbiddenHostPath(host_path))
    findings.errors.push_back(
        {path + ".hostPath",
         fmt::format("{} would give the task its host; mount a folder below it that holds "
                     "nothing of the system",
                     host_path)});
}

// Items of `base` with those of `top`; one of the same key is replaced.
json Joined(json base, const json& top, const char* key) {
  for (const json& item : top) {
    const auto same = std::find_if(base.begin(), base.end(), [&](const json& other) {
      return Text(other, key) == Text(item, key);
    });
    if (same != base.end())
      *same = item;
    else
      base.push_back(item);
  }
  return base;
}

json Merged(json base, const json& overlay) {
  static const std::map<std::string, const char*, std::less<>> kKeys = {
      {"imagePullSecrets", "name"}, {"mounts", "path"}, {"env", "name"}, {"devices", "path"}};
  for (const auto& [name, value] : overlay.items()) {
    if (value.is_null()) continue;
    json& at = base[name];
    const auto key = kKeys.find(name);
    if (key != kKeys.end() && at.is_array()) {
      at = Joined(std::move(at), value, key->second);
    } else if (name == "capAdd" && at.is_array()) {
      for (const json& capability : value)
        if (std::find(at.begin(), at.end(), capability) == at.end()) at.push_back(capability);
    } else if (value.is_object() && at.is_object()) {
      at.update(value);
    } else {
      at = value;
    }
  }
  return base;
}

ContainerMount ReadMount(const json& mount) {
  ContainerMount out{.path = mount.at("path"), .read_only = mount.value("readOnly", false)};
  for (size_t i = 0; i < std::size(kSources); ++i)
    if (Member(mount, kSources[i]).is_string()) {
      out.source = static_cast<MountSource>(i);
      out.name = mount.at(kSources[i]);
    }
  return out;
}

// "1000" or "1000:100"; a group that isn't given has the user's number, because the engine would
// take root's.
void ReadUser(const std::string& user, ContainerTemplate& out) {
  const char* const end = user.data() + user.size();
  const auto [at, error] = std::from_chars(user.data(), end, out.uid);
  out.gid = out.uid;
  if (at != end) std::from_chars(at + 1, end, out.gid);
}

ContainerTemplate ReadTemplate(const json& spec) {
  ContainerTemplate out{
      .image = Text(spec, "image"),
      .working_dir = Text(spec, "workingDir"),
      .network_name = Text(spec.at("network"), "name"),
      .resources = {Size(spec.at("resources"), "memory"), spec.at("resources").value("cpus", 0.0)},
      .shm_bytes = Size(spec, "shmSize"),
      .pids_limit = spec.value("pidsLimit", int64_t{0}),
      .read_only_root = spec.value("readOnlyRoot", false)};
  const std::string policy = Text(spec, "imagePullPolicy");
  out.pull_policy = policy == "Always"  ? PullPolicy::kAlways
                    : policy == "Never" ? PullPolicy::kNever
                                        : PullPolicy::kIfNotPresent;
  const std::string mode = Text(spec.at("network"), "mode");
  out.network = mode == "bridge" ? ContainerNetwork::kBridge
                : mode == "none" ? ContainerNetwork::kNone
                                 : ContainerNetwork::kHost;
  ReadUser(Text(spec, "user"), out);
  for (const json& tar : Member(spec, "imageTars")) out.image_tars.push_back(tar);
  for (const json& secret : Member(spec, "imagePullSecrets"))
    out.image_pull_secrets.push_back(secret.at("name"));
  for (const json& mount : Member(spec, "mounts")) out.mounts.push_back(ReadMount(mount));
  for (const json& variable : Member(spec, "env"))
    out.env[variable.at("name")] = variable.value("value", "");
  for (const json& device : Member(spec, "devices"))
    out.devices.push_back({device.at("path"), device.value("permissions", "rw")});
  for (const json& capability : Member(spec, "capAdd")) out.cap_add.push_back(capability);
  return out;
}

}  // namespace

bool IsForbiddenHostPath(std::string_view path) {
  static constexpr std::string_view kTrees[] = {
      "/proc", "/sys", "/dev", "/boot", "/var/lib/docker", "/var/lib/containerd"};
  static constexpr std::string_view kExact[] = {"/",
                                                "/etc",
                                                "/run",
                                                "/var",
                                                "/var/run",
                                                "/root",
                                                "/run/docker.sock",
                                                "/var/run/docker.sock",
                                                "/run/containerd/containerd.sock"};
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const auto below = [&](std::string_view tree) {
    return path == tree || (path.starts_with(tree) && path[tree.size()] == '/');
  };
  return std::ranges::find(kExact, path) != std::end(kExact) ||
         (std::ranges::any_of(kTrees, below) && !path.starts_with("/dev/shm/"));
}

const std::vector<Field>& ContainerDefinitionFields() {
  using enum FieldType;
  static const std::vector<Field> fields = {
      {.path = "image",
       .type = kString,
       .required = true,
       .min = 1,
       .max = 255,
       .pattern = "[A-Za-z0-9][A-Za-z0-9._/:@-]*",
       .pattern_text = "an image reference such as registry.example/teragen:1.0",
       .description = "The image."},
      {.path = "imagePullPolicy",
       .type = kEnum,
       .default_json = R"("IfNotPresent")",
       .values = {"Always", "IfNotPresent", "Never"},
       .description = "When the image is pulled: for every task, when the host doesn't have it, or "
                      "never. The operator's logins to registries are used."},
      {.path = "imageTars",
       .type = kList,
       .max = 16,
       .description = "Archives made by `docker save`, on the operator's machine. They are loaded "
                      "when the host doesn't have the image, before a pull is tried."},
      {.path = "imageTars[]",
       .type = kString,
       .min = 1,
       .max = kMaxPath,
       .pattern = kAbsolutePath,
       .pattern_text = kAbsolutePathText,
       .description = "One archive."},
      {.path = "imagePullSecrets",
       .type = kList,
       .max = 16,
       .list_key = "name",
       .description = "Secrets of the namespace, of type kubernetes.io/dockerconfigjson, with "
                      "logins to registries. They are tried before the operator's own, and read "
                      "anew for every pull."},
      {.path = "imagePullSecrets[]", .description = "One Secret."},
      {.path = "imagePullSecrets[].name",
       .type = kString,
       .required = true,
       .min = 1,
       .max = kMaxName,
       .pattern = kObjectName,
       .pattern_text = kObjectNameText,
       .description = "Its name."},
      {.path = "user",
       .type = kString,
       .default_json = R"("1000:1000")",
       .min = 1,
       .max = 21,
       .pattern = "[0-9]{1,10}(:[0-9]{1,10})?",
       .pattern_text = "a user's number, or those of a user and a group such as 1000:100",
       .description = "Who the work runs as. The group is the user's number unless it is given. 0 "
                      "(root) is refused unless the engine maps root to another user of the host "
                      "(`userns-remap` or rootless)."},
      {.path = "workingDir",
       .type = kString,
       .min = 1,
       .max = kMaxPath,
       .pattern = kAbsolutePath,
       .pattern_text = kAbsolutePathText,
       .description = "The folder that the command starts in. Default: the image's."},
      {.path = "network", .description = "The container's network."},
      {.path = "network.mode",
       .type = kEnum,
       .default_json = R"("host")",
       .values = {"host", "bridge", "none"},
       .description = "`host`: the host's network, as local work has it. `bridge`: a network of "
                      "containers. `none`: no network."},
      {.path = "network.name",
       .type = kString,
       .min = 1,
       .max = 63,
       .pattern = kEngineName,
       .pattern_text = kEngineNameText,
       .description = "The network of mode `bridge`, which must exist, such as that of a "
                      "CacheCluster. Default: the engine's own."},
      {.path = "mounts",
       .type = kList,
       .max = 64,
       .list_key = "path",
       .description = "What the container sees of the host. Each has one of `hostPath`, `volume`, "
                      "`dataset` and `secret`."},
      {.path = "mounts[]", .description = "One mount."},
      {.path = "mounts[].path",
       .type = kString,
       .required = true,
       .min = 2,
       .max = kMaxPath,
       .pattern = kAbsolutePath,
       .pattern_text = kAbsolutePathText,
       .description = "Where the container sees it."},
      {.path = "mounts[].hostPath",
       .type = kString,
       .min = 1,
       .max = kMaxPath,
       .pattern = kAbsolutePath,
       .pattern_text = kAbsolutePathText,
       .description = "A folder or file of the host, which must exist. Those that would give the "
                      "host away (`/`, `/etc`, `/proc`, `/sys`, `/dev`, the engine's own) are "
                      "refused."},
      {.path = "mounts[].volume",
       .type = kString,
       .min = 1,
       .max = 63,
       .pattern = kEngineName,
       .pattern_text = kEngineNameText,
       .description = "A volume of the engine. It is created when it isn't there, and never "
                      "removed."},
      {.path = "mounts[].dataset",
       .type = kString,
       .min = 1,
       .max = kMaxName,
       .pattern = kObjectName,
       .pattern_text = kObjectNameText,
       .description = "A Dataset of the namespace, as files. Needs a FUSE mount of the cache on "
                      "the host; a task without one waits and says so."},
      {.path = "mounts[].secret",
       .type = kString,
       .min = 1,
       .max = kMaxName,
       .pattern = kObjectName,
       .pattern_text = kObjectNameText,
       .description = "A Secret of the namespace: a folder with one file per key, read-only, for "
                      "the container's user alone."},
      {.path = "mounts[].readOnly",
       .type = kBoolean,
       .default_json = "false",
       .description = "Refuses writes. Secrets are always read-only."},
      {.path = "env",
       .type = kList,
       .max = 256,
       .list_key = "name",
       .description = "Environment variables. Who may inspect containers sees them: secrets "
                      "belong in `mounts`."},
      {.path = "env[]", .description = "One variable."},
      {.path = "env[].name",
       .type = kString,
       .required = true,
       .min = 1,
       .max = 256,
       .pattern = "[A-Za-z_][A-Za-z0-9_]*",
       .pattern_text = "a variable name (letters, digits and _)",
       .description = "Its name."},
      {.path = "env[].value",
       .type = kString,
       .default_json = R"("")",
       .max = 65536,
       .description = "Its value."},
      {.path = "resources", .description = "What one container may use."},
      {.path = "resources.memory",
       .type = kSize,
       .min = 6 << 20,
       .description = "The most memory, /dev/shm included; swap is not used beyond it. Default: no "
                      "limit."},
      {.path = "resources.cpus",
       .type = kNumber,
       .min = 0.01,
       .max = 1024,
       .description = "The most processor time, in processors. Default: no limit."},
      {.path = "shmSize",
       .type = kSize,
       .min = 1 << 20,
       .description = "The size of /dev/shm. Default: the engine's (64Mi)."},
      {.path = "pidsLimit",
       .type = kInteger,
       .min = 16,
       .max = 4194304,
       .description = "The most processes and threads of one container. Default: no limit."},
      {.path = "readOnlyRoot",
       .type = kBoolean,
       .default_json = "false",
       .description = "Makes the container's own file system read-only."},
      {.path = "devices",
       .type = kList,
       .max = 32,
       .list_key = "path",
       .description = "Devices of the host that the container may use."},
      {.path = "devices[]", .description = "One device."},
      {.path = "devices[].path",
       .type = kString,
       .required = true,
       .min = 2,
       .max = kMaxPath,
       .pattern = "/dev/[^[:cntrl:],]*",
       .pattern_text = "a path below /dev",
       .description = "Its path on the host and in the container."},
      {.path = "devices[].permissions",
       .type = kEnum,
       .default_json = R"("rw")",
       .values = {"r", "w", "rw"},
       .description = "Read and write."},
      {.path = "capAdd",
       .type = kList,
       .max = 16,
       .description = "Capabilities that the container keeps; all others are dropped."},
      {.path = "capAdd[]",
       .type = kEnum,
       .values = {"CHOWN", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "NET_BIND_SERVICE", "SETGID",
                  "SETUID", "SYS_NICE"},
       .description = "One capability, of those that don't give the host."},
  };
  return fields;
}

const std::vector<Rule>& ContainerDefinitionRules() {
  static const std::vector<Rule> rules = {
      {.description = "Each mount has exactly one of `hostPath`, `volume`, `dataset` and `secret`, "
                      "and a host path gives nothing of the system.",
       .cel = ContainerMountCel("mounts[]"),
       .check = [](const json& spec,
                   Findings& findings) { CheckContainerFields(spec, "spec", findings); }},
  };
  return rules;
}

const std::vector<Field>& ContainerOverlayFields() {
  // Rows are views of their paths.
  static const std::deque<std::string> paths = [] {
    std::deque<std::string> all;
    for (const Field& row : ContainerDefinitionFields())
      all.push_back(fmt::format("container.{}", row.path));
    return all;
  }();
  static const std::vector<Field> rows = [] {
    std::vector<Field> all = ContainerDefinitionFields();
    for (size_t i = 0; i < all.size(); ++i) {
      Field& row = all[i];
      row.path = paths[i];
      row.default_json = {};
      const bool of_item = row.path.find("[]") != std::string_view::npos;
      // Keys of items; all else the definition may say.
      row.required = row.required && of_item;
      if (!of_item) row.mutability = Mutability::kImmutable;  // items with their list
    }
    return all;
  }();
  return rows;
}

std::vector<CelRule> ContainerMountCel(std::string_view at) {
  return {{at,
           "[has(self.hostPath), has(self.volume), has(self.dataset), has(self.secret)]"
           ".filter(b, b).size() == 1",
           "name exactly one of hostPath, volume, dataset and secret"}};
}

void CheckContainerFields(const json& container, const std::string& path, Findings& findings) {
  const json& mounts = Member(container, "mounts");
  for (size_t i = 0; i < mounts.size(); ++i)
    CheckMount(mounts[i], fmt::format("{}.mounts[{}]", path, i), findings);
}

Result<ContainerDefinition> ReadContainerDefinition(const json& object) {
  const Kind& kind = *FindKind(kContainerDefinitionKind);
  if (const Findings findings = CheckObject(kind, object); !findings.ok())
    return InvalidArgument("{}", JoinIssues(findings.errors));
  return ContainerDefinition{.metadata = ReadMetadata(object.at("metadata")),
                             .spec_json = SpecSchema(kind).WithDefaults(SpecOf(object)).dump()};
}

Result<ContainerTemplate> ResolveContainer(const json& definition, const json& overlay) {
  const Schema& schema = SpecSchema(*FindKind(kContainerDefinitionKind));
  json base = schema.WithDefaults(definition.is_null() ? json::object() : definition);
  const json merged = schema.WithDefaults(Merged(std::move(base), overlay));
  if (Text(merged, "image").empty())
    return InvalidArgument("spec.container.image: is required without a definitionRef");
  return ReadTemplate(merged);
}

}  // namespace headpond::api
