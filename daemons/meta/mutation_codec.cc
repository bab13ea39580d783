#include <google/protobuf/text_format.h>

#include <limits>
#include <type_traits>

#include "base/path.h"
#include "meta/journal_format.pb.h"
#include "meta/mutation.h"

namespace headpond::meta {
namespace {

constexpr Bits kLastBits = kAll;
constexpr uint16_t kLastMode = 07777;

void ToFormat(const OperationId& from, format::OperationId& to) {
  to.set_most(from.most);
  to.set_least(from.least);
}

using Pairs = google::protobuf::RepeatedPtrField<format::Pair>;

template <typename Map>
void ToFormat(const Map& from, Pairs& to) {
  for (const auto& [key, value] : from) {
    format::Pair& pair = *to.Add();
    pair.set_key(key);
    pair.set_value(value);
  }
}

template <typename Map>
Map FromFormat(const Pairs& from) {
  Map to;
  for (const format::Pair& pair : from) to[pair.key()] = pair.value();
  return to;
}

void ToFormat(const ExtendedAcl& from, format::Acl& to) {
  for (const auto& [name, bits] : from.users) {
    format::NamedBits& entry = *to.add_users();
    entry.set_name(name);
    entry.set_bits(bits);
  }
  for (const auto& [name, bits] : from.groups) {
    format::NamedBits& entry = *to.add_groups();
    entry.set_name(name);
    entry.set_bits(bits);
  }
  if (from.mask) to.set_mask(*from.mask);
}

void ToFormatRare(const InodeRecord& from, format::Inode& to) {
  const InodeRecord usual;
  if (from.ttl_ms != usual.ttl_ms) to.set_ttl_ms(from.ttl_ms);
  if (from.ttl_action != usual.ttl_action) {
    to.set_ttl_action(static_cast<uint32_t>(from.ttl_action));
  }
  to.set_replication_min(from.replication_min);
  if (from.replication_max != usual.replication_max) to.set_replication_max(from.replication_max);
  if (from.replication_durable != usual.replication_durable) {
    to.set_replication_durable(from.replication_durable);
  }
  if (from.persist_job_id != usual.persist_job_id) to.set_persist_job_id(from.persist_job_id);
  to.set_persist_at_ms(from.persist_at_ms);
  to.set_temp_ufs_path(from.temp_ufs_path);
  if (!from.acl.empty()) ToFormat(from.acl, *to.mutable_acl());
  if (from.default_acl) {
    to.mutable_default_acl()->set_mode(from.default_acl->mode);
    ToFormat(from.default_acl->extended, *to.mutable_default_acl()->mutable_extended());
  }
  ToFormat(from.xattr, *to.mutable_xattr());
  for (const std::string& medium : from.pinned_media) to.add_pinned_media(medium);
  for (const int64_t length : from.open_block_lengths) to.add_open_block_lengths(length);
}

void ToFormat(const InodeRecord& from, format::Inode& to) {
  to.set_id(from.id);
  if (from.parent_id != kNoInode) to.set_parent_id(from.parent_id);
  to.set_name(from.name);
  to.set_owner(from.owner);
  to.set_group(from.group);
  to.set_mode(from.mode);
  to.set_creation_ms(from.creation_ms);
  to.set_modification_since_creation_ms(from.modification_ms - from.creation_ms);
  to.set_access_since_creation_ms(from.access_ms - from.creation_ms);
  to.set_persistence(static_cast<uint32_t>(from.persistence));
  to.set_pinned(from.pinned);
  to.set_fingerprint(from.fingerprint);
  to.set_mount_point(from.mount_point);
  to.set_children_loaded(from.children_loaded);
  to.set_length(from.length);
  to.set_block_size(from.block_size);
  to.set_block_count(from.block_count);
  to.set_completed(from.completed);
  to.set_not_cacheable(!from.cacheable);
  ToFormatRare(from, to);
}

void ToFormat(const MountInfo& from, format::Mount& to) {
  to.set_path(from.path);
  to.set_id(from.id);
  to.set_ufs_uri(from.ufs_uri);
  to.set_read_only(from.read_only);
  to.set_shared(from.shared);
  ToFormat(from.properties, *to.mutable_properties());
}

void RemovedToFormat(const std::vector<InodeId>& removed, format::Mutation& to) {
  int64_t former_container = 0;
  InodeId former_directory = 0;
  for (const InodeId id : removed) {
    if (IsFileId(id)) {
      to.add_removed_file_containers(ContainerOf(id) - former_container);
      former_container = ContainerOf(id);
    } else {
      to.add_removed_directories(id - former_directory);
      former_directory = id;
    }
  }
}

format::Mutation ToFormat(const Mutation& from) {
  format::Mutation to;
  to.set_op_time_ms(from.op_time_ms);
  if (!from.operation_id.empty()) ToFormat(from.operation_id, *to.mutable_operation_id());
  for (const InodeRecord& record : from.puts) ToFormat(record, *to.add_puts());
  RemovedToFormat(from.removed, to);
  for (const Mutation::Touch& touch : from.touched) {
    format::Touch& entry = *to.add_touched();
    entry.set_id(touch.id);
    if (touch.modification_ms) entry.set_modification_ms(*touch.modification_ms);
    if (touch.access_ms) entry.set_access_ms(*touch.access_ms);
  }
  for (const Mutation::BlockCount& count : from.block_counts) {
    format::BlockCount& entry = *to.add_block_counts();
    entry.set_file_id(count.file_id);
    entry.set_count(count.count);
  }
  for (const Mutation::BlockLength& length : from.block_lengths) {
    format::BlockLength& entry = *to.add_block_lengths();
    entry.set_block_id(length.block_id);
    entry.set_length(length.length);
  }
  to.set_next_container(from.next_container);
  to.set_next_directory_id(from.next_directory_id);
  for (const MountInfo& mount : from.mount_puts) ToFormat(mount, *to.add_mount_puts());
  for (const std::string& path : from.mount_removals) to.add_mount_removals(path);
  for (const auto& [path, properties] : from.path_config_puts) {
    format::PathConfig& entry = *to.add_path_config_puts();
    entry.set_path(path);
    ToFormat(properties, *entry.mutable_properties());
  }
  for (const std::string& path : from.path_config_removals) to.add_path_config_removals(path);
  for (const std::string& worker : from.worker_puts) to.add_worker_puts(worker);
  for (const std::string& worker : from.worker_removals) to.add_worker_removals(worker);
  for (const auto& [uri, mode] : from.ufs_modes) {
    format::UfsMode& entry = *to.add_ufs_modes();
    entry.set_ufs_uri(uri);
    entry.set_mode(static_cast<uint32_t>(mode));
  }
  to.set_cluster_id(from.cluster_id);
  for (const OperationId& id : from.completed_operations) {
    ToFormat(id, *to.add_completed_operations());
  }
  return to;
}

Status Check(bool good, std::string_view field) {
  return good ? Status::Ok() : DataLoss("journal entry: field {} is out of range", field);
}

template <typename Enum>
Result<Enum> ToEnum(uint32_t value, Enum first, Enum last, std::string_view field) {
  RETURN_IF_ERROR(
      Check(value >= static_cast<uint32_t>(first) && value <= static_cast<uint32_t>(last), field));
  return static_cast<Enum>(value);
}

OperationId FromFormat(const format::OperationId& from) {
  return {from.most(), from.least()};
}

Result<ExtendedAcl> FromFormat(const format::Acl& from) {
  ExtendedAcl to;
  for (const auto& entry : from.users()) {
    RETURN_IF_ERROR(Check(entry.bits() <= kLastBits, "acl.users.bits"));
    to.users[entry.name()] = static_cast<Bits>(entry.bits());
  }
  for (const auto& entry : from.groups()) {
    RETURN_IF_ERROR(Check(entry.bits() <= kLastBits, "acl.groups.bits"));
    to.groups[entry.name()] = static_cast<Bits>(entry.bits());
  }
  if (from.has_mask()) {
    RETURN_IF_ERROR(Check(from.mask() <= kLastBits, "acl.mask"));
    to.mask = static_cast<Bits>(from.mask());
  }
  return to;
}

Status RareFromFormat(const format::Inode& from, InodeRecord& to) {
  if (from.has_ttl_ms()) to.ttl_ms = from.ttl_ms();
  if (from.has_ttl_action()) {
    ASSIGN_OR_RETURN(to.ttl_action, ToEnum(from.ttl_action(), TtlAction::kDelete,
                                           TtlAction::kDeleteAlluxio, "ttl_action"));
  }
  to.replication_min = from.replication_min();
  if (from.has_replication_max()) to.replication_max = from.replication_max();
  if (from.has_replication_durable()) to.replication_durable = from.replication_durable();
  if (from.has_persist_job_id()) to.persist_job_id = from.persist_job_id();
  to.persist_at_ms = from.persist_at_ms();
  to.temp_ufs_path = from.temp_ufs_path();
  if (from.has_acl()) {
    ASSIGN_OR_RETURN(to.acl, FromFormat(from.acl()));
  }
  if (from.has_default_acl()) {
    RETURN_IF_ERROR(Check(from.default_acl().mode() <= kLastMode, "default_acl.mode"));
    DefaultAcl acl;
    acl.mode = static_cast<uint16_t>(from.default_acl().mode());
    ASSIGN_OR_RETURN(acl.extended, FromFormat(from.default_acl().extended()));
    to.default_acl = std::move(acl);
  }
  to.xattr = FromFormat<XattrMap>(from.xattr());
  to.pinned_media.assign(from.pinned_media().begin(), from.pinned_media().end());
  RETURN_IF_ERROR(Check(static_cast<uint32_t>(from.open_block_lengths_size()) <= to.block_count,
                        "open_block_lengths"));
  for (const int64_t length : from.open_block_lengths()) {
    RETURN_IF_ERROR(Check(length >= kUnknownLength, "open_block_lengths"));
    to.open_block_lengths.push_back(length);
  }
  return Status::Ok();
}

// Differences of times come from the wire too: keep them from overflowing.
constexpr int64_t kLastTimeMs = std::numeric_limits<int64_t>::max() / 4;
bool IsTime(int64_t ms) {
  return ms >= -kLastTimeMs && ms <= kLastTimeMs;
}

Result<InodeRecord> FromFormat(const format::Inode& from) {
  InodeRecord to;
  to.id = from.id();
  RETURN_IF_ERROR(Check(to.id >= 0, "inode.id"));
  if (from.has_parent_id()) to.parent_id = from.parent_id();
  const bool is_root = to.id == kRootId;
  RETURN_IF_ERROR(Check(is_root == (to.parent_id == kNoInode), "inode.parent_id"));
  RETURN_IF_ERROR(
      Check(is_root || (to.parent_id >= 0 && !IsFileId(to.parent_id)), "inode.parent_id"));
  to.name = from.name();
  RETURN_IF_ERROR(
      Check(is_root == to.name.empty() && to.name.size() <= kMaxNameBytes, "inode.name"));
  to.owner = from.owner();
  to.group = from.group();
  RETURN_IF_ERROR(Check(from.mode() <= kLastMode, "inode.mode"));
  to.mode = static_cast<uint16_t>(from.mode());
  RETURN_IF_ERROR(Check(IsTime(from.creation_ms()) &&
                            IsTime(from.modification_since_creation_ms()) &&
                            IsTime(from.access_since_creation_ms()),
                        "inode times"));
  to.creation_ms = from.creation_ms();
  to.modification_ms = from.creation_ms() + from.modification_since_creation_ms();
  to.access_ms = from.creation_ms() + from.access_since_creation_ms();
  ASSIGN_OR_RETURN(to.persistence, ToEnum(from.persistence(), PersistenceState::kNotPersisted,
                                          PersistenceState::kLost, "inode.persistence"));
  to.pinned = from.pinned();
  to.fingerprint = from.fingerprint();
  to.mount_point = from.mount_point();
  to.children_loaded = from.children_loaded();
  RETURN_IF_ERROR(Check(from.length() >= 0, "inode.length"));
  RETURN_IF_ERROR(
      Check(from.block_size() >= 0 && from.block_size() <= kMaxBlockSize, "inode.block_size"));
  to.length = from.length();
  to.block_size = from.block_size();
  RETURN_IF_ERROR(Check(from.block_count() <= kMaxSequence, "inode.block_count"));
  to.block_count = from.block_count();
  to.completed = from.completed();
  to.cacheable = !from.not_cacheable();
  RETURN_IF_ERROR(RareFromFormat(from, to));
  return to;
}

Result<MountInfo> FromFormat(const format::Mount& from) {
  RETURN_IF_ERROR(Check(from.path().starts_with('/'), "mount.path"));
  MountInfo to;
  to.path = from.path();
  to.id = from.id();
  to.ufs_uri = from.ufs_uri();
  to.read_only = from.read_only();
  to.shared = from.shared();
  to.properties = FromFormat<decltype(to.properties)>(from.properties());
  return to;
}

Result<std::vector<InodeId>> RemovedFromFormat(const format::Mutation& from) {
  std::vector<InodeId> removed;
  removed.reserve(static_cast<size_t>(from.removed_file_containers_size()) +
                  static_cast<size_t>(from.removed_directories_size()));
  // Unsigned, because sums of hostile differences may wrap.
  uint64_t container = 0;
  for (const int64_t difference : from.removed_file_containers()) {
    container += static_cast<uint64_t>(difference);
    RETURN_IF_ERROR(Check(container <= uint64_t{kMaxContainer}, "removed_file_containers"));
    removed.push_back(FileIdOfContainer(static_cast<int64_t>(container)));
  }
  uint64_t directory = 0;
  for (const int64_t difference : from.removed_directories()) {
    directory += static_cast<uint64_t>(difference);
    RETURN_IF_ERROR(Check(directory <= uint64_t{std::numeric_limits<int64_t>::max()} &&
                              !IsFileId(static_cast<InodeId>(directory)),
                          "removed_directories"));
    removed.push_back(static_cast<InodeId>(directory));
  }
  return removed;
}

Status InodesFromFormat(const format::Mutation& from, Mutation& to) {
  to.puts.reserve(static_cast<size_t>(from.puts_size()));
  for (const format::Inode& inode : from.puts()) {
    ASSIGN_OR_RETURN(InodeRecord record, FromFormat(inode));
    to.puts.push_back(std::move(record));
  }
  ASSIGN_OR_RETURN(to.removed, RemovedFromFormat(from));
  for (const format::Touch& touch : from.touched()) {
    Mutation::Touch& entry = to.touched.emplace_back();
    entry.id = touch.id();
    if (touch.has_modification_ms()) entry.modification_ms = touch.modification_ms();
    if (touch.has_access_ms()) entry.access_ms = touch.access_ms();
    RETURN_IF_ERROR(Check(IsTime(touch.modification_ms()) && IsTime(touch.access_ms()), "touched"));
  }
  for (const format::BlockCount& count : from.block_counts()) {
    RETURN_IF_ERROR(Check(IsFileId(count.file_id()), "block_counts.file_id"));
    RETURN_IF_ERROR(Check(count.count() <= kMaxSequence, "block_counts.count"));
    to.block_counts.push_back({count.file_id(), count.count()});
  }
  for (const format::BlockLength& length : from.block_lengths()) {
    RETURN_IF_ERROR(
        Check(length.block_id() >= 0 && !IsFileId(length.block_id()), "block_lengths.block_id"));
    RETURN_IF_ERROR(Check(length.length() >= 0, "block_lengths.length"));
    to.block_lengths.push_back({length.block_id(), length.length()});
  }
  return Status::Ok();
}

Result<Mutation> FromFormat(const format::Mutation& from) {
  Mutation to;
  RETURN_IF_ERROR(Check(IsTime(from.op_time_ms()), "op_time_ms"));
  to.op_time_ms = from.op_time_ms();
  to.operation_id = FromFormat(from.operation_id());
  RETURN_IF_ERROR(InodesFromFormat(from, to));
  RETURN_IF_ERROR(Check(from.next_container() >= 0 && from.next_container() <= kMaxContainer + 1,
                        "next_container"));
  to.next_container = from.next_container();
  RETURN_IF_ERROR(Check(from.next_directory_id() >= 0, "next_directory_id"));
  to.next_directory_id = from.next_directory_id();
  for (const format::Mount& mount : from.mount_puts()) {
    ASSIGN_OR_RETURN(MountInfo info, FromFormat(mount));
    to.mount_puts.push_back(std::move(info));
  }
  to.mount_removals.assign(from.mount_removals().begin(), from.mount_removals().end());
  for (const format::PathConfig& entry : from.path_config_puts()) {
    to.path_config_puts[entry.path()] =
        FromFormat<std::map<std::string, std::string>>(entry.properties());
  }
  to.path_config_removals.assign(from.path_config_removals().begin(),
                                 from.path_config_removals().end());
  for (const format::UfsMode& entry : from.ufs_modes()) {
    ASSIGN_OR_RETURN(to.ufs_modes[entry.ufs_uri()],
                     ToEnum(entry.mode(), UfsMode::kNoAccess, UfsMode::kReadWrite, "ufs_modes"));
  }
  to.cluster_id = from.cluster_id();
  to.worker_puts.assign(from.worker_puts().begin(), from.worker_puts().end());
  to.worker_removals.assign(from.worker_removals().begin(), from.worker_removals().end());
  for (const format::OperationId& id : from.completed_operations()) {
    to.completed_operations.push_back(FromFormat(id));
  }
  return to;
}

Result<format::Mutation> Parse(std::string_view payload) {
  format::Mutation parsed;
  if (payload.size() > size_t{std::numeric_limits<int>::max()} ||
      !parsed.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return DataLoss("journal entry of {} bytes is no mutation", payload.size());
  }
  return parsed;
}

}  // namespace

std::string EncodeMutation(const Mutation& mutation) {
  return ToFormat(mutation).SerializeAsString();
}

Result<Mutation> DecodeMutation(std::string_view payload) {
  ASSIGN_OR_RETURN(const format::Mutation parsed, Parse(payload));
  return FromFormat(parsed);
}

Result<std::string> DescribeMutation(std::string_view payload) {
  ASSIGN_OR_RETURN(const format::Mutation parsed, Parse(payload));
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  if (!printer.PrintToString(parsed, &text)) return DataLoss("journal entry can't be shown");
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace headpond::meta
