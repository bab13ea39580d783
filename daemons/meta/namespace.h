#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "meta/file_info.h"
#include "meta/inode_table.h"
#include "meta/mount_table.h"
#include "meta/mutation.h"

namespace headpond::meta {

// Who asks. Filled by the service from the authenticated connection and the group mapping.
struct Caller {
  std::string user;
  std::vector<std::string> groups;
  bool internal = false;  // the master itself: nothing is checked

  static Caller Internal() {
    Caller caller;
    caller.internal = true;
    return caller;
  }
};

struct NamespaceOptions {
  bool check_permissions = true;          // alluxio.security.authorization.permission.enabled
  std::string supergroup = "supergroup";  // alluxio.security.authorization.permission.supergroup
  size_t operation_cache_size = 100'000;  // alluxio.master.filesystem.operation.retry.cache.size
  // Of parents made on the way: 0777 less alluxio.security.authorization.permission.umask.
  uint16_t parent_mode = 0755;
};

// How far a path leads.
struct PathWalk {
  std::string path;             // canonical
  std::vector<Inode> existing;  // from the root; never empty in a namespace that has a root
  // The first component that is missing, counted from 1; 0 when the whole path exists.
  size_t missing_component = 0;
  bool through_file = false;  // existing.back() is a file although the path goes on below it
  // The path is missing here, but its deepest existing directory is persisted and was never listed:
  // the under-store may have it. The caller looks there (load type ONCE), plans load_metadata and
  // asks again.
  bool may_exist_in_ufs = false;

  bool found() const { return missing_component == 0; }
  Inode inode() const { return found() ? existing.back() : Inode(); }
  Inode deepest() const { return existing.back(); }
  // Why the path can't be followed to its end, with stock's text: InvalidArgument through a file,
  // else NotFound. OK when found.
  Status Error() const;
};

// The state of one master: inodes, mounts, id generators, completed operations, path properties.
//
// Changes only by Apply. An operation is planned by a Plan... function of ops/ (const, may fail,
// does all the checking), journaled, and applied: plan, append to the journal and apply happen
// under one exclusive hold of the caller's lock, so that nothing changes between the check and the
// change. Deterministic: the same mutations in the same order give the same state on every master.
//
// Not synchronised: the caller holds a lock, shared for const members, exclusive for the others.
class Namespace {
 public:
  explicit Namespace(NamespaceOptions options = {});
  ~Namespace();

  // Never fails for a mutation planned on this state, or for any one replayed from a journal.
  void Apply(const Mutation& mutation);

  // Recovery: BeginRecovery, ApplyDuringRecovery for each snapshot record and journal entry in
  // order, FinishRecovery. Between them only records count (a fuzzy snapshot may name a parent that
  // a later entry creates), and nothing else may be called.
  void BeginRecovery();
  void ApplyDuringRecovery(const Mutation& mutation);
  // DataLoss naming the inode when the result is no tree.
  Status FinishRecovery();

  // A snapshot in batches, each taken under a shared lock that may be released in between; the
  // entries journaled since its first batch complete it. Records are EncodeMutation payloads.
  struct SnapshotCursor {
    int stage = 0;
    uint64_t position = 0;
    bool done = false;
  };
  // The next records, about `limit` inodes; empty with cursor.done at the end.
  std::vector<std::string> NextSnapshotBatch(SnapshotCursor& cursor, size_t limit) const;

  // False until PlanInitialize was applied.
  bool initialized() const { return static_cast<bool>(inodes_.root()); }

  const InodeTable& inodes() const { return inodes_; }
  const MountTable& mounts() const { return mounts_; }
  const NamespaceOptions& options() const { return options_; }
  const std::string& cluster_id() const { return cluster_id_; }
  // The workers that served when it was last recorded, by "host:port": whom a master that begins to
  // serve can expect.
  const std::set<std::string>& workers() const { return workers_; }

  // Follows a canonical path as far as it exists. Checks nothing.
  PathWalk Walk(std::string_view path) const;
  // NotFound with stock's text (InvalidArgument when the path leads through a file).
  Result<Inode> Lookup(std::string_view path) const;
  // The path of an inode. NotFound "inodeId N does not exist".
  Result<std::string> PathOf(InodeId id) const;
  std::string PathOf(Inode inode) const;
  // Everything about an inode whose path is known. `mount_info` false leaves ufs_path and mount_id
  // unset (ListStatusPOptions.excludeMountInfo).
  FileInfo Describe(Inode inode, std::string path, bool mount_info = true) const;
  // The block's file, index and length. NotFound for an unknown file or index.
  Result<BlockSpan> FindBlock(BlockId block) const;

  bool IsCompleted(const OperationId& id) const;  // false for the empty id

  // Ids the next mutation may hand out.
  int64_t next_container() const { return next_container_; }
  InodeId next_directory_id() const { return next_directory_id_; }

  // Files (not directories) that are pinned: GetPinnedFileIds. Stock adds files with
  // replication_min > 0.
  const std::set<InodeId>& pinned_files() const { return pinned_files_; }
  // Files in TO_BE_PERSISTED.
  const std::set<InodeId>& to_be_persisted() const { return to_be_persisted_; }
  const std::set<InodeId>& lost_files() const { return lost_files_; }
  // Inodes with a TTL by the time it ends.
  const std::set<std::pair<int64_t, InodeId>>& ttl_deadlines() const { return ttl_deadlines_; }
  // Files under the replication checker: replication_min > 0 or replication_max >= 0.
  const std::set<InodeId>& replication_limited() const { return replication_limited_; }

  const std::map<std::string, std::map<std::string, std::string>>& path_config() const {
    return path_config_;
  }
  // How the under-store of `mount` may be used now.
  UfsMode UfsModeOf(const MountInfo& mount) const;

  // DataLoss naming the first broken invariant: for tests and `headpond journal verify`.
  Status CheckInvariants() const;

 private:
  class CompletedOperations;

  // What the inode belongs to besides the tree.
  struct Membership;
  static Membership MembershipOf(Inode inode);
  void Index(Inode inode);
  void Unindex(Inode inode);
  void ApplyInodes(const Mutation& mutation);
  void ApplySettings(const Mutation& mutation);
  Mutation SnapshotHeader(SnapshotCursor& cursor) const;
  Status CheckIndexes() const;

  NamespaceOptions options_;
  InodeTable inodes_;
  MountTable mounts_;
  std::unique_ptr<CompletedOperations> completed_;
  std::set<InodeId> pinned_files_;
  std::set<InodeId> to_be_persisted_;
  std::set<InodeId> lost_files_;
  std::set<InodeId> replication_limited_;
  std::set<std::pair<int64_t, InodeId>> ttl_deadlines_;
  std::map<std::string, std::map<std::string, std::string>> path_config_;
  std::map<std::string, UfsMode> ufs_modes_;
  std::string cluster_id_;
  std::set<std::string> workers_;
  int64_t next_container_ = 0;
  InodeId next_directory_id_ = 0;
  bool recovering_ = false;
};

}  // namespace headpond::meta
