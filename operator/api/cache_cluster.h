#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/api/schema.h"

namespace headpond::api {

enum class RuntimeType { kProcess, kDocker, kKubernetes };
enum class PullPolicy { kAlways, kIfNotPresent, kNever };
enum class NetworkMode { kHost, kBridge };

struct MasterPorts {
  int rpc = 0;
  int web = 0;
  int embedded = 0;  // of the journal, between several masters
};
struct WorkerPorts {
  int rpc = 0;
  int web = 0;
};

struct TierDirectory {
  std::string path;
  int64_t quota_bytes = 0;
};

struct TierLevel {
  std::string alias;                // MEM, SSD or HDD
  int64_t quota_bytes = 0;          // of a directory that the runtime picks
  std::vector<TierDirectory> dirs;  // empty: the runtime picks one
  double high_watermark = 0;
  double low_watermark = 0;
};

struct RootUfs {
  std::string uri;  // empty: a folder that the runtime picks
  std::map<std::string, std::string> options;
  bool read_only = false;
  bool shared = false;
};

// What a new cluster begins with; neither: with nothing.
struct Bootstrap {
  std::string backup;  // the name of a Backup
  std::string uri;     // of a backup's file

  // That of a Restore, which came later; the operator knows it, not the spec.
  std::string restored_uri = {};

  bool wanted() const { return !backup.empty() || !uri.empty(); }
  // What masters are told of.
  const std::string& latest_uri() const { return restored_uri.empty() ? uri : restored_uri; }
};

// 0: no limit.
struct Resources {
  int64_t memory_bytes = 0;
  double cpus = 0;
};

struct Ulimit {
  std::string name;
  int64_t soft = 0, hard = 0;  // -1: unlimited
};

struct TmpfsFolder {
  std::string path;
  int64_t size_bytes = 0;
};

struct Device {
  std::string path;
  std::string permissions;
};

// What is said about containers, whatever their role.
struct ContainerSettings {
  std::string user;  // "1000:1000"
  bool read_only_root = false;
  bool no_new_privileges = true;
  std::vector<std::string> cap_drop, cap_add;
  int64_t pids_limit = 0;  // 0: no limit
  std::vector<Ulimit> ulimits;
  std::vector<TmpfsFolder> tmpfs;
  std::vector<Device> devices;
  int64_t log_max_size_bytes = 0;
  int log_max_files = 0;
  std::map<std::string, std::string> labels;
};

// A Docker Engine, as the spec names it; at most one of address and context, neither: that of the
// operator's environment.
struct DockerEngine {
  std::string address;
  std::string context;
  std::string tls_secret;  // the name of a Secret
};

struct DockerNode {
  std::string name;
  DockerEngine engine;
  std::string hostname;                     // empty: the network's
  std::optional<std::vector<int>> workers;  // ordinals; nullopt: a share of the rest
};

struct DockerSettings {
  DockerEngine engine;            // without nodes
  std::vector<DockerNode> nodes;  // empty: one engine has all
  std::vector<std::string> master_nodes;
};

struct KubernetesSettings {
  std::string storage_class;  // empty: the default one
  int64_t journal_bytes = 0;
  std::string under_store_claim;  // empty: the under-store is none of the pods' folders
  bool host_network = false;
};

// A CacheCluster's spec with its defaults, field by field; what each means stands in
// field_table.cc.
struct CacheClusterSpec {
  bool paused = false;
  int termination_grace_period_seconds = 0;
  RuntimeType runtime_type = RuntimeType::kProcess;
  DockerSettings docker;
  KubernetesSettings kubernetes;
  std::string image;  // empty: the operator's own version
  PullPolicy pull_policy = PullPolicy::kIfNotPresent;
  std::vector<std::string> image_tars;
  std::vector<std::string> image_pull_secrets;  // names of Secrets
  NetworkMode network_mode = NetworkMode::kHost;
  std::string network_name;  // empty: after the cluster
  bool publish_ports = true;
  std::string hostname;
  std::string bind_host;
  MasterPorts master_ports;
  WorkerPorts worker_ports;
  RootUfs root_ufs;
  Bootstrap bootstrap;
  int master_replicas = 0;
  std::string journal_type;
  std::string journal_folder;  // empty: the runtime picks it
  std::map<std::string, std::string> master_properties;
  Resources master_resources;
  // Where pods of the role run: its `placement` and `priorityClassName` as JSON; empty: as by
  // default.
  std::string master_placement, worker_placement;
  int worker_replicas = 0;
  std::vector<TierLevel> tiers;
  int64_t worker_shm_bytes = 0;  // 0: what the MEM level needs
  Resources worker_resources;
  std::map<std::string, std::string> worker_properties;
  bool network_policy = false;
  ContainerSettings container;
  std::map<std::string, std::string> properties;
  std::map<std::string, std::string> env;
};

// The part of Kubernetes' ObjectMeta that we use. The first three lines are the author's, the rest
// the store's.
struct ObjectMeta {
  std::string name;
  std::string name_space = "default";
  std::map<std::string, std::string> labels, annotations;
  std::string uid;                 // set once, and kept as long as data of the object is kept
  std::string object_uid;          // of the API's object, where that may be another
  int64_t generation = 0;          // grows with every change of the spec
  std::string creation_timestamp;  // RFC 3339
  std::string deletion_timestamp;  // "": not being deleted
};

struct CacheCluster {
  ObjectMeta metadata;
  CacheClusterSpec spec;
  std::string spec_json;  // the spec with its defaults, keys sorted: equal text means equal spec
};

// What /dev/shm holds beside a MEM level, and what a worker needs beside /dev/shm.
inline constexpr int64_t kShmHeadroomBytes = 64 << 20;
inline constexpr int64_t kWorkerHeapBytes = 256 << 20;

// The size of /dev/shm in a worker's container.
int64_t ShmBytes(const CacheClusterSpec& spec);

// The limit keeps every derived name (<name>-worker-63) a DNS label.
inline constexpr size_t kMaxClusterName = 52;

// Said on the annotation that asks for removal of data together with the object.
inline constexpr std::string_view kDeleteDataAnnotation = "headpond.dev/delete-data";

// A time in milliseconds since the epoch: daemons that failed before it are tried again without
// back-off. Set by `headpond up`, whose user has just repaired something.
inline constexpr std::string_view kRetryAnnotation = "headpond.dev/retry-at-ms";

// Checks a whole CacheCluster as its author wrote it (JSON): header, fields, rules between fields.
// Findings are complete: errors and warnings for everything, so that one attempt shows all of them.
Findings CheckCacheCluster(const nlohmann::json& object);

// Reads an object that CheckCacheCluster accepts, with defaults filled in. Errors: InvalidArgument
// with the first finding.
Result<CacheCluster> ReadCacheCluster(const nlohmann::json& object);

// Of any object whose metadata the API has checked.
ObjectMeta ReadMetadata(const nlohmann::json& metadata);

// The object as the API shows it, without status. ReadCacheCluster reads it back unchanged.
nlohmann::json ToJson(const CacheCluster& cluster);

// The errors of changing `before` into `after`: immutable fields, and rules about changes.
std::vector<FieldIssue> CheckUpdate(const CacheCluster& before, const CacheCluster& after);

// Fields as one text for a Status: "spec.a: ...; spec.b: ...".
std::string JoinIssues(const std::vector<FieldIssue>& issues);

}  // namespace headpond::api
