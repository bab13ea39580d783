#include "master/request_checks.h"

#include "net/grpc_status.h"

namespace headpond::master {
namespace {

namespace blockpb = ::alluxio::grpc::block;
namespace fspb = ::alluxio::grpc::file;

Status CheckCount(std::string_view field, int count, int most) {
  if (count <= most) return Status::Ok();
  return InvalidArgument("{} has {} entries, more than {}", field, count, most);
}

Status CheckPort(std::string_view field, int port, int least = 0) {
  if (port >= least && port <= 65535) return Status::Ok();
  return InvalidArgument("{} is {}, must be {} to 65535", field, port, least);
}

Status CheckBytes(std::string_view field, std::string_view tier, int64_t bytes) {
  if (bytes >= 0 && bytes <= kMaxTierBytes) return Status::Ok();
  return InvalidArgument("{} of tier {} is {}, must be 0 to {}", field,
                         tier.substr(0, kMaxNameText), bytes, kMaxTierBytes);
}

// Names to values; values may be any bytes when `binary`.
template <typename Map>
Status CheckMap(std::string_view field, const Map& map, bool binary) {
  RETURN_IF_ERROR(CheckCount(field, static_cast<int>(map.size()), kMaxEntries));
  for (const auto& [key, value] : map) {
    RETURN_IF_ERROR(CheckText(fmt::format("a key of {}", field), key));
    const std::string what = fmt::format("{}[{}]", field, key);
    if (!binary) RETURN_IF_ERROR(CheckText(what, value, kMaxValueText));
    if (value.size() > kMaxValueText)
      return InvalidArgument("{} has {} bytes, more than {}", what, value.size(), kMaxValueText);
  }
  return Status::Ok();
}

template <typename Map>
Status CheckTierBytes(std::string_view field, const Map& map) {
  RETURN_IF_ERROR(CheckCount(field, static_cast<int>(map.size()), kMaxPlaces));
  for (const auto& [tier, bytes] : map) {
    RETURN_IF_ERROR(CheckText(fmt::format("a tier of {}", field), tier));
    RETURN_IF_ERROR(CheckBytes(field, tier, bytes));
  }
  return Status::Ok();
}

template <typename Map>
Status CheckLostStorage(const Map& map) {
  RETURN_IF_ERROR(CheckCount("lostStorage", static_cast<int>(map.size()), kMaxPlaces));
  for (const auto& [tier, list] : map) {
    RETURN_IF_ERROR(CheckText("a tier of lostStorage", tier));
    RETURN_IF_ERROR(CheckCount("lostStorage.storage", list.storage_size(), kMaxEntries));
    for (const std::string& path : list.storage())
      RETURN_IF_ERROR(CheckText("lostStorage.storage", path, kMaxValueText));
  }
  return Status::Ok();
}

Status CheckPlaces(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<blockpb::LocationBlockIdListEntry>& entries) {
  RETURN_IF_ERROR(CheckCount(field, entries.size(), kMaxPlaces));
  for (const auto& entry : entries) {
    RETURN_IF_ERROR(CheckText(fmt::format("{}.key.tierAlias", field), entry.key().tieralias()));
    RETURN_IF_ERROR(CheckText(fmt::format("{}.key.mediumType", field), entry.key().mediumtype()));
  }
  return Status::Ok();
}

}  // namespace

Status CheckText(std::string_view field, std::string_view text, size_t most) {
  if (text.size() > most)
    return InvalidArgument("{} has {} bytes, more than {}", field, text.size(), most);
  if (!net::IsUtf8(text)) return InvalidArgument("{} is no UTF-8", field);
  if (text.find('\0') != std::string_view::npos)
    return InvalidArgument("{} holds a NUL byte", field);
  return Status::Ok();
}

Status CheckOptions(const fspb::CreateFilePOptions& options) {
  return CheckMap("xattr", options.xattr(), /*binary=*/true);
}

Status CheckOptions(const fspb::CreateDirectoryPOptions& options) {
  return CheckMap("xattr", options.xattr(), /*binary=*/true);
}

Status CheckOptions(const fspb::CompleteFilePOptions& options) {
  return CheckText("contentHash", options.contenthash(), kMaxNameText);
}

Status CheckOptions(const fspb::SetAttributePOptions& options) {
  RETURN_IF_ERROR(CheckText("owner", options.owner()));
  RETURN_IF_ERROR(CheckText("group", options.group()));
  RETURN_IF_ERROR(CheckCount("pinnedMedia", options.pinnedmedia_size(), kMaxPlaces));
  for (const std::string& medium : options.pinnedmedia())
    RETURN_IF_ERROR(CheckText("pinnedMedia", medium));
  return CheckMap("xattr", options.xattr(), /*binary=*/true);
}

Status CheckOptions(const fspb::MountPOptions& options) {
  return CheckProperties(options.properties());
}

Status CheckProperties(const google::protobuf::Map<std::string, std::string>& properties) {
  return CheckMap("properties", properties, /*binary=*/false);
}

Status CheckAclEntries(const google::protobuf::RepeatedPtrField<fspb::PAclEntry>& entries) {
  RETURN_IF_ERROR(CheckCount("entries", entries.size(), kMaxEntries));
  for (const fspb::PAclEntry& entry : entries)
    RETURN_IF_ERROR(CheckText("entries.subject", entry.subject()));
  return Status::Ok();
}

Status CheckAddress(const WorkerAddress& address) {
  if (address.host.empty())
    return InvalidArgument(
        "workerNetAddress.host is empty; give the name or address that clients reach the worker "
        "at");
  RETURN_IF_ERROR(CheckText("workerNetAddress.host", address.host));
  RETURN_IF_ERROR(CheckText("workerNetAddress.containerHost", address.container_host));
  RETURN_IF_ERROR(
      CheckText("workerNetAddress.domainSocketPath", address.domain_socket_path, kMaxValueText));
  RETURN_IF_ERROR(CheckPort("workerNetAddress.rpcPort", address.rpc_port, 1));
  RETURN_IF_ERROR(CheckPort("workerNetAddress.dataPort", address.data_port));
  RETURN_IF_ERROR(CheckPort("workerNetAddress.webPort", address.web_port));
  const auto tiers = static_cast<int>(address.locality.size());
  RETURN_IF_ERROR(CheckCount("workerNetAddress.tieredIdentity.tiers", tiers, kMaxPlaces));
  for (const auto& [name, value] : address.locality) {
    RETURN_IF_ERROR(CheckText("workerNetAddress.tieredIdentity.tiers.tierName", name));
    RETURN_IF_ERROR(CheckText("workerNetAddress.tieredIdentity.tiers.value", value));
  }
  return Status::Ok();
}

Status CheckRegistration(const blockpb::RegisterWorkerPRequest& request) {
  RETURN_IF_ERROR(CheckCount("storageTiers", request.storagetiers_size(), kMaxPlaces));
  for (const std::string& tier : request.storagetiers())
    RETURN_IF_ERROR(CheckText("storageTiers", tier));
  RETURN_IF_ERROR(CheckTierBytes("totalBytesOnTiers", request.totalbytesontiers()));
  RETURN_IF_ERROR(CheckTierBytes("usedBytesOnTiers", request.usedbytesontiers()));
  RETURN_IF_ERROR(CheckLostStorage(request.loststorage()));
  const auto& build = request.options().buildversion();
  RETURN_IF_ERROR(CheckText("options.buildVersion.version", build.version()));
  RETURN_IF_ERROR(CheckText("options.buildVersion.revision", build.revision()));
  return CheckPlaces("currentBlocks", request.currentblocks());
}

Status CheckHeartbeat(const blockpb::BlockHeartbeatPRequest& request) {
  RETURN_IF_ERROR(CheckTierBytes("usedBytesOnTiers", request.usedbytesontiers()));
  RETURN_IF_ERROR(
      CheckTierBytes("options.capacityBytesOnTiers", request.options().capacitybytesontiers()));
  RETURN_IF_ERROR(CheckLostStorage(request.loststorage()));
  return CheckPlaces("addedBlocks", request.addedblocks());
}

Status CheckCommit(const blockpb::CommitBlockPRequest& request) {
  RETURN_IF_ERROR(CheckText("tierAlias", request.tieralias()));
  RETURN_IF_ERROR(CheckText("mediumType", request.mediumtype()));
  return CheckBytes("usedBytesOnTier", request.tieralias(), request.usedbytesontier());
}

}  // namespace headpond::master
