#include "meta/namespace.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cassert>
#include <deque>
#include <limits>
#include <utility>

#include "base/path.h"
#include "meta/fingerprint_code.h"

namespace headpond::meta {
namespace {

constexpr size_t kInodesPerRecord = 512;
constexpr size_t kOperationsPerRecord = 10'000;
constexpr std::string_view kEtagKey = "s3_etag";

// Stock keeps the content hash of persisted files as this attribute too, which its S3 proxy reads.
// Here it is computed, so that it costs no memory. In fingerprints blanks are written '_'.
std::optional<std::string> EtagOf(const std::string& fingerprint) {
  const auto hash = FingerprintField(fingerprint, "CONTENT_HASH");
  if (!hash || *hash == "_") return std::nullopt;
  std::string etag(*hash);
  constexpr std::string_view kLocalForm = ",_modtime:";
  if (const size_t at = etag.find(kLocalForm); at != std::string::npos) etag[at + 1] = ' ';
  return etag;
}

int64_t BlockLength(Inode file, uint32_t index) {
  if (!file.completed()) return file.open_block_length(index);
  if (index + 1 < file.block_count()) return file.block_size();
  return file.length() - int64_t{index} * file.block_size();
}

// Whether some of a completed file's blocks were never written and don't count: then the lengths of
// the others are kept (meta/ops/complete_file.cc).
bool HasGaps(Inode file) {
  return file.completed() && file.block_count() > 0 &&
         file.open_block_length(file.block_count() - 1) != kUnknownLength;
}

std::vector<BlockSpan> BlocksOf(Inode file) {
  std::vector<BlockSpan> blocks;
  blocks.reserve(file.block_count());
  const bool gaps = HasGaps(file);
  for (uint32_t index = 0; index < file.block_count(); ++index) {
    const int64_t length = gaps ? file.open_block_length(index) : BlockLength(file, index);
    if (gaps && length == kUnknownLength) continue;
    blocks.push_back({BlockIdOf(file.id(), index),
                      static_cast<int64_t>(blocks.size()) * file.block_size(), length});
  }
  return blocks;
}

}  // namespace

Status PathWalk::Error() const {
  if (found()) return Status::Ok();
  if (through_file) {
    return InvalidArgument(
        "Traversal failed for path {}. Component {}({}) is a file, not a directory.", path,
        existing.size() - 1, existing.back().name());
  }
  return NotFound("Path \"{}\" does not exist.", path);
}

// The last operations that were completed, by number: the n-th ever has number n. Bounded.
class Namespace::CompletedOperations {
 public:
  explicit CompletedOperations(size_t limit) : limit_(limit) {}

  bool Contains(const OperationId& id) const { return known_.contains(Key(id)); }
  void Add(const OperationId& id) {
    if (limit_ == 0 || id.empty() || !known_.insert(Key(id)).second) return;
    order_.push_back(id);
    if (order_.size() <= limit_) return;
    known_.erase(Key(order_.front()));
    order_.pop_front();
    ++first_;
  }
  // Up to `count` from number `begin` on (or the oldest there is); moves `begin` behind them.
  std::vector<OperationId> From(uint64_t& begin, size_t count) const {
    begin = std::max(begin, first_);
    const size_t offset = std::min<size_t>(begin - first_, order_.size());
    const auto from = order_.begin() + static_cast<ptrdiff_t>(offset);
    const auto to = from + static_cast<ptrdiff_t>(std::min(count, order_.size() - offset));
    begin += static_cast<uint64_t>(to - from);
    return {from, to};
  }

 private:
  static std::pair<uint64_t, uint64_t> Key(const OperationId& id) { return {id.most, id.least}; }

