#pragma once

// What the operations share among themselves; no other folder includes it.

#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/create_file.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

// Hands out ids on top of the namespace's marks and writes the new marks into a mutation.
class IdAllocator {
 public:
  explicit IdAllocator(const Namespace& ns)
      : next_container_(ns.next_container()), next_directory_id_(ns.next_directory_id()) {}

  // ResourceExhausted after 2^39 containers.
  Result<InodeId> NewFileId();
  Result<InodeId> NewDirectoryId();
  void Finish(Mutation& mutation) const;

 private:
  Result<int64_t> NewContainer();

  int64_t next_container_;
  InodeId next_directory_id_;
};

// What a new file or directory takes over from its caller, its options and its parent.
struct NewInode {
  InodeId id = kNoInode;
  std::string name;
  uint16_t mode = 0;
  bool persisted = false;
};
InodeRecord MakeInode(const NewInode& fresh, const InodeRecord& parent,
                      const OperationContext& context);

// The directories that `walk` lacks between its deepest existing one and the last component (not
// included), as records, top down. The deepest existing one is passed as a record.
Result<std::vector<InodeRecord>> MakeMissingParents(const Namespace& ns, const PathWalk& walk,
                                                    const OperationContext& context, bool persisted,
                                                    IdAllocator& ids);

// Appends a put that marks each directory of `chain` (top down) persisted unless it is, and the
// work of making it in the under-store.
void PersistDirectories(const Namespace& ns, const std::vector<Inode>& chain, Mutation& mutation,
                        std::vector<UfsMakeDirectory>& work);
// The under-store work for one directory.
UfsMakeDirectory MakeDirectoryWork(const Namespace& ns, const std::string& path,
                                   const InodeRecord& directory);

// "File /a/b/c creation failed. Component 2(b) does not exist".
Status MissingParent(const PathWalk& walk);

// A directory whose list of children changed.
void TouchDirectory(Mutation& mutation, InodeId directory, int64_t now_ms);

// `inode` and everything below it, parents before children. Does not recurse.
std::vector<Inode> Subtree(const Namespace& ns, Inode inode);

// The ancestors of an inode, root first, the inode itself not included.
std::vector<Inode> AncestorsOf(Inode inode);

// InvalidArgument with stock's text unless 0 <= min <= max (max -1: no limit).
Status CheckReplication(int32_t min, int32_t max);

// InvalidArgument with stock's text unless 0 < block_size <= kMaxBlockSize.
Status CheckBlockSize(int64_t block_size);

inline constexpr uint16_t kModeBits = 07777;

// The owner's bits for everybody on a mount with the `shared` option, as in stock.
uint16_t ModeOnMount(uint16_t mode, bool shared);

// A time that an under-store reports, which may be nonsense, brought into the range journal entries
// allow.
int64_t PlausibleTime(int64_t time_ms);

// How many blocks `length` bytes take.
uint32_t BlockCountOf(int64_t length, int64_t block_size);

}  // namespace headpond::meta
