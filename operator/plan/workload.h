#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/cache_cluster.h"

namespace headpond::plan {

enum class Role { kMaster, kWorker };

// "master", "worker": the word in names, and the daemon's first argument.
std::string_view RoleName(Role role);

struct Port {
  std::string name;  // "rpc", "web"
  int number = 0;
  std::string field;      // what the author changes to get another one: "spec.ports.master.rpc"
  bool internal = false;  // between the cluster's own daemons: never published
};

enum class VolumeKind {
  kDurable,     // a journal: its loss is the loss of the namespace
  kCache,       // can be filled again from the under-store
  kMemory,      // the same, in memory
  kUnderStore,  // the users' own data: created when missing, never removed
};

// A folder that a daemon keeps data in. The runtime stamps it with the cluster's identity, so that
// it is never mistaken for another's; the daemon gets `data_path`.
struct Volume {
  std::string name;  // "state", "tier0-dir0"
  VolumeKind kind = VolumeKind::kCache;
  std::string path;
  int64_t size_bytes = 0;  // what the daemon may fill; 0: unknown

  // Only for daemons in containers. `path` is `mount` or a folder below it; an empty `mount` is
  // part of the container itself, and ends with it.
  std::string mount;
  std::string host_path;    // the folder of the host that is mounted, which must be there; or
  std::string volume_name;  // the volume that is mounted, created when missing

  // Only in pods, where `volume_name` is a claim's; without that a volume ends with the pod.
  int64_t claim_bytes = 0;    // how much is claimed; 0: the claim is somebody else's, and there
  std::string storage_class;  // empty: the default one

  std::string data_path() const { return kind == VolumeKind::kUnderStore ? path : path + "/data"; }
};

// How to find out that a daemon serves: its RPC port accepts connections and its web port answers
// the path with 200. One of several masters says there how it stands, too (see QuorumView).
struct Probe {
  std::string host;  // empty: the container's own address, which the runtime knows
  int rpc_port = 0;
  int web_port = 0;
  std::string path;
};

// What an engine can change of a running container; 0: no limit.
struct Limits {
  int64_t memory_bytes = 0;
  int64_t nano_cpus = 0;  // billionths of a CPU
  friend bool operator==(const Limits&, const Limits&) = default;
};

// What a daemon in a container has besides its arguments, files and volumes.
struct Container {
  std::string image;
  api::PullPolicy pull_policy = api::PullPolicy::kIfNotPresent;
  std::vector<std::string> image_tars;
  std::vector<std::string> pull_secrets;  // names of Secrets
  std::string network;                    // empty: the host's
  bool publish_ports = false;
  int64_t shm_bytes = 0;  // 0: the engine's default
  api::Resources resources;
  api::ContainerSettings settings;
  bool pod = false;            // in a pod, whose limits can't be changed while it runs
  bool host_network = false;   // of a pod: on its node's
  std::string placement = {};  // of a pod: api::CacheClusterSpec::master_placement or the worker's

  Limits limits() const;
};

// One daemon that should run, in terms every runtime understands.
struct Workload {
  Role role = Role::kMaster;
  int ordinal = 0;
  std::string name;               // "<cluster>-master-0", a DNS label
  std::string node;               // where it runs; empty: there is only one place
  std::string host;               // of a pod: what clients are told to connect to
  std::vector<std::string> args;  // what follows the program: "master", "-Dalluxio..."
  std::map<std::string, std::string> env;
  std::map<std::string, std::string>
      files;  // by absolute path; may hold secrets, so for the owner's eyes only
  std::string logs_dir;
  std::vector<Port> ports;
  std::string bind_host;
  std::vector<Volume> volumes;
  Probe probe;
  std::chrono::seconds termination_grace{10};
  std::optional<Container> container;  // for runtimes that run containers
  // host:port by which the masters of a quorum know this one; empty: it is no part of one.
  std::string quorum_address = {};

  // Sixteen hex digits over everything that only a restart can change: name, arguments,
  // environment, files, container. Of limits only whether there is one: those that are there can be
  // changed while it runs, but not be taken away.
  std::string ConfigHash() const;
};

// What a runtime offers to workloads; the rest of the engine doesn't know where they run.
struct Layout {
  std::string cluster_dir;  // folder for everything of one cluster, as daemons see it
  std::string memory_dir;   // the same in memory (tmpfs)
  bool shared_host = true;  // daemons share the host's ports, so ordinals shift them
  // Each daemon has a file system of its own: volumes are mounted into it, and everything that it
  // writes is below one of them.
  bool containers = false;
};

// Sixteen hex digits over a text.
std::string ContentHash(std::string_view text);

}  // namespace headpond::plan
