#include "cli/file_text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headpond::cli {
namespace {

using client::AclEntry;

std::string BitsText(int bits) {
  return {bits & 4 ? 'r' : '-', bits & 2 ? 'w' : '-', bits & 1 ? 'x' : '-'};
}

// 2.9 prints "other" before the named entries.
int Rank(AclEntry::Type type) {
  switch (type) {
    case AclEntry::Type::kOwner: return 0;
    case AclEntry::Type::kOwningGroup: return 1;
    case AclEntry::Type::kOther: return 2;
    case AclEntry::Type::kNamedUser: return 3;
    case AclEntry::Type::kNamedGroup: return 4;
    case AclEntry::Type::kMask: return 5;
  }
  return 6;
}

std::string EntryText(const AclEntry& entry) {
  const std::string prefix = entry.is_default ? "default:" : "";
  switch (entry.type) {
    case AclEntry::Type::kOwner: return prefix + "user::" + BitsText(entry.bits);
    case AclEntry::Type::kOwningGroup: return prefix + "group::" + BitsText(entry.bits);
    case AclEntry::Type::kNamedUser:
      return fmt::format("{}user:{}:{}", prefix, entry.subject, BitsText(entry.bits));
    case AclEntry::Type::kNamedGroup:
      return fmt::format("{}group:{}:{}", prefix, entry.subject, BitsText(entry.bits));
    case AclEntry::Type::kMask: return prefix + "mask::" + BitsText(entry.bits);
    case AclEntry::Type::kOther: return prefix + "other::" + BitsText(entry.bits);
  }
  return "";
}

std::string_view ActionText(client::TtlAction action) {
  switch (action) {
    case client::TtlAction::kDelete: return "DELETE";
    case client::TtlAction::kFree: return "FREE";
    case client::TtlAction::kDeleteAlluxio: return "DELETE_ALLUXIO";
  }
  return "";
}

std::string FileBlockText(const client::FileBlock& block) {
  return fmt::format("FileBlockInfo{{blockInfo={}, offset={}, ufsLocations=[{}]}}",
                     ToText(block.block), block.offset, fmt::join(block.ufs_locations, ", "));
}

template <typename Item, typename ToString>
std::string Joined(const std::vector<Item>& items, const ToString& to_string) {
  std::string text;
  for (const Item& item : items) text.append(text.empty() ? "" : ", ").append(to_string(item));
  return text;
}

}  // namespace

std::string ToText(const WorkerAddress& worker) {
  std::string tiers;
  for (const auto& [name, value] : worker.locality)
    tiers +=
        fmt::format("{}{}={}", tiers.empty() ? "" : ", ", name, value.empty() ? "null" : value);
  return fmt::format(
      "WorkerNetAddress{{host={}, containerHost={}, rpcPort={}, dataPort={}, webPort={}, "
      "domainSocketPath={}, "
      "tieredIdentity=TieredIdentity({})}}",
      worker.host, worker.container_host, worker.rpc_port, worker.data_port, worker.web_port,
      worker.domain_socket_path, tiers);
}

std::string ToText(const client::BlockInfo& block) {
  const auto location_text = [](const client::BlockLocation& location) {
    return fmt::format("BlockLocation{{workerId={}, address={}, tierAlias={}, mediumType={}}}",
                       location.worker_id, ToText(location.worker), location.tier_alias,
                       location.medium_type);
  };
  return fmt::format("BlockInfo{{id={}, length={}, locations=[{}]}}", block.id, block.length,
                     Joined(block.locations, location_text));
}

std::vector<std::string> AclTexts(const client::Acl& acl) {
  std::vector<AclEntry> entries = acl.entries;
  std::ranges::stable_sort(entries, {}, [](const AclEntry& entry) { return Rank(entry.type); });
  std::vector<std::string> texts;
  for (const AclEntry& entry : entries) texts.push_back(EntryText(entry));
  return texts;
}

client::Acl EffectiveAcl(const client::FileInfo& info) {
  if (info.acl && !info.acl->entries.empty()) return *info.acl;
  client::Acl acl;
  acl.entries = {{.type = AclEntry::Type::kOwner, .bits = info.mode >> 6 & 7},
                 {.type = AclEntry::Type::kOwningGroup, .bits = info.mode >> 3 & 7},
                 {.type = AclEntry::Type::kOther, .bits = info.mode & 7}};
  return acl;
}

