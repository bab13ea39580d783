#include "operator/daemon/api_cluster_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/field_table.h"
#include "operator/daemon/cluster_object.h"

namespace headpond::operator_daemon {
namespace {

using apiserver::StoredObject;
using controller::ClusterKey;
using nlohmann::json;

constexpr const char* kResource = "cacheclusters";
constexpr const char* kJson = "application/json";
constexpr const char* kJsonPatch = "application/json-patch+json";

std::string ClusterPath(const ClusterKey& key) {
  return fmt::format("/apis/{}/namespaces/{}/{}/{}", api::kApiVersion, key.name_space, kResource,
                     key.name);
}

std::string DataMapPath(const std::string& name_space) {
  return fmt::format("/api/v1/namespaces/{}/configmaps", name_space);
}

apiserver::ObjectKey StoreKey(const ClusterKey& key) {
  return {std::string(api::kGroup), kResource, key.name_space, key.name};
}

Status FromAnswer(int code, const json& body) {
  const std::string message = body.is_object() ? body.value("message", "") : "";
  switch (code) {
    case 404: return NotFound("{}", message);
    case 409: return Aborted("{}", message);
    case 422:
    case 400: return InvalidArgument("{}", message);
    case 403: return FailedPrecondition("{}", message);
    default: return Unavailable("the API answered {}: {}", code, message);
  }
}

}  // namespace

Result<json> ApiClusterStore::Ask(const std::string& method, const std::string& path,
                                  const json& body, const std::string& content_type) {
  http::Request request{.method = method, .path = path};
  if (!body.is_null()) request.body = body.dump();
  request.headers["content-type"] = content_type;
  request.headers["user-agent"] = kUserAgent;
  const http::Response response = server_.Handle(request);
  json answer = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  if (response.status >= 300) return FromAnswer(response.status, answer);
  return answer;
}

Status ApiClusterStore::AddFinalizer(const ClusterKey& key, const json& object) {
  return Ask("PATCH", ClusterPath(key), HoldPatch(object), kJsonPatch).status();
}

Result<std::string> ApiClusterStore::ClaimData(const ClusterKey& key, const std::string& uid) {
  const std::string name = DataMapName(key.name);
  const auto kept = objects_.Get({"", "configmaps", key.name_space, name});
  if (kept.ok()) {
    const json& data = kept->object->at("data");
    return data.value("uid", uid);
  }
  const json map = {{"metadata", {{"name", name}}}, {"data", {{"uid", uid}}}};
  RETURN_IF_ERROR(Ask("POST", DataMapPath(key.name_space), map, kJson).status());
  return uid;
}

Result<controller::ClusterList> ApiClusterStore::List() {
  controller::ClusterList list;
  const auto stored =
      objects_.Objects(std::string(api::kGroup), kResource, /*name_space=*/std::nullopt);
  for (const StoredObject& one : stored.objects) {
    auto cluster = api::ReadCacheCluster(*one.object);
    if (!cluster.ok()) {
      list.unreadable.push_back(cluster.status().message());
      continue;
    }
    api::ObjectMeta& metadata = cluster->metadata;
    const ClusterKey key{metadata.name_space, metadata.name};
    const bool ours = IsHeld(*one.object);
    const bool deleting = !metadata.deletion_timestamp.empty();
    // Others' finalizers hold what we are done with.
    if (deleting && !ours) continue;
    const auto data_uid = ClaimData(key, metadata.uid);
    const Status held = !data_uid.ok() && !deleting ? data_uid.status()
                        : ours                      ? Status::Ok()
                                                    : AddFinalizer(key, *one.object);
    // Somebody else was faster; the change wakes the loop again.
    if (held.code() == Code::kNotFound || held.code() == Code::kAborted) continue;
    if (!held.ok()) {
      list.unreadable.push_back(fmt::format("{}: {}", key.ToString(), held.message()));
      continue;
    }
    metadata.uid = data_uid.value_or(metadata.uid);
    list.clusters.push_back(*std::move(cluster));
  }
  return list;
}

Result<controller::ClusterStatus> ApiClusterStore::GetStatus(const ClusterKey& key) {
  ASSIGN_OR_RETURN(const StoredObject stored, objects_.Get(StoreKey(key)));
  return StatusOf(*stored.object);
}

Status ApiClusterStore::WriteStatus(const ClusterKey& key,
                                    const controller::ClusterStatus& status) {
  return Ask("PATCH", ClusterPath(key) + "/status", StatusPatch(status), kJsonPatch).status();
}

Status ApiClusterStore::Finalize(const ClusterKey& key, bool data_kept) {
  // First, so that a crash in between repeats it.
  if (!data_kept) {
    const std::string path =
        fmt::format("{}/{}", DataMapPath(key.name_space), DataMapName(key.name));
    const Status removed = Ask("DELETE", path, nullptr, "").status();
    if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
  }
  ASSIGN_OR_RETURN(const StoredObject stored, objects_.Get(StoreKey(key)));
  return Ask("PATCH", ClusterPath(key), ReleasePatch(*stored.object), kJsonPatch).status();
}

}  // namespace headpond::operator_daemon
