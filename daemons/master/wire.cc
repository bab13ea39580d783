#include "master/wire.h"

#include <algorithm>

#include "base/arithmetic.h"
#include "net/worker_address_wire.h"

namespace headpond::master {
namespace {

fspb::PAclEntryType ToWire(meta::AclEntryType type) {
  return static_cast<fspb::PAclEntryType>(type);
}

// The base entries travel as the mode; the list holds named ones and the mask.
void ToWire(const std::vector<meta::AclEntry>& entries, fspb::PAcl* out) {
  using Type = meta::AclEntryType;
  for (const meta::AclEntry& entry : entries) {
    if (entry.type == Type::kOwner || entry.type == Type::kOwningGroup ||
        entry.type == Type::kOther)
      continue;
    fspb::PAclEntry* added = out->add_entries();
    added->set_type(ToWire(entry.type));
    if (!entry.subject.empty()) added->set_subject(entry.subject);
    added->set_isdefault(entry.is_default);
    if (entry.bits & meta::kRead) added->add_actions(fspb::Read);
    if (entry.bits & meta::kWrite) added->add_actions(fspb::Write);
    if (entry.bits & meta::kExecute) added->add_actions(fspb::Execute);
  }
}

// How much of a file is cached, in whole percent, as stock counts it: by bytes; an empty file is
// all there.
int Percentage(int64_t bytes, int64_t length) {
  return length == 0 ? 100 : Percent(bytes, length);
}

constexpr int kMaxListedBlocks = 1 << 24;  // the most a file can have

}  // namespace

meta::Bits FromWire(commonpb::Bits bits) {
  return static_cast<meta::Bits>(static_cast<int>(bits) - 1);
}

uint16_t FromWire(const commonpb::PMode& mode) {
  return static_cast<uint16_t>(FromWire(mode.ownerbits()) << 6 | FromWire(mode.groupbits()) << 3 |
                               FromWire(mode.otherbits()));
}

meta::OperationId OperationIdOf(const fspb::FileSystemMasterCommonPOptions& options) {
  return {static_cast<uint64_t>(options.operationid().mostsignificantbits()),
          static_cast<uint64_t>(options.operationid().leastsignificantbits())};
}

Result<std::vector<meta::AclEntry>> FromWire(
    const google::protobuf::RepeatedPtrField<fspb::PAclEntry>& entries) {
  std::vector<meta::AclEntry> result;
  for (const fspb::PAclEntry& entry : entries) {
    meta::AclEntry converted{static_cast<meta::AclEntryType>(entry.type()), entry.subject(),
                             meta::kNone, entry.isdefault()};
    const bool named = converted.type == meta::AclEntryType::kNamedUser ||
                       converted.type == meta::AclEntryType::kNamedGroup;
    if (named && converted.subject.empty())
      return InvalidArgument("ACL entry of type {} has no subject; name the user or group",
                             fspb::PAclEntryType_Name(entry.type()));
    for (const int action : entry.actions()) {
      if (action == fspb::Read) converted.bits |= meta::kRead;
      if (action == fspb::Write) converted.bits |= meta::kWrite;
      if (action == fspb::Execute) converted.bits |= meta::kExecute;
    }
    result.push_back(std::move(converted));
  }
  return result;
}

void ToWire(int64_t block_id, int64_t length, const std::vector<BlockCopy>& copies,
            commonpb::BlockInfo* out) {
  out->set_blockid(block_id);
  out->set_length(std::max<int64_t>(length, 0));
  for (const BlockCopy& copy : copies) {
    auto* location = out->add_locations();
    location->set_workerid(copy.worker_id);
    net::ToWire(copy.address, location->mutable_workeraddress());
    location->set_tieralias(copy.place.tier_alias);
    location->set_mediumtype(copy.place.medium_type);
  }
}

void ToWire(meta::FileInfo&& info, const std::vector<std::vector<BlockCopy>>& copies,
            fspb::FileInfo* out) {
  out->set_fileid(info.file_id);
  out->set_name(std::move(info.name));
  out->set_path(std::move(info.path));
  out->set_ufspath(std::move(info.ufs_path));
  out->set_length(info.length);
  out->set_blocksizebytes(info.block_size);
  out->set_creationtimems(info.creation_ms);
  out->set_lastmodificationtimems(info.modification_ms);
  out->set_lastaccesstimems(info.access_ms);
  out->set_completed(info.completed);
  out->set_folder(info.folder);
  out->set_pinned(info.pinned);
  out->set_cacheable(info.cacheable);
  out->set_persisted(info.persisted);
  out->set_mountpoint(info.mount_point);
  const std::string_view persistence = meta::PersistenceStateName(info.persistence);
  out->set_persistencestate(persistence.data(), persistence.size());
  out->set_ttl(info.ttl_ms);
  out->set_ttlaction(static_cast<commonpb::TtlAction>(info.ttl_action));
  out->set_owner(info.owner);
  out->set_group(info.group);
  out->set_mode(info.mode);
  out->set_mountid(info.mount_id);
  out->set_ufsfingerprint(info.fingerprint);
  out->set_replicationmin(info.replication_min);
  out->set_replicationmax(info.replication_max);
  for (const auto& [key, value] : info.xattr) (*out->mutable_xattr())[key] = value;
  for (const std::string& medium : info.pinned_media) out->add_mediumtype(medium);
  if (!info.acl.empty()) {
    fspb::PAcl* acl = out->mutable_acl();
    acl->set_owner(info.owner);
    acl->set_owninggroup(info.group);
    acl->set_mode(info.mode);
    ToWire(meta::AclEntries(info.mode, info.acl, false), acl);
  }
  if (info.default_acl) {
    fspb::PAcl* acl = out->mutable_defaultacl();
    acl->set_owner(info.owner);
    acl->set_owninggroup(info.group);
    acl->set_mode(info.default_acl->mode);
    acl->set_isdefault(true);
    ToWire(meta::AclEntries(info.default_acl->mode, info.default_acl->extended, true), acl);
  }

  int64_t cached_bytes = 0;
  int64_t memory_bytes = 0;
  const size_t count = std::min<size_t>(info.blocks.size(), kMaxListedBlocks);
  for (size_t i = 0; i < count; ++i) {
    const meta::BlockSpan& span = info.blocks[i];
    out->add_blockids(span.id);
    fspb::FileBlockInfo* block = out->add_fileblockinfos();
    block->set_offset(span.offset);
    ToWire(span.id, span.length, copies[i], block->mutable_blockinfo());
    if (copies[i].empty() || span.length < 0) continue;
    cached_bytes += span.length;
    const bool in_memory = std::any_of(copies[i].begin(), copies[i].end(), [](const BlockCopy& c) {
      return c.place.tier_alias == "MEM";
    });
    if (in_memory) memory_bytes += span.length;
  }
  out->set_inalluxiopercentage(info.folder ? 0 : Percentage(cached_bytes, info.length));
  out->set_inmemorypercentage(info.folder ? 0 : Percentage(memory_bytes, info.length));
}

ReportedGrowth GrowthOf(const commonpb::Metric& metric) {
  std::string_view name = metric.name();
  name.remove_prefix(name.rfind('.') + 1);  // npos + 1 == 0
  const auto ufs = metric.tags().find("UFS");
  return {name, ufs == metric.tags().end() ? std::string_view() : ufs->second, metric.value()};
}

std::string WorkerStateName(WorkerState state) {
  switch (state) {
    case WorkerState::kLive: return "ACTIVE";
    case WorkerState::kLost: return "LOST";
    case WorkerState::kDecommissioned: return "DECOMMISSIONED";
    case WorkerState::kDisabled: return "DISABLED";
  }
  return "LOST";
}

void ToWire(const WorkerDescription& worker, int64_t now_ms, blockpb::WorkerInfo* out) {
  out->set_id(worker.id);
  net::ToWire(worker.address, out->mutable_address());
  out->set_lastcontactsec(static_cast<int32_t>((now_ms - worker.last_contact_ms) / 1000));
  out->set_state(WorkerStateName(worker.state));
  out->set_capacitybytes(worker.capacity_bytes());
  out->set_usedbytes(worker.used_bytes());
  out->set_starttimems(worker.start_ms);
  for (const auto& [tier, bytes] : worker.registration.capacity_bytes)
    (*out->mutable_capacitybytesontiers())[tier] = bytes;
  for (const auto& [tier, bytes] : worker.registration.used_bytes)
    (*out->mutable_usedbytesontiers())[tier] = bytes;
  out->mutable_buildversion()->set_version(worker.registration.build.version);
  out->mutable_buildversion()->set_revision(worker.registration.build.revision);
  out->set_numvcpu(worker.registration.num_vcpu);
}

}  // namespace headpond::master
