#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cache/block_store.h"
#include "cache/eviction.h"

namespace headpond::cache {

using DirectoryId = size_t;  // index; directories are in tier order

// What the block store knows: directories and their room, blocks and where they are, what is being
// written, read, moved or removed, pins, ages and what the master has not been told. Plans changes
// and records how they went; does no I/O, takes no lock, reads no clock. Not thread safe: the store
// guards it with its mutex and does the I/O of a plan in between, so each plan leaves a state that
// other plans may meet.
//
// A block's life: Temporary (PlanCreate) -> Ready (CommitTemporary) -> Leaving (PlanRemove, an
// eviction) -> gone (FinishLeaving); on the way Moving (PlanMove, an eviction to a lower tier) and
// back to Ready. Ready and Moving blocks are visible. An id is taken until it is gone, so that the
// removal of an old file can never hit a new one of the same name.
//
// Room is given out under the lock and before the I/O: the bytes of an evicted block count for
// their new owner at once, though the file goes only afterwards. The new owner writes its first
// byte after that, so the files of a directory never exceed its quota either. At all times
// used <= capacity for each directory in service.
class BlockIndex {
 public:
  struct Directory {
    int tier;  // ordinal
    Location location;
    std::string path;
    int64_t capacity_bytes;
  };

  BlockIndex(std::vector<Directory> directories, BlockStoreOptions::Allocator allocator);
  BlockIndex(const BlockIndex&) = delete;
  BlockIndex& operator=(const BlockIndex&) = delete;

  const Directory& directory(DirectoryId id) const { return slots_[id].directory; }
  size_t directory_count() const { return slots_.size(); }
  bool in_service(DirectoryId id) const { return slots_[id].in_service; }

  // A block found at start. False when the id is known already (a move was cut short after its copy
  // was complete) or its directory has no room for it.
  bool AddRecovered(DirectoryId directory, BlockId block, int64_t length);

  // A block whose place was given to somebody else. The store copies it to `to`, or without one (or
  // when that fails) deletes its file, and says so with FinishMove or FinishLeaving.
  struct Victim {
    BlockId block;
    DirectoryId from;
    std::optional<DirectoryId> to;
    int64_t length_bytes;
  };

  // Room for a new block. The victims' I/O comes first.
  struct Grant {
    DirectoryId directory;
    std::vector<Victim> victims;
  };
  // Errors: AlreadyExists, InvalidArgument (no such medium), ResourceExhausted.
  Result<Grant> PlanCreate(BlockId block, const Placement& placement, int64_t bytes);
  // More room for a block being written, in its directory. Errors: ResourceExhausted, Internal (the
  // directory went out of service).
  Result<std::vector<Victim>> PlanGrow(BlockId block, int64_t extra_bytes);
  // `length_bytes` is at most what was reserved; the rest is given back. With `pin_until` the
  // block's file stays pinned at least until then or until the master lists it. Internal when the
  // directory went out of service: the block is gone.
  Status CommitTemporary(BlockId block, int64_t length_bytes,
                         std::optional<std::chrono::steady_clock::time_point> pin_until);
  void DropTemporary(BlockId block);

  enum class Visibility { kNone, kReady, kMoving };
  Visibility visibility(BlockId block) const;

  struct Found {
    DirectoryId directory;
    int64_t length_bytes;
  };
  // Counts a reader in. Only for ready blocks.
  Found AcquireReader(BlockId block);
  // Counts it out. True: the block was removed meanwhile and its file is now to be deleted.
  bool ReleaseReader(BlockId block);
  std::optional<Found> Find(BlockId block) const;  // visible ones
  bool HasReaders(BlockId block) const;
  void Touch(BlockId block);

  // Makes a ready block invisible. True: its file is to be deleted now; false: when the last reader
  // goes.
  bool PlanRemove(BlockId block);
  // The file is gone.
  void FinishLeaving(BlockId block);