  const size_t limit_;
  uint64_t first_ = 0;
  std::deque<OperationId> order_;
  absl::flat_hash_set<std::pair<uint64_t, uint64_t>> known_;
};

struct Namespace::Membership {
  bool pinned = false;
  bool to_be_persisted = false;
  bool lost = false;
  bool replication_limited = false;
  std::optional<int64_t> deadline_ms;
};

Namespace::Namespace(NamespaceOptions options)
    : options_(std::move(options)),
      completed_(std::make_unique<CompletedOperations>(options_.operation_cache_size)) {}
Namespace::~Namespace() = default;

Namespace::Membership Namespace::MembershipOf(Inode inode) {
  Membership member;
  if (const int64_t ttl_ms = inode.ttl_ms(); ttl_ms >= 0) {
    const int64_t room =
        std::numeric_limits<int64_t>::max() - std::max<int64_t>(0, inode.creation_ms());
    member.deadline_ms = inode.creation_ms() + std::min(ttl_ms, room);
  }
  if (inode.is_directory()) return member;
  member.pinned = inode.pinned();
  member.to_be_persisted =
      inode.completed() && inode.persistence() == PersistenceState::kToBePersisted;
  member.lost = inode.persistence() == PersistenceState::kLost;
  member.replication_limited = inode.replication_min() > 0 || inode.replication_max() >= 0;
  return member;
}

void Namespace::Index(Inode inode) {
  const Membership member = MembershipOf(inode);
  const InodeId id = inode.id();
  if (member.pinned) pinned_files_.insert(id);
  if (member.to_be_persisted) to_be_persisted_.insert(id);
  if (member.lost) lost_files_.insert(id);
  if (member.replication_limited) replication_limited_.insert(id);
  if (member.deadline_ms) ttl_deadlines_.insert({*member.deadline_ms, id});
}

void Namespace::Unindex(Inode inode) {
  const Membership member = MembershipOf(inode);
  const InodeId id = inode.id();
  if (member.pinned) pinned_files_.erase(id);
  if (member.to_be_persisted) to_be_persisted_.erase(id);
  if (member.lost) lost_files_.erase(id);
  if (member.replication_limited) replication_limited_.erase(id);
  if (member.deadline_ms) ttl_deadlines_.erase({*member.deadline_ms, id});
}

void Namespace::ApplyInodes(const Mutation& mutation) {
  if (!recovering_) {
    for (const InodeId id : mutation.removed) {
      if (const Inode inode = inodes_.Find(id)) Unindex(inode);
    }
  }
  inodes_.Remove(mutation.removed);
  for (const InodeRecord& record : mutation.puts) {
    if (!recovering_) {
      if (const Inode former = inodes_.Find(record.id)) Unindex(former);
    }
    inodes_.Put(record);
    if (!recovering_) Index(inodes_.Find(record.id));
  }
  for (const Mutation::Touch& touch : mutation.touched) {
    inodes_.Touch(touch.id, touch.modification_ms, touch.access_ms);
  }
  for (const Mutation::BlockCount& count : mutation.block_counts) {
    inodes_.SetBlockCount(count.file_id, count.count);
  }
  for (const Mutation::BlockLength& length : mutation.block_lengths) {
    inodes_.SetOpenBlockLength(FileIdOfBlock(length.block_id),
                               static_cast<uint32_t>(SequenceOf(length.block_id)), length.length);
  }
}

void Namespace::ApplySettings(const Mutation& mutation) {
  next_container_ = std::max(next_container_, mutation.next_container);
  next_directory_id_ = std::max(next_directory_id_, mutation.next_directory_id);
  for (const std::string& path : mutation.mount_removals) mounts_.Remove(path);
  for (const MountInfo& mount : mutation.mount_puts) mounts_.Put(mount);
  for (const std::string& path : mutation.path_config_removals) path_config_.erase(path);
  for (const auto& [path, properties] : mutation.path_config_puts) path_config_[path] = properties;
  for (const auto& [uri, mode] : mutation.ufs_modes) ufs_modes_[uri] = mode;
  if (!mutation.cluster_id.empty()) cluster_id_ = mutation.cluster_id;
  for (const std::string& worker : mutation.worker_removals) workers_.erase(worker);
  workers_.insert(mutation.worker_puts.begin(), mutation.worker_puts.end());
  for (const OperationId& id : mutation.completed_operations) completed_->Add(id);
  completed_->Add(mutation.operation_id);
}

void Namespace::Apply(const Mutation& mutation) {
  ApplyInodes(mutation);
  ApplySettings(mutation);
}

void Namespace::BeginRecovery() {
  assert(inodes_.size() == 0);
  recovering_ = true;
  inodes_.DetachEdges();
}

void Namespace::ApplyDuringRecovery(const Mutation& mutation) {
  Apply(mutation);
}

Status Namespace::FinishRecovery() {
  recovering_ = false;
  RETURN_IF_ERROR(inodes_.BuildEdges());
  inodes_.Walk(0, std::numeric_limits<size_t>::max(), [&](Inode inode) { Index(inode); });
  return Status::Ok();
}

Mutation Namespace::SnapshotHeader(SnapshotCursor& cursor) const {
  Mutation header;
  header.next_container = next_container_;
  header.next_directory_id = next_directory_id_;
  for (const auto& [path, mount] : mounts_.mounts()) header.mount_puts.push_back(mount);
  header.path_config_puts = path_config_;
  header.ufs_modes = ufs_modes_;
  header.cluster_id = cluster_id_;
  header.worker_puts = {workers_.begin(), workers_.end()};
  header.completed_operations = completed_->From(cursor.position, kOperationsPerRecord);
  return header;
}

std::vector<std::string> Namespace::NextSnapshotBatch(SnapshotCursor& cursor, size_t limit) const {
  enum Stage { kHeader, kOperations, kInodes };
  std::vector<std::string> records;
  if (cursor.done) return records;
  if (cursor.stage == kHeader) {
    records.push_back(EncodeMutation(SnapshotHeader(cursor)));
    cursor.stage = kOperations;
    return records;
  }
  if (cursor.stage == kOperations) {
    Mutation batch;
    batch.completed_operations = completed_->From(cursor.position, kOperationsPerRecord);
    if (!batch.completed_operations.empty()) {
      records.push_back(EncodeMutation(batch));
      return records;
    }
    cursor.stage = kInodes;
    cursor.position = 0;
  }
  for (size_t taken = 0; taken < limit && !cursor.done;) {
    Mutation batch;
    const auto next = inodes_.Walk(cursor.position, std::min(kInodesPerRecord, limit - taken),
                                   [&](Inode inode) { batch.puts.push_back(inode.ToRecord()); });
    taken += batch.puts.size();
    if (!batch.puts.empty()) records.push_back(EncodeMutation(batch));
    cursor.position = next.value_or(0);
    cursor.done = !next;
  }
  return records;
}

PathWalk Namespace::Walk(std::string_view path) const {
  PathWalk walk;
  walk.path = path;
  Inode inode = inodes_.root();
  walk.existing.push_back(inode);
  size_t component = 0;
  for (const std::string_view name : PathComponents(path)) {
    ++component;
    const Inode child = inode.child(name);
    if (!child) {
      walk.missing_component = component;
      walk.through_file = inode.is_file();
      walk.may_exist_in_ufs = inode.is_directory() && !inode.children_loaded();
      return walk;
    }
    walk.existing.push_back(child);
    inode = child;
  }
  return walk;
}

Result<Inode> Namespace::Lookup(std::string_view path) const {
  const PathWalk walk = Walk(path);
  RETURN_IF_ERROR(walk.Error());
  return walk.inode();
}

std::string Namespace::PathOf(Inode inode) const {
  std::vector<std::string_view> names;
  size_t size = 0;
  for (; inode.id() != kRootId; inode = inode.parent()) {
    names.push_back(inode.name());
    size += names.back().size() + 1;
  }
  if (names.empty()) return "/";
  std::string path;
  path.reserve(size);
  for (auto name = names.rbegin(); name != names.rend(); ++name) path.append("/").append(*name);
  return path;
}

Result<std::string> Namespace::PathOf(InodeId id) const {
  const Inode inode = inodes_.Find(id);
  if (!inode) return NotFound("inodeId {} does not exist", id);
  return PathOf(inode);
}

FileInfo Namespace::Describe(Inode inode, std::string path, bool mount_info) const {
  InodeRecord record = inode.ToRecord();
  FileInfo info;
  info.file_id = record.id;
  info.folder = record.is_directory();
  if (mount_info) {
    if (auto location = mounts_.Resolve(path); location.ok()) {
      info.ufs_path = std::move(location->ufs_path);
      info.mount_id = location->mount_id;
    }
  }
  info.path = std::move(path);
  info.name = std::move(record.name);
  info.creation_ms = record.creation_ms;
  info.modification_ms = record.modification_ms;
  info.access_ms = record.access_ms;
  info.pinned = record.pinned;
  info.persistence = record.persistence;
  info.persisted = record.persistence == PersistenceState::kPersisted;
  info.mount_point = record.mount_point;
  info.ttl_ms = record.ttl_ms;
  info.ttl_action = record.ttl_action;
  info.owner = std::move(record.owner);
  info.group = std::move(record.group);
  info.mode = record.mode;
  info.acl = std::move(record.acl);
  info.default_acl = std::move(record.default_acl);
  info.xattr = std::move(record.xattr);
  info.pinned_media = std::move(record.pinned_media);
  info.fingerprint = std::move(record.fingerprint);
  if (info.folder) {
    info.completed = true;
    info.length = static_cast<int64_t>(inode.child_count());
    return info;
  }
  info.length = record.length;
  info.block_size = record.block_size;
  info.completed = record.completed;
  info.cacheable = record.cacheable;
  info.replication_min = record.replication_min;
  info.replication_max = record.replication_max;
  info.blocks = BlocksOf(inode);
  if (auto etag = EtagOf(info.fingerprint)) info.xattr.try_emplace(std::string(kEtagKey), *etag);
  return info;
}

Result<BlockSpan> Namespace::FindBlock(BlockId block) const {
  const Inode file = block < 0 || IsFileId(block) ? Inode() : inodes_.Find(FileIdOfBlock(block));
  const auto index = static_cast<uint32_t>(SequenceOf(block));
  if (file && index < file.block_count()) {
    if (!HasGaps(file))
      return BlockSpan{block, int64_t{index} * file.block_size(), BlockLength(file, index)};
    for (const BlockSpan& span : BlocksOf(file))
      if (span.id == block) return span;
  }
  return NotFound("BlockMeta not found for blockId {}", block);
}

bool Namespace::IsCompleted(const OperationId& id) const {
  return !id.empty() && completed_->Contains(id);
}

UfsMode Namespace::UfsModeOf(const MountInfo& mount) const {
  const auto found = ufs_modes_.find(UfsRootOf(mount.ufs_uri));
  return found == ufs_modes_.end() ? UfsMode::kReadWrite : found->second;
}

Status Namespace::CheckIndexes() const {
  std::set<InodeId> pinned, persisting, lost, limited;
  std::set<std::pair<int64_t, InodeId>> deadlines;
  inodes_.Walk(0, std::numeric_limits<size_t>::max(), [&](Inode inode) {
    const Membership member = MembershipOf(inode);
    if (member.pinned) pinned.insert(inode.id());
    if (member.to_be_persisted) persisting.insert(inode.id());
    if (member.lost) lost.insert(inode.id());
    if (member.replication_limited) limited.insert(inode.id());
    if (member.deadline_ms) deadlines.insert({*member.deadline_ms, inode.id()});
  });
  if (pinned != pinned_files_) return DataLoss("the set of pinned files is wrong");
  if (persisting != to_be_persisted_) return DataLoss("the set of files to persist is wrong");
  if (lost != lost_files_) return DataLoss("the set of lost files is wrong");
  if (limited != replication_limited_) return DataLoss("the set of replicated files is wrong");
  if (deadlines != ttl_deadlines_) return DataLoss("the set of TTL deadlines is wrong");
  return Status::Ok();
}

Status Namespace::CheckInvariants() const {
  Status status;
  const auto fail = [&](Inode inode, std::string_view what) {
    if (status.ok()) status = DataLoss("inode {} ({}): {}", inode.id(), inode.name(), what);
  };
  size_t edges = 0;
  inodes_.Walk(0, std::numeric_limits<size_t>::max(), [&](Inode inode) {
    const Inode parent = inode.parent();
    if (inode.id() == kRootId) {
      if (parent) fail(inode, "the root has a parent");
    } else if (!parent || !parent.is_directory() || parent.child(inode.name()) != inode) {
      fail(inode, "is not found under its parent");
    }
    if (inode.is_directory()) {
      size_t children = 0;
      std::string former;
      inodes_.ForEachChild(inode, {}, [&](Inode child) {
        if (children++ > 0 && child.name() <= former) fail(child, "is out of order");
        if (child.parent() != inode) fail(child, "has another parent than the directory it is in");
        former = child.name();
        return true;
      });
      if (children != inode.child_count()) fail(inode, "has a wrong number of children");
      edges += children;
      if (inode.id() >= next_directory_id_) fail(inode, "has an id that may be given again");
      return;
    }
    if (ContainerOf(inode.id()) >= next_container_)
      fail(inode, "has an id that may be given again");
    if (HasGaps(inode)) {
      int64_t length = 0;
      for (const BlockSpan& block : BlocksOf(inode)) length += block.length;
      if (length != inode.length()) fail(inode, "has blocks of another length than its own");
      return;
    }
    if (inode.completed() && inode.open_block_length(0) != kUnknownLength) {
      fail(inode, "is complete but has lengths of open blocks");
    }
    if (inode.completed() && inode.block_count() > 0 &&
        BlockLength(inode, inode.block_count() - 1) < 0) {
      fail(inode, "has more blocks than its length fills");
    }
  });
  RETURN_IF_ERROR(status);
  if (inodes_.size() != (initialized() ? edges + 1 : 0)) {
    return DataLoss("{} inodes but {} edges", inodes_.size(), edges);
  }
  for (const auto& [path, mount] : mounts_.mounts()) {
    const PathWalk walk = Walk(path);
    if (!walk.found()) return DataLoss("mount point {} does not exist", path);
    if (path != "/" && !walk.inode().mount_point())
      return DataLoss("{} is not marked as a mount point", path);
  }
  return CheckIndexes();
}

}  // namespace headpond::meta
