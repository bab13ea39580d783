#pragma once

// The inside of InodeTable, for inode_table.cc and inode.cc only.

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "meta/child_index.h"
#include "meta/fingerprint_code.h"
#include "meta/inode_table.h"
#include "meta/interner.h"
#include "meta/text_arena.h"

namespace headpond::meta {

inline constexpr uint32_t kNoSlot = ~uint32_t{0};
inline constexpr uint32_t kSlotsPerChunk = 4096;

enum Flag : uint16_t {
  kPersistenceMask = 0x3,
  kPinnedFlag = 0x4,
  kMountPointFlag = 0x8,
  kChildrenLoadedFlag = 0x10,
  kCompletedFlag = 0x20,
  kCacheableFlag = 0x40,
  kRareFlag = 0x80,          // rare attributes exist
  kFingerprintFlag = 0x100,  // the text holds a packed fingerprint
  kDoomedFlag = 0x200,       // in the middle of Remove
};

// One cache line per inode. `text` is, in the arena: length and bytes of the name, then (flag)
// length and bytes of the packed fingerprint, whose front is a number of `fronts`.
struct Slot {
  InodeId id = kNoInode;  // kNoInode: free
  int64_t creation_ms = 0;
  int64_t modification_ms = 0;
  int64_t access_ms = 0;
  union {
    int64_t length = 0;    // files
    ChildIndex* children;  // directories; null while empty
  };
  uint32_t parent = kNoSlot;  // free: the next free slot
  uint32_t ownership = 0;
  TextArena::Ref text = 0;
  uint32_t block_count = 0;
  uint32_t block_size = 0;
  uint16_t mode = 0;
  uint16_t flags = 0;
};
static_assert(sizeof(Slot) == 64);

// What few inodes have.
struct Rare {
  int64_t ttl_ms = kNoTtl;
  int64_t persist_job_id = kNoPersistJob;
  int64_t persist_at_ms = 0;
  int32_t replication_min = 0;
  int32_t replication_max = -1;
  int32_t replication_durable = 1;
  TtlAction ttl_action = TtlAction::kFree;
  std::unique_ptr<ExtendedAcl> acl;
  std::unique_ptr<DefaultAcl> default_acl;
  std::unique_ptr<XattrMap> xattr;
  std::unique_ptr<std::vector<std::string>> pinned_media;
  std::unique_ptr<std::string> temp_ufs_path;
  std::unique_ptr<std::string> long_fingerprint;
  std::vector<int64_t> open_block_lengths;
};

struct InodeTable::Impl {
  using Ownership = std::pair<std::string, std::string>;

  // Hashes slot numbers by the id in the slot, so that the index costs 5 bytes an entry.
  struct IdHash {
    using is_transparent = void;
    const Impl* table;
    size_t operator()(InodeId id) const { return absl::Hash<InodeId>()(id); }
    size_t operator()(uint32_t slot) const { return (*this)(table->At(slot).id); }
  };
  struct IdEqual {
    using is_transparent = void;
    const Impl* table;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t slot, InodeId id) const { return table->At(slot).id == id; }
  };

  Impl() : by_id(0, IdHash{this}, IdEqual{this}) {}
  ~Impl() {
    for (uint32_t slot = 0; slot < slot_count; ++slot) DropChildren(At(slot));
  }

  Slot& At(uint32_t slot) { return chunks[slot / kSlotsPerChunk][slot % kSlotsPerChunk]; }
  const Slot& At(uint32_t slot) const { return const_cast<Impl*>(this)->At(slot); }
  uint32_t Find(InodeId id) const {
    const auto found = by_id.find(id);
    return found == by_id.end() ? kNoSlot : *found;
  }
  const Rare* FindRare(uint32_t slot) const {
    return At(slot).flags & kRareFlag ? rare.find(slot)->second.get() : nullptr;
  }

  std::string_view Name(uint32_t slot) const {
    const char* in = text.At(At(slot).text);
    const size_t size = GetVarint(in);
    return {in, size};
  }
  auto NameOf() const {
    return [this](uint32_t slot) { return Name(slot); };
  }

  std::string Fingerprint(const Slot& slot) const;
  void SetText(Slot& slot, std::string_view name, std::string_view fingerprint);
  void FreeText(Slot& slot);

  uint32_t NewSlot(InodeId id);
  void FreeSlot(uint32_t slot);
  void Fill(uint32_t slot, const InodeRecord& record);
  void Link(uint32_t slot, uint32_t parent);
  void Unlink(uint32_t slot);
  static void DropChildren(Slot& slot) {
    if (slot.id == kNoInode || IsFileId(slot.id)) return;
    delete slot.children;
    slot.children = nullptr;
  }
  Status CheckParents() const;
  void SortChildren();
  Status CheckReachable() const;

  std::vector<std::unique_ptr<Slot[]>> chunks;
  uint32_t slot_count = 0;  // used so far, free ones included
  uint32_t first_free = kNoSlot;
  size_t file_count = 0;
  absl::flat_hash_set<uint32_t, IdHash, IdEqual> by_id;
  TextArena text;
  Interner<Ownership> ownerships;
  Interner<int64_t> block_sizes;
  Interner<std::string> fronts;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Rare>> rare;
  bool detached = false;
  std::vector<InodeId> parent_ids;  // by slot, while detached
};

}  // namespace headpond::meta