  struct MovePlan {
    DirectoryId from;
    DirectoryId to;
    int64_t length_bytes;
    std::vector<Victim> victims;
  };
  // For a ready block; nothing when it is where `to` wants it. Errors: FailedPrecondition (being
  // read), InvalidArgument, ResourceExhausted.
  Result<std::optional<MovePlan>> PlanMove(BlockId block, const Placement& to);
  // The file is (`moved`) or is not at its new place. Returns true when the block was lost by that
  // and its file, wherever it is, is to be deleted: an eviction to a lower tier that failed, or a
  // directory that went out of service meanwhile. FinishLeaving follows then.
  bool FinishMove(BlockId block, bool moved);

  // `containers` is sorted. Pins of CommitTemporary end when the master lists the file or at their
  // time.
  void SetPinnedContainers(std::vector<int64_t> containers,
                           std::chrono::steady_clock::time_point now);
  const std::vector<int64_t>& pinned_containers() const { return pinned_; }
  bool has_writer_pins() const { return !writer_pins_.empty(); }

  // Takes a failed directory out of service: its blocks are gone, its room too. Returns how many
  // blocks; nothing when it was out already.
  std::optional<int64_t> DropDirectory(DirectoryId directory);
  // For a directory that never came into service.
  void ReportLost(const std::string& tier_alias, const std::string& path);

  std::vector<BlockId> ReadyAndUnused() const;
  std::map<Location, std::vector<BlockId>> Blocks() const;
  int64_t block_count() const { return visible_count_; }
  int64_t used_bytes(DirectoryId id) const { return slots_[id].used_bytes; }

  BlockChanges TakeChanges();
  // Changes are kept as names only and looked up when taken, so what comes back late can't undo
  // what happened since.
  void RestoreChanges(const BlockChanges& changes);

 private:
  enum class State { kReady, kMoving, kLeaving };
  struct Record {
    DirectoryId directory;
    int64_t length_bytes;
    State state = State::kReady;
    int readers = 0;
    bool room_given_away = false;           // its bytes no longer count in `directory`
    DirectoryId move_target = 0;            // while moving; its bytes count there already
    std::optional<LruOrder::Handle> age{};  // set while it may be evicted
  };
  using Records = std::map<BlockId, Record>;  // ordered: a file's blocks are neighbours
  struct Slot {
    Directory directory;
    bool in_service = true;
    int64_t used_bytes = 0;
    LruOrder order;
  };
  struct Temporary {
    DirectoryId directory;
    int64_t reserved_bytes;
  };

  int64_t FreeBytes(DirectoryId id) const;
  void Charge(DirectoryId id, int64_t bytes);
  std::optional<DirectoryId> Choose(const std::vector<DirectoryId>& directories, int64_t bytes);
  Result<std::vector<DirectoryId>> Eligible(const Placement& placement) const;
  // Room in one of `eligible`: in the first tier that has some, else by eviction. Charges it.
  Result<Grant> Allocate(const std::vector<DirectoryId>& eligible, int64_t bytes);
  std::optional<DirectoryId> ChooseByTier(const std::vector<DirectoryId>& directories,
                                          int64_t bytes);
  std::vector<Victim> TakeVictims(DirectoryId from, const std::vector<LruEntry>& entries);
  Status NoRoom(const std::vector<DirectoryId>& eligible, int64_t bytes) const;

  bool IsPinned(BlockId block) const;
  // Puts the block into its directory's order when it may be evicted, and takes it out when not.
  void RefreshAge(BlockId block, Record& record);
  void RefreshContainer(int64_t container);
  void Leave(BlockId block, Record& record);  // makes it invisible
  void NoteAdded(BlockId block);
  void NoteRemoved(BlockId block);

  const BlockStoreOptions::Allocator allocator_;
  std::vector<Slot> slots_;
  Records records_;
  int64_t visible_count_ = 0;
  std::map<BlockId, Temporary> temporaries_;
  uint64_t uses_ = 0;
  std::map<int, size_t> round_robin_next_;  // tier -> where the next search starts

  std::vector<int64_t> pinned_;  // sorted containers
  std::map<int64_t, std::chrono::steady_clock::time_point> writer_pins_;

  std::set<BlockId> added_, removed_;  // since the master was told
  std::map<std::string, std::set<std::string>> lost_storage_;
};

// A file's id and its blocks' share this (compat/behaviour.md section 5).
inline int64_t ContainerOf(int64_t block_or_file_id) {
  return block_or_file_id >> 24;
}

}  // namespace headpond::cache
