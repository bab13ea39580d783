#include "meta/inode.h"

#include "meta/inode_table.h"
#include "meta/inode_table_impl.h"

namespace headpond::meta {
namespace {

const ExtendedAcl kNoAcl;
const Rare kUsual;

template <typename T>
T Unboxed(const std::unique_ptr<T>& box) {
  return box ? *box : T();
}

}  // namespace

std::string_view PersistenceStateName(PersistenceState state) {
  switch (state) {
    case PersistenceState::kNotPersisted: return "NOT_PERSISTED";
    case PersistenceState::kToBePersisted: return "TO_BE_PERSISTED";
    case PersistenceState::kPersisted: return "PERSISTED";
    case PersistenceState::kLost: return "LOST";
  }
  return "NOT_PERSISTED";
}

std::string_view TtlActionName(TtlAction action) {
  switch (action) {
    case TtlAction::kDelete: return "DELETE";
    case TtlAction::kFree: return "FREE";
    case TtlAction::kDeleteAlluxio: return "DELETE_ALLUXIO";
  }
  return "FREE";
}

// Reads one inode's slot; `rare` is never null.
struct Inode::Access {
  explicit Access(const Inode& inode)
      : table(*inode.table_->impl_), slot(table.At(inode.slot_)), rare(&kUsual) {
    if (const Rare* own = table.FindRare(inode.slot_)) rare = own;
  }
  bool Is(Flag flag) const { return (slot.flags & flag) != 0; }

  const InodeTable::Impl& table;
  const Slot& slot;
  const Rare* rare;
};

const Slot& Inode::slot() const {
  return table_->impl_->At(slot_);
}

InodeId Inode::id() const {
  return slot().id;
}
std::string_view Inode::name() const {
  return table_->impl_->Name(slot_);
}
std::string_view Inode::owner() const {
  return table_->impl_->ownerships[slot().ownership].first;
}
std::string_view Inode::group() const {
  return table_->impl_->ownerships[slot().ownership].second;
}
uint16_t Inode::mode() const {
  return slot().mode;
}
int64_t Inode::creation_ms() const {
  return slot().creation_ms;
}
int64_t Inode::modification_ms() const {
  return slot().modification_ms;
}
int64_t Inode::access_ms() const {
  return slot().access_ms;
}
PersistenceState Inode::persistence() const {
  return static_cast<PersistenceState>(slot().flags & kPersistenceMask);
}
bool Inode::pinned() const {
  return slot().flags & kPinnedFlag;
}
bool Inode::mount_point() const {
  return slot().flags & kMountPointFlag;
}
bool Inode::children_loaded() const {
  return slot().flags & kChildrenLoadedFlag;
}
bool Inode::completed() const {
  return slot().flags & kCompletedFlag;
}
int64_t Inode::length() const {
  return is_file() ? slot().length : 0;
}
int64_t Inode::block_size() const {
  return table_->impl_->block_sizes[slot().block_size];
}
uint32_t Inode::block_count() const {
  return slot().block_count;
}

int64_t Inode::ttl_ms() const {
  return Access(*this).rare->ttl_ms;
}
TtlAction Inode::ttl_action() const {
  return Access(*this).rare->ttl_action;
}
int32_t Inode::replication_min() const {
  return Access(*this).rare->replication_min;
}
int32_t Inode::replication_max() const {
  return Access(*this).rare->replication_max;
}

const ExtendedAcl& Inode::acl() const {
  const Access access(*this);
  return access.rare->acl ? *access.rare->acl : kNoAcl;
}

const DefaultAcl* Inode::default_acl() const {
  return Access(*this).rare->default_acl.get();
}

int64_t Inode::open_block_length(uint32_t index) const {
  const Access access(*this);
  const auto& lengths = access.rare->open_block_lengths;
  return index < lengths.size() ? lengths[index] : kUnknownLength;
}

std::string Inode::fingerprint() const {
  const Access access(*this);
  if (access.rare->long_fingerprint) return *access.rare->long_fingerprint;
  return access.table.Fingerprint(access.slot);
}

Inode Inode::parent() const {
  const uint32_t parent = slot().parent;
  return parent == kNoSlot ? Inode() : Inode(table_, parent);
}

size_t Inode::child_count() const {
  if (is_file() || slot().children == nullptr) return 0;
  return slot().children->size();
}

Inode Inode::child(std::string_view name) const {
  if (is_file() || slot().children == nullptr) return Inode();
  const auto found = slot().children->Find(name, table_->impl_->NameOf());
  return found ? Inode(table_, *found) : Inode();
}

InodeRecord Inode::ToRecord() const {
  const Access access(*this);
  const Rare& rare = *access.rare;
  InodeRecord record;
  record.id = id();
  if (const Inode above = parent()) record.parent_id = above.id();
  record.name = name();
  record.owner = owner();
  record.group = group();
  record.mode = mode();
  record.creation_ms = creation_ms();
  record.modification_ms = modification_ms();
  record.access_ms = access_ms();
  record.persistence = persistence();
  record.pinned = pinned();
  record.fingerprint = fingerprint();
  record.mount_point = mount_point();
  record.children_loaded = children_loaded();
  if (rare.default_acl) record.default_acl = *rare.default_acl;
  record.length = length();
  record.block_size = block_size();
  record.block_count = block_count();
  record.completed = completed();
  record.cacheable = access.Is(kCacheableFlag);
  record.ttl_ms = rare.ttl_ms;
  record.ttl_action = rare.ttl_action;
  record.replication_min = rare.replication_min;
  record.replication_max = rare.replication_max;
  record.replication_durable = rare.replication_durable;
  record.persist_job_id = rare.persist_job_id;
  record.persist_at_ms = rare.persist_at_ms;
  record.temp_ufs_path = Unboxed(rare.temp_ufs_path);
  record.acl = acl();
  record.xattr = Unboxed(rare.xattr);
  record.pinned_media = Unboxed(rare.pinned_media);
  record.open_block_lengths = rare.open_block_lengths;
  return record;
}

}  // namespace headpond::meta
