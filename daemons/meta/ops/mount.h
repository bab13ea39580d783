#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct InitializeRequest {
  int64_t now_ms = 0;
  std::string owner;  // the user that runs the master: the superuser from now on
  std::string group;
  uint16_t mode = 0755;
  std::string cluster_id;  // a UUID
  MountInfo root_mount;    // alluxio.master.mount.table.root.*; path and id are set here
};

// The first entry of a journal: root inode, root mount, cluster id. On a namespace that has them it
// brings the root mount up to the configuration (empty mutation when it is).
Result<Mutation> PlanInitialize(const Namespace& ns, const InitializeRequest& request);

struct MountRequest {
  OperationContext context;
  std::string path;
  std::string ufs_uri;
  MountId mount_id = 0;  // fresh and random, from the caller
  bool read_only = false;
  bool shared = false;
  std::map<std::string, std::string> properties;
  UfsEntry root;  // status of the under-store folder: owner, group, mode, times of the mount point
  // What the under-store of the parent mount has at this path, asked by the caller.
  bool shadows_ufs_path = false;
};

// The parent must exist, the path must not. Errors: AlreadyExists (path), NotFound (parent),
// InvalidArgument (root, under-store already mounted or nested, shadowing), PermissionDenied.
Result<Mutation> PlanMount(const Namespace& ns, const MountRequest& request);

struct UnmountPlan {
  Mutation mutation;
  std::vector<InodeId> removed_files;
  std::vector<MountId> removed_mounts;
};
// Takes the mount and all its metadata away; the under-store is not touched. Errors: NotFound,
// PermissionDenied, InvalidArgument (the root, no mount point, another mount inside).
Result<UnmountPlan> PlanUnmount(const Namespace& ns, const OperationContext& context,
                                const std::string& path);

struct UpdateMountRequest {
  OperationContext context;
  std::string path;
  MountId new_mount_id = 0;
  bool read_only = false;
  bool shared = false;
  std::map<std::string, std::string> properties;
};
Result<Mutation> PlanUpdateMount(const Namespace& ns, const UpdateMountRequest& request);

// fsadmin ufs --mode; `ufs_uri` is scheme and authority. Needs the superuser. InvalidArgument when
// nothing is mounted from there.
Result<Mutation> PlanUpdateUfsMode(const Namespace& ns, const OperationContext& context,
                                   const std::string& ufs_uri, UfsMode mode);

}  // namespace headpond::meta
