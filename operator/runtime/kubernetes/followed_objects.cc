#include "operator/runtime/kubernetes/followed_objects.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/runtime/kubernetes/objects.h"

namespace headpond::runtime::k8s {
namespace {

using nlohmann::json;

constexpr const char* kClusterIndex = "cluster";

std::string OursSelector() {
  return fmt::format("{}={}", kManagedByLabel, kManager);
}

std::string UidOf(const json& object) {
  return object.at("metadata").at("uid").get<std::string>();
}

}  // namespace

FollowedObjects::FollowedObjects(kube::Client& client, const Clock& clock, kube::Resource resource,
                                 const std::string& name_space, std::function<void()> changed)
    : client_(client),
      resource_(std::move(resource)),
      name_space_(name_space),
      source_(client.Source(resource_, name_space, OursSelector())),
      reflector_({.name = resource_.plural}, *source_, cache_, clock, Random::FromSystem(),
                 [changed = std::move(changed)](const kube::ObjectName&) { changed(); }) {
  cache_.AddIndex(kClusterIndex, [](const json& object) {
    return std::vector<std::string>{LabelOf(object, kUidLabel)};
  });
}

Status FollowedObjects::WaitForSync(std::chrono::steady_clock::time_point deadline) {
  if (cache_.synced() || reflector_.WaitForSync(deadline)) return Status::Ok();
  // The reflector goes on trying; the server's own words say what is missing.
  const auto listed = client_.List(resource_, name_space_, OursSelector());
  if (!listed.ok()) return listed.status();
  return Unavailable("the API server has not told all {} yet", resource_.plural);
}

kube::Object FollowedObjects::Cached(const kube::ObjectName& name) const {
  kube::Object object = cache_.Get(name);
  return object && IsDeleted(*object) ? nullptr : object;
}

std::vector<kube::Object> FollowedObjects::OfCluster(const std::string& uid) const {
  std::vector<kube::Object> objects = cache_.Find(kClusterIndex, uid);
  std::erase_if(objects, [this](const kube::Object& object) { return IsDeleted(*object); });
  return objects;
}

bool FollowedObjects::IsDeleted(const json& object) const {
  const MutexLock lock(mutex_);
  return deleted_.contains(UidOf(object));
}

Result<kube::Object> FollowedObjects::Read(const kube::ObjectName& name) {
  auto found = client_.Get(resource_, name);
  if (found.ok()) return std::make_shared<const json>(*std::move(found));
  if (found.status().code() == Code::kNotFound) return kube::Object();
  return found.status();
}

Status FollowedObjects::Apply(const json& object, bool force) {
  ASSIGN_OR_RETURN(json answer,
                   client_.Apply(resource_, object, {.field_manager = kManager, .force = force}));
  cache_.Put(std::make_shared<const json>(std::move(answer)));
  return Status::Ok();
}

Status FollowedObjects::Create(const json& object) {
  ASSIGN_OR_RETURN(json answer, client_.Create(resource_, object));
  cache_.Put(std::make_shared<const json>(std::move(answer)));
  return Status::Ok();
}

Status FollowedObjects::Patch(const kube::ObjectName& name, const json& merge_patch) {
  ASSIGN_OR_RETURN(json answer, client_.MergePatch(resource_, name, merge_patch));
  cache_.Put(std::make_shared<const json>(std::move(answer)));
  return Status::Ok();
}

Status FollowedObjects::Delete(const json& object) {
  const std::string uid = UidOf(object);
  const Status deleted = client_.Delete(resource_, kube::NameOf(object), uid);
  if (!deleted.ok() && deleted.code() != Code::kNotFound) return deleted;
  std::set<std::string> known;
  for (const kube::Object& cached : cache_.All()) known.insert(UidOf(*cached));
  const MutexLock lock(mutex_);
  std::erase_if(deleted_, [&](const std::string& earlier) { return !known.contains(earlier); });
  deleted_.insert(uid);
  return Status::Ok();
}

}  // namespace headpond::runtime::k8s
