#include "client/convert.h"

#include <utility>

#include "net/worker_address_wire.h"

namespace headpond::client {
namespace {

namespace wire_file = alluxio::grpc::file;

template <typename T>
std::vector<T> ToVector(const google::protobuf::RepeatedField<T>& field) {
  return {field.begin(), field.end()};
}

std::vector<std::string> TakeStrings(google::protobuf::RepeatedPtrField<std::string>* field) {
  std::vector<std::string> strings;
  strings.reserve(static_cast<size_t>(field->size()));
  for (std::string& text : *field) strings.push_back(std::move(text));
  return strings;
}

// Bits of PAclAction and AclEntry::bits.
constexpr std::pair<wire_file::PAclAction, int> kActions[] = {
    {wire_file::Read, 4}, {wire_file::Write, 2}, {wire_file::Execute, 1}};

int BitsOf(wire_file::PAclAction action) {
  for (const auto& [wire, bit] : kActions)
    if (wire == action) return bit;
  return 0;
}

}  // namespace

BlockInfo FromWire(const alluxio::grpc::BlockInfo& wire) {
  BlockInfo block{.id = wire.blockid(), .length = wire.length()};
  block.locations.reserve(static_cast<size_t>(wire.locations_size()));
  for (const auto& location : wire.locations())
    block.locations.push_back({.worker_id = location.workerid(),
                               .worker = net::FromWire(location.workeraddress()),
                               .tier_alias = location.tieralias(),
                               .medium_type = location.mediumtype()});
  return block;
}

Acl FromWire(const wire_file::PAcl& wire) {
  Acl acl{.owner = wire.owner(),
          .owning_group = wire.owninggroup(),
          .mode = wire.mode(),
          .is_default = wire.isdefault(),
          .is_default_empty = wire.isdefaultempty()};
  if (acl.is_default && acl.is_default_empty) return acl;
  // The three basic entries travel as the mode.
  acl.entries = {{.type = AclEntry::Type::kOwner, .bits = acl.mode >> 6 & 7},
                 {.type = AclEntry::Type::kOwningGroup, .bits = acl.mode >> 3 & 7},
                 {.type = AclEntry::Type::kOther, .bits = acl.mode & 7}};
  for (const auto& entry : wire.entries()) {
    AclEntry added;
    added.type =
        static_cast<AclEntry::Type>(entry.type());  // the same order; unknown values parse as unset
    added.subject = entry.subject();
    for (const int action : entry.actions())
      added.bits |= BitsOf(static_cast<wire_file::PAclAction>(action));
    const bool basic = added.type == AclEntry::Type::kOwner ||
                       added.type == AclEntry::Type::kOwningGroup ||
                       added.type == AclEntry::Type::kOther;
    if (!basic) acl.entries.push_back(std::move(added));
  }
  for (AclEntry& entry : acl.entries) entry.is_default = acl.is_default;
  return acl;
}

FileInfo FromWire(wire_file::FileInfo&& wire) {
  FileInfo info;
  info.file_id = wire.fileid();
  info.name = std::move(*wire.mutable_name());
  info.path = std::move(*wire.mutable_path());
  info.ufs_path = std::move(*wire.mutable_ufspath());
  info.length = wire.length();
  info.block_size = wire.blocksizebytes();
  info.creation_time_ms = wire.creationtimems();
  info.last_modification_time_ms = wire.lastmodificationtimems();
  info.last_access_time_ms = wire.lastaccesstimems();
  info.completed = wire.completed();
  info.folder = wire.folder();
  info.pinned = wire.pinned();
  info.cacheable = wire.cacheable();
  info.persisted = wire.persisted();
  info.mount_point = wire.mountpoint();
  info.block_ids = ToVector(wire.blockids());
  info.blocks.reserve(static_cast<size_t>(wire.fileblockinfos_size()));
  for (auto& block : *wire.mutable_fileblockinfos())
    info.blocks.push_back({.block = FromWire(block.blockinfo()),
                           .offset = block.offset(),
                           .ufs_locations = TakeStrings(block.mutable_ufsstringlocations())});
  info.ttl_ms = wire.has_ttl() ? wire.ttl() : -1;
  info.ttl_action = static_cast<TtlAction>(wire.ttlaction());
  info.owner = std::move(*wire.mutable_owner());
  info.group = std::move(*wire.mutable_group());
  info.mode = wire.mode();
  info.persistence_state = std::move(*wire.mutable_persistencestate());
  info.mount_id = wire.mountid();
  info.in_alluxio_percentage = wire.inalluxiopercentage();
  info.in_memory_percentage = wire.inmemorypercentage();
  info.ufs_fingerprint = std::move(*wire.mutable_ufsfingerprint());
  if (wire.has_acl()) info.acl = FromWire(wire.acl());
  if (wire.has_defaultacl()) info.default_acl = FromWire(wire.defaultacl());
  info.replication_max = wire.replicationmax();
  info.replication_min = wire.replicationmin();
  for (const auto& [key, value] : wire.xattr()) info.xattr.emplace(key, value);
  info.medium_types = TakeStrings(wire.mutable_mediumtype());
  return info;
}

WorkerInfo FromWire(const alluxio::grpc::block::WorkerInfo& wire) {
  return {
      .id = wire.id(),
      .address = net::FromWire(wire.address()),
      .last_contact_s = wire.lastcontactsec(),
      .state = wire.state(),
      .capacity_bytes = wire.capacitybytes(),
      .used_bytes = wire.usedbytes(),
      .start_time_ms = wire.starttimems(),
      .capacity_on_tiers = {wire.capacitybytesontiers().begin(), wire.capacitybytesontiers().end()},
      .used_on_tiers = {wire.usedbytesontiers().begin(), wire.usedbytesontiers().end()},
      .version = wire.buildversion().version(),
      .revision = wire.buildversion().revision(),
      .vcpus = wire.numvcpu()};
}

wire_file::PAclEntry ToWire(const AclEntry& entry) {
  wire_file::PAclEntry wire;
  wire.set_type(static_cast<wire_file::PAclEntryType>(entry.type));
  if (!entry.subject.empty()) wire.set_subject(entry.subject);
  wire.set_isdefault(entry.is_default);
  for (const auto& [action, bit] : kActions)
    if (entry.bits & bit) wire.add_actions(action);
  return wire;
}

alluxio::grpc::TtlAction ToWire(TtlAction action) {
  return static_cast<alluxio::grpc::TtlAction>(action);
}

wire_file::WritePType ToWire(WriteType type) {
  switch (type) {
    case WriteType::kMustCache: return wire_file::MUST_CACHE;
    case WriteType::kCacheThrough: return wire_file::CACHE_THROUGH;
    case WriteType::kThrough: return wire_file::THROUGH;
    case WriteType::kAsyncThrough: return wire_file::ASYNC_THROUGH;
    case WriteType::kNone: break;
  }
  return wire_file::NONE;
}

wire_file::LoadMetadataPType ToWire(LoadMetadata type) {
  return static_cast<wire_file::LoadMetadataPType>(type);
}

alluxio::grpc::Bits BitsToWire(int bits) {
  return static_cast<alluxio::grpc::Bits>((bits & 7) + alluxio::grpc::NONE);
}

alluxio::grpc::PMode ModeToWire(int mode) {
  alluxio::grpc::PMode wire;
  wire.set_ownerbits(BitsToWire(mode >> 6));
  wire.set_groupbits(BitsToWire(mode >> 3));
  wire.set_otherbits(BitsToWire(mode));
  return wire;
}

}  // namespace headpond::client
