#include "meta/inode_table.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "meta/inode_table_impl.h"

namespace headpond::meta {
namespace {

// Longer ones (the format has no limit) go to the rare attributes.
constexpr size_t kMaxPackedFingerprint = 1024;

template <typename T>
std::unique_ptr<T> Boxed(const T& value) {
  return value == T() ? nullptr : std::make_unique<T>(value);
}

std::unique_ptr<Rare> MakeRare(const InodeRecord& record, bool long_fingerprint) {
  const InodeRecord usual;
  const bool needed =
      long_fingerprint || record.ttl_ms != usual.ttl_ms || record.ttl_action != usual.ttl_action ||
      record.persist_job_id != usual.persist_job_id || record.persist_at_ms != 0 ||
      record.replication_min != usual.replication_min ||
      record.replication_max != usual.replication_max ||
      record.replication_durable != usual.replication_durable || !record.acl.empty() ||
      record.default_acl || !record.xattr.empty() || !record.pinned_media.empty() ||
      !record.temp_ufs_path.empty() || !record.open_block_lengths.empty();
  if (!needed) return nullptr;
  auto rare = std::make_unique<Rare>();
  rare->ttl_ms = record.ttl_ms;
  rare->ttl_action = record.ttl_action;
  rare->persist_job_id = record.persist_job_id;
  rare->persist_at_ms = record.persist_at_ms;
  rare->replication_min = record.replication_min;
  rare->replication_max = record.replication_max;
  rare->replication_durable = record.replication_durable;
  rare->acl = Boxed(record.acl);
  if (record.default_acl) rare->default_acl = std::make_unique<DefaultAcl>(*record.default_acl);
  rare->xattr = Boxed(record.xattr);
  rare->pinned_media = Boxed(record.pinned_media);
  rare->temp_ufs_path = Boxed(record.temp_ufs_path);
  if (long_fingerprint) rare->long_fingerprint = std::make_unique<std::string>(record.fingerprint);
  rare->open_block_lengths = record.open_block_lengths;
  return rare;
}

}  // namespace

std::string InodeTable::Impl::Fingerprint(const Slot& slot) const {
  if (!(slot.flags & kFingerprintFlag)) return {};
  const char* in = text.At(slot.text);
  const size_t name_size = GetVarint(in);
  in += name_size;
  const size_t size = GetVarint(in);
  const char* end = in + size;
  std::string fingerprint = fronts[static_cast<uint32_t>(GetVarint(in))];
  return fingerprint += DecodeRest({in, static_cast<size_t>(end - in)});
}

void InodeTable::Impl::SetText(Slot& slot, std::string_view name, std::string_view fingerprint) {
  std::string bytes;
  PutVarint(bytes, name.size());
  bytes.append(name);
  slot.flags &= static_cast<uint16_t>(~kFingerprintFlag);
  if (!fingerprint.empty()) {
    const SplitFingerprint split = SplitAtContentHash(fingerprint);
    std::string code;
    PutVarint(code, fronts.Acquire(std::string(split.front)));
    code += EncodeRest(split.rest);
    PutVarint(bytes, code.size());
    bytes.append(code);
    slot.flags |= kFingerprintFlag;
  }
  slot.text = text.Allocate(bytes.size());
  std::memcpy(text.At(slot.text), bytes.data(), bytes.size());
}

void InodeTable::Impl::FreeText(Slot& slot) {
  const char* begin = text.At(slot.text);
  const char* in = begin;
  const size_t name_size = GetVarint(in);
  in += name_size;
  if (slot.flags & kFingerprintFlag) {
    const size_t size = GetVarint(in);
    const char* code = in;
    fronts.Release(static_cast<uint32_t>(GetVarint(code)));
    in += size;
  }
  text.Free(slot.text, static_cast<size_t>(in - begin));
}

uint32_t InodeTable::Impl::NewSlot(InodeId id) {
  uint32_t slot = first_free;
  if (slot != kNoSlot) {
    first_free = At(slot).parent;
  } else {
    if (slot_count == chunks.size() * kSlotsPerChunk) {
      chunks.push_back(std::make_unique<Slot[]>(kSlotsPerChunk));
    }
    slot = slot_count++;
  }
  Slot& fresh = At(slot);
  fresh = Slot();
  fresh.id = id;
  fresh.text = text.Allocate(1);
  *text.At(fresh.text) = 0;  // the empty name
  fresh.ownership = ownerships.Acquire({});
  fresh.block_size = block_sizes.Acquire(0);
  if (IsFileId(id)) {
    ++file_count;
  } else {
    fresh.children = nullptr;
  }
  by_id.insert(slot);
  return slot;
}

void InodeTable::Impl::FreeSlot(uint32_t number) {
  Slot& slot = At(number);
  by_id.erase(number);
  DropChildren(slot);
  FreeText(slot);
  ownerships.Release(slot.ownership);
  block_sizes.Release(slot.block_size);
  if (slot.flags & kRareFlag) rare.erase(number);
  if (IsFileId(slot.id)) --file_count;
  slot = Slot();
  slot.parent = first_free;
  first_free = number;
}

// Everything but the edges. The name may change only while the slot is unlinked.
void InodeTable::Impl::Fill(uint32_t number, const InodeRecord& record) {
  Slot& slot = At(number);
  slot.creation_ms = record.creation_ms;
  slot.modification_ms = record.modification_ms;
  slot.access_ms = record.access_ms;
  slot.mode = record.mode;
  if (record.is_file()) slot.length = record.length;
  slot.block_count = record.block_count;
  const uint32_t ownership = ownerships.Acquire({record.owner, record.group});
  ownerships.Release(std::exchange(slot.ownership, ownership));
  const uint32_t block_size = block_sizes.Acquire(record.block_size);
  block_sizes.Release(std::exchange(slot.block_size, block_size));

  const bool long_fingerprint = record.fingerprint.size() > kMaxPackedFingerprint;
  FreeText(slot);
  SetText(slot, record.name, long_fingerprint ? std::string_view() : record.fingerprint);

  uint16_t flags = slot.flags & kFingerprintFlag;
  flags |= static_cast<uint16_t>(record.persistence);
  if (record.pinned) flags |= kPinnedFlag;
  if (record.mount_point) flags |= kMountPointFlag;
  if (record.children_loaded) flags |= kChildrenLoadedFlag;
  if (record.completed) flags |= kCompletedFlag;
  if (record.cacheable) flags |= kCacheableFlag;
  if (auto attributes = MakeRare(record, long_fingerprint)) {
    rare[number] = std::move(attributes);
    flags |= kRareFlag;
  } else if (slot.flags & kRareFlag) {
    rare.erase(number);
  }
  slot.flags = flags;
}

void InodeTable::Impl::Link(uint32_t number, uint32_t parent) {
  Slot& directory = At(parent);
  assert(!IsFileId(directory.id));
  if (directory.children == nullptr) directory.children = new ChildIndex;
  directory.children->Insert(number, Name(number), NameOf());
  At(number).parent = parent;
}

void InodeTable::Impl::Unlink(uint32_t number) {
  Slot& directory = At(At(number).parent);
  directory.children->Remove(Name(number), NameOf());
  if (directory.children->size() == 0) DropChildren(directory);
  At(number).parent = kNoSlot;
}

InodeTable::InodeTable() : impl_(std::make_unique<Impl>()) {}
InodeTable::~InodeTable() = default;

size_t InodeTable::size() const {
  return impl_->by_id.size();
}
size_t InodeTable::file_count() const {
  return impl_->file_count;
}

Inode InodeTable::Find(InodeId id) const {
  const uint32_t slot = impl_->Find(id);
  return slot == kNoSlot ? Inode() : Inode(this, slot);
}

void InodeTable::Put(const InodeRecord& record) {
  Impl& impl = *impl_;
  uint32_t slot = impl.Find(record.id);
  if (impl.detached) {
    if (slot == kNoSlot) slot = impl.NewSlot(record.id);
    if (impl.parent_ids.size() <= slot) impl.parent_ids.resize(slot + 1, kNoInode);
    impl.parent_ids[slot] = record.parent_id;
    impl.Fill(slot, record);
    return;
  }
  const uint32_t parent = record.parent_id == kNoInode ? kNoSlot : impl.Find(record.parent_id);
  assert(parent != kNoSlot || record.id == kRootId);
  bool linked = false;
  if (slot == kNoSlot) {
    slot = impl.NewSlot(record.id);
  } else if (impl.At(slot).parent == parent && impl.Name(slot) == record.name) {
    linked = true;
  } else if (impl.At(slot).parent != kNoSlot) {
    impl.Unlink(slot);
  }
  impl.Fill(slot, record);
  if (!linked && parent != kNoSlot) impl.Link(slot, parent);
}

void InodeTable::Remove(const std::vector<InodeId>& ids) {
  Impl& impl = *impl_;
  std::vector<uint32_t> slots;
  slots.reserve(ids.size());
  for (const InodeId id : ids) {
    const uint32_t slot = impl.Find(id);
    if (slot == kNoSlot || impl.At(slot).flags & kDoomedFlag) continue;
    impl.At(slot).flags |= kDoomedFlag;
    slots.push_back(slot);
  }
  if (!impl.detached) {
    for (const uint32_t slot : slots) {
      // The index of a directory that goes itself is dropped whole.
      const uint32_t parent = impl.At(slot).parent;
      if (parent != kNoSlot && !(impl.At(parent).flags & kDoomedFlag)) impl.Unlink(slot);
    }
  }
  for (const uint32_t slot : slots) impl.FreeSlot(slot);
}

void InodeTable::Touch(InodeId id, std::optional<int64_t> modification_ms,
                       std::optional<int64_t> access_ms) {
  const uint32_t number = impl_->Find(id);
  if (number == kNoSlot) return;
  Slot& slot = impl_->At(number);
  if (modification_ms) slot.modification_ms = *modification_ms;
  if (access_ms) slot.access_ms = *access_ms;
}

void InodeTable::SetBlockCount(InodeId id, uint32_t count) {
  const uint32_t number = impl_->Find(id);
  if (number == kNoSlot || impl_->At(number).flags & kCompletedFlag) return;
  impl_->At(number).block_count = count;
}

void InodeTable::SetOpenBlockLength(InodeId id, uint32_t index, int64_t length) {
  const uint32_t number = impl_->Find(id);
  if (number == kNoSlot) return;
  Slot& slot = impl_->At(number);
  if (slot.flags & kCompletedFlag || index >= slot.block_count) return;
  std::unique_ptr<Rare>& rare = impl_->rare[number];
  if (rare == nullptr) rare = std::make_unique<Rare>();
  slot.flags |= kRareFlag;
  if (rare->open_block_lengths.size() <= index) {
    rare->open_block_lengths.resize(index + 1, kUnknownLength);
  }
  rare->open_block_lengths[index] = length;
}

void InodeTable::ForEachChild(Inode directory, std::string_view after,
                              const std::function<bool(Inode)>& visit, bool inclusive) const {
  if (!directory || directory.is_file()) return;
  const ChildIndex* children = impl_->At(directory.slot_).children;
  if (children == nullptr) return;
  children->ForEach(after, inclusive, impl_->NameOf(),
                    [&](uint32_t slot) { return visit(Inode(this, slot)); });
}

std::optional<uint64_t> InodeTable::Walk(uint64_t cursor, size_t limit,
                                         const std::function<void(Inode)>& visit) const {
  size_t visited = 0;
  for (; cursor < impl_->slot_count && visited < limit; ++cursor) {
    const auto slot = static_cast<uint32_t>(cursor);
    if (impl_->At(slot).id == kNoInode) continue;
    visit(Inode(this, slot));
    ++visited;
  }
  return cursor < impl_->slot_count ? std::optional(cursor) : std::nullopt;
}

size_t InodeTable::MemoryBytes() const {
  const Impl& impl = *impl_;
  size_t bytes = impl.chunks.size() * kSlotsPerChunk * sizeof(Slot) + impl.text.MemoryBytes() +
                 impl.by_id.capacity() * (sizeof(uint32_t) + 1) +
                 impl.rare.capacity() * (sizeof(uint32_t) + sizeof(void*) + 1) +
                 impl.rare.size() * sizeof(Rare) + impl.ownerships.MemoryBytes() +
                 impl.block_sizes.MemoryBytes() + impl.fronts.MemoryBytes();
  for (uint32_t number = 0; number < impl.slot_count; ++number) {
    const Slot& slot = impl.At(number);
    if (slot.id == kNoInode || IsFileId(slot.id) || slot.children == nullptr) continue;
    bytes += slot.children->MemoryBytes();
  }
  return bytes;
}

void InodeTable::DetachEdges() {
  assert(size() == 0);
  impl_->detached = true;
}

Status InodeTable::Impl::CheckParents() const {
  for (uint32_t number = 0; number < slot_count; ++number) {
    const Slot& slot = At(number);
    if (slot.id == kNoInode || slot.id == kRootId) continue;
    const InodeId parent_id = parent_ids[number];
    if (IsFileId(parent_id) || Find(parent_id) == kNoSlot) {
      return DataLoss("inode {} ({}) has parent {}, which is no directory of the namespace",
                      slot.id, Name(number), parent_id);
    }
  }
  return Status::Ok();
}

// Fills all children indexes at once: slots ordered by parent, then by name.
void InodeTable::Impl::SortChildren() {
  struct Edge {
    uint32_t parent;
    uint32_t slot;
  };
  std::vector<Edge> edges;
  edges.reserve(by_id.size());
  for (uint32_t number = 0; number < slot_count; ++number) {
    Slot& slot = At(number);
    if (slot.id == kNoInode || slot.id == kRootId) continue;
    slot.parent = Find(parent_ids[number]);
    edges.push_back({slot.parent, number});
  }
  std::sort(edges.begin(), edges.end(), [&](const Edge& a, const Edge& b) {
    return a.parent != b.parent ? a.parent < b.parent : Name(a.slot) < Name(b.slot);
  });
  std::vector<uint32_t> children;
  for (size_t begin = 0; begin < edges.size();) {
    const uint32_t parent = edges[begin].parent;
    children.clear();
    for (; begin < edges.size() && edges[begin].parent == parent; ++begin) {
      children.push_back(edges[begin].slot);
    }
    At(parent).children = new ChildIndex;
    At(parent).children->Assign(children.data(), children.size());
  }
}

// Siblings have different names, and every inode hangs below the root.
Status InodeTable::Impl::CheckReachable() const {
  if (by_id.empty()) return Status::Ok();
  const uint32_t root = Find(kRootId);
  if (root == kNoSlot) return DataLoss("the namespace has {} inodes but no root", by_id.size());
  std::vector<bool> reached(slot_count, false);
  std::vector<uint32_t> pending = {root};
  reached[root] = true;
  size_t count = 1;
  while (!pending.empty()) {
    const Slot& slot = At(pending.back());
    pending.pop_back();
    if (IsFileId(slot.id) || slot.children == nullptr) continue;
    uint32_t former = kNoSlot;
    Status status;
    slot.children->ForEach({}, false, NameOf(), [&](uint32_t child) {
      if (former != kNoSlot && Name(former) == Name(child)) {
        status = DataLoss("inodes {} and {} are both named {} in directory {}", At(former).id,
                          At(child).id, Name(child), slot.id);
        return false;
      }
      former = child;
      reached[child] = true;
      ++count;
      pending.push_back(child);
      return true;
    });
    RETURN_IF_ERROR(status);
  }
  if (count == by_id.size()) return Status::Ok();
  for (uint32_t number = 0; number < slot_count; ++number) {
    if (At(number).id != kNoInode && !reached[number]) {
      return DataLoss("inode {} ({}) is not below the root", At(number).id, Name(number));
    }
  }
  return DataLoss("the namespace's inode count is wrong");
}

Status InodeTable::BuildEdges() {
  impl_->detached = false;
  Status status = impl_->CheckParents();
  if (status.ok()) impl_->SortChildren();
  impl_->parent_ids = {};
  RETURN_IF_ERROR(status);
  return impl_->CheckReachable();
}

}  // namespace headpond::meta