std::string StatusText(const client::FileInfo& info) {
  std::vector<std::string> xattr;
  for (const auto& [key, value] : info.xattr) xattr.push_back(key + ":" + value);
  return fmt::format(
      "URIStatus{{info=FileInfo{{fileId={}, name={}, path={}, ufsPath={}, length={}, "
      "blockSizeBytes={}, "
      "creationTimeMs={}, completed={}, folder={}, pinned={}, pinnedlocation=[{}], cacheable={}, "
      "persisted={}, "
      "blockIds=[{}], inMemoryPercentage={}, lastModificationTimesMs={}, ttl={}, "
      "lastAccessTimesMs={}, ttlAction={}, "
      "owner={}, group={}, mode={}, persistenceState={}, mountPoint={}, replicationMax={}, "
      "replicationMin={}, "
      "fileBlockInfos=[{}], mountId={}, inAlluxioPercentage={}, ufsFingerprint={}, acl={}, "
      "defaultAcl={}, "
      "xattr=[{}]}}, cacheContext=null}}",
      info.file_id, info.name, info.path, info.ufs_path, info.length, info.block_size,
      info.creation_time_ms, info.completed, info.folder, info.pinned,
      fmt::join(info.medium_types, ", "), info.cacheable, info.persisted,
      fmt::join(info.block_ids, ", "), info.in_memory_percentage, info.last_modification_time_ms,
      info.ttl_ms, info.last_access_time_ms, ActionText(info.ttl_action), info.owner, info.group,
      info.mode, info.persistence_state, info.mount_point, info.replication_max,
      info.replication_min, Joined(info.blocks, FileBlockText), info.mount_id,
      info.in_alluxio_percentage, info.ufs_fingerprint,
      fmt::join(AclTexts(EffectiveAcl(info)), ","),
      info.default_acl ? fmt::format("{}", fmt::join(AclTexts(*info.default_acl), ",")) : "",
      fmt::join(xattr, ", "));
}

Document ToDocument(const WorkerAddress& worker) {
  Document document = Document::EmptyMap();
  document.Set("host", worker.host)
      .Set("containerHost", worker.container_host)
      .Set("rpcPort", worker.rpc_port);
  document.Set("dataPort", worker.data_port).Set("webPort", worker.web_port);
  return document.Set("domainSocketPath", worker.domain_socket_path);
}

Document ToDocument(const client::BlockInfo& block) {
  Document locations = Document::EmptyList();
  for (const auto& location : block.locations)
    locations.Add(Document::EmptyMap()
                      .Set("workerId", location.worker_id)
                      .Set("address", ToDocument(location.worker))
                      .Set("tierAlias", location.tier_alias)
                      .Set("mediumType", location.medium_type));
  return Document::EmptyMap()
      .Set("blockId", block.id)
      .Set("length", block.length)
      .Set("locations", locations);
}

Document ToDocument(const client::FileInfo& info) {
  Document blocks = Document::EmptyList();
  for (const auto& block : info.blocks)
    blocks.Add(
        Document::EmptyMap().Set("blockInfo", ToDocument(block.block)).Set("offset", block.offset));
  Document media = Document::EmptyList();
  for (const std::string& medium : info.medium_types) media.Add(medium);
  Document acl = Document::EmptyList();
  for (const std::string& entry : AclTexts(EffectiveAcl(info))) acl.Add(entry);
  if (info.default_acl)
    for (const std::string& entry : AclTexts(*info.default_acl)) acl.Add(entry);
  Document document = Document::EmptyMap();
  document.Set("path", info.path)
      .Set("name", info.name)
      .Set("fileId", info.file_id)
      .Set("folder", info.folder);
  document.Set("length", info.length)
      .Set("blockSizeBytes", info.block_size)
      .Set("completed", info.completed);
  document.Set("creationTimeMs", info.creation_time_ms)
      .Set("lastModificationTimeMs", info.last_modification_time_ms);
  document.Set("lastAccessTimeMs", info.last_access_time_ms)
      .Set("owner", info.owner)
      .Set("group", info.group);
  document.Set("mode", info.mode)
      .Set("acl", std::move(acl))
      .Set("persistenceState", info.persistence_state);
  document.Set("ufsPath", info.ufs_path)
      .Set("mountId", info.mount_id)
      .Set("mountPoint", info.mount_point);
  document.Set("pinned", info.pinned).Set("pinnedMedia", std::move(media)).Set("ttl", info.ttl_ms);
  document.Set("ttlAction", ActionText(info.ttl_action))
      .Set("replicationMin", info.replication_min);
  document.Set("replicationMax", info.replication_max)
      .Set("inAlluxioPercentage", info.in_alluxio_percentage);
  document.Set("inMemoryPercentage", info.in_memory_percentage)
      .Set("ufsFingerprint", info.ufs_fingerprint);
  return document.Set("fileBlockInfos", std::move(blocks));
}

}  // namespace headpond::cli
