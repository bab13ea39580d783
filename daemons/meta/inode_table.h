#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "meta/inode.h"

namespace headpond::meta {

class InodeTable;
struct Slot;

// A handle on one inode of a table: cheap to copy, valid (with every string_view it returned) until
// the table changes. False when there is no such inode.
class Inode {
 public:
  Inode() = default;
  explicit operator bool() const { return table_ != nullptr; }

  InodeId id() const;
  bool is_file() const { return IsFileId(id()); }
  bool is_directory() const { return !is_file(); }
  std::string_view name() const;
  std::string_view owner() const;
  std::string_view group() const;
  uint16_t mode() const;
  int64_t creation_ms() const;
  int64_t modification_ms() const;
  int64_t access_ms() const;
  PersistenceState persistence() const;
  bool persisted() const { return persistence() == PersistenceState::kPersisted; }
  bool pinned() const;
  bool mount_point() const;
  bool children_loaded() const;
  bool completed() const;
  int64_t length() const;
  int64_t block_size() const;
  uint32_t block_count() const;
  std::string fingerprint() const;
  int64_t ttl_ms() const;
  TtlAction ttl_action() const;
  int32_t replication_min() const;
  int32_t replication_max() const;
  const ExtendedAcl& acl() const;
  const DefaultAcl* default_acl() const;  // null when there is none
  // Of an open file: the length a worker committed for a block, or kUnknownLength.
  int64_t open_block_length(uint32_t index) const;

  Inode parent() const;  // false for the root
  size_t child_count() const;
  Inode child(std::string_view name) const;

  // Everything, in the clear.
  InodeRecord ToRecord() const;

  friend bool operator==(const Inode&, const Inode&) = default;

 private:
  friend class InodeTable;
  struct Access;
  const Slot& slot() const;
  Inode(const InodeTable* table, uint32_t slot) : table_(table), slot_(slot) {}
  const InodeTable* table_ = nullptr;
  uint32_t slot_ = 0;
};

// All inodes of a namespace, packed: about 110 bytes for a file with a 16-byte name, everything
// included (inode_table_bench). Fixed-size slots, names in an arena, owner/group pairs and block
// sizes interned, rare attributes in a side table, children of a directory as sorted runs of slot
// numbers. Not synchronised: const members may run together, others alone. No function recurses,
// whatever the depth of the tree.
class InodeTable {
 public:
  InodeTable();
  ~InodeTable();
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;

  size_t size() const;
  size_t file_count() const;
  Inode root() const { return Find(kRootId); }
  Inode Find(InodeId id) const;

  // Inserts or replaces; moves it when its parent or name changed. The parent must be a directory
  // of the table (kNoInode: the root) and the name must be free in it: the caller has checked.
  void Put(const InodeRecord& record);
  // Takes one inode out; its children must go in the same batch (any order). Unknown ids are
  // ignored.
  void Remove(const std::vector<InodeId>& ids);

  // Cheap changes of single fields; unknown ids are ignored.
  void Touch(InodeId id, std::optional<int64_t> modification_ms, std::optional<int64_t> access_ms);
  void SetBlockCount(InodeId id, uint32_t count);
  void SetOpenBlockLength(InodeId id, uint32_t index, int64_t length);

  // Children in byte order of their names, until `visit` returns false: those greater than `after`
  // ("" = all); with `inclusive`, those not less than it.
  void ForEachChild(Inode directory, std::string_view after,
                    const std::function<bool(Inode)>& visit, bool inclusive = false) const;

  // Every inode, `limit` at most, in an order that no change disturbs: an inode that exists during
  // the whole walk is visited exactly once. Returns the cursor for the next call, or nullopt at the
  // end. Start with 0.
  std::optional<uint64_t> Walk(uint64_t cursor, size_t limit,
                               const std::function<void(Inode)>& visit) const;

  // Bytes held by the table, from its own books (allocator overhead included by size class).
  size_t MemoryBytes() const;

  // Recovery, on an empty table: Put and Remove keep records only, without edges, until BuildEdges.
  // Nothing but Find, size and the changes may be called in between. See Namespace.
  void DetachEdges();
  // DataLoss naming an inode without parent, under a file, outside the tree, or with a sibling of
  // the same name.
  Status BuildEdges();

 private:
  friend class Inode;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::meta
