#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/api/cache_cluster.h"
#include "operator/api/field_table.h"
#include "operator/api/rules.h"
#include "operator/api/schema.h"

namespace headpond::api {

inline constexpr std::string_view kContainerDefinitionKind = "ContainerDefinition";

// Where the files of a mount come from.
enum class MountSource { kHostPath, kVolume, kDataset, kSecret };

struct ContainerMount {
  std::string path;  // in the container
  MountSource source = MountSource::kHostPath;
  std::string name;  // a folder or file of the host, or the name of a volume, Dataset or Secret
  bool read_only = false;
};

enum class ContainerNetwork { kHost, kBridge, kNone };

// The container that user work runs in: a ContainerDefinition's spec, or one with a task's own
// fields on top.
struct ContainerTemplate {
  std::string image;
  PullPolicy pull_policy = PullPolicy::kIfNotPresent;
  std::vector<std::string> image_tars;
  std::vector<std::string> image_pull_secrets;  // names of Secrets
  int64_t uid = 0, gid = 0;
  std::string working_dir;  // empty: the image's
  ContainerNetwork network = ContainerNetwork::kHost;
  std::string network_name;  // of kBridge; empty: the engine's own
  std::vector<ContainerMount> mounts;
  std::map<std::string, std::string> env;
  Resources resources;
  int64_t shm_bytes = 0;   // 0: the engine's default
  int64_t pids_limit = 0;  // 0: none
  bool read_only_root = false;
  std::vector<Device> devices;
  std::vector<std::string> cap_add;
};

struct ContainerDefinition {
  ObjectMeta metadata;
  std::string spec_json;  // with defaults
};

// The rows of a definition's spec.
const std::vector<Field>& ContainerDefinitionFields();
const std::vector<Rule>& ContainerDefinitionRules();

// The same rows below "container.", none of them with a default, all immutable: what a task says on
// top of a definition.
const std::vector<Field>& ContainerOverlayFields();

// Whether a mount of this path would give the container its host. Links are not looked through.
bool IsForbiddenHostPath(std::string_view path);

// What must hold in a definition's spec or in a task's overlay, found at `path` ("spec").
void CheckContainerFields(const nlohmann::json& container, const std::string& path,
                          Findings& findings);
// The part of it that an API server can check: of the rows `at` ("mounts[]").
std::vector<CelRule> ContainerMountCel(std::string_view at);

// Errors: InvalidArgument with what CheckObject finds.
Result<ContainerDefinition> ReadContainerDefinition(const nlohmann::json& object);

// The container of a definition (its spec with defaults, or null for none) with a task's overlay:
// single values replace, lists with a key are joined by it, capabilities are added.
// InvalidArgument when there is no image.
Result<ContainerTemplate> ResolveContainer(const nlohmann::json& definition,
                                           const nlohmann::json& overlay);

}  // namespace headpond::api
