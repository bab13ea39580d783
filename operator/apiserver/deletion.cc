// Deletion, and what follows from it: finalizers, owners and dependents, namespaces.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/rfc3339.h"
#include "operator/apiserver/api_server.h"
#include "operator/apiserver/metadata.h"
#include "operator/apiserver/patch.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr std::string_view kComponent = "api";
constexpr const char* kForegroundFinalizer = "foregroundDeletion";
constexpr int kMostAttempts = 100;

json SuccessStatus(const ResourceType& type, const json& object) {
  json details = {{"name", At(object, "metadata.name")},
                  {"kind", type.resource},
                  {"uid", At(object, "metadata.uid")}};
  if (!type.group.empty()) details["group"] = type.group;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

}  // namespace

Outcome<ApiServer::DeleteOptions> ApiServer::ReadDeleteOptions(const Call& call) const {
  DeleteOptions options{.dry_run = call.dry_run};
  json body = json::object();
  if (!call.request.body.empty()) {
    ASSIGN_OR_RETURN(body, DecodeObject(call));
  }
  std::string policy = Query(call.request, "propagationPolicy");
  if (policy.empty()) policy = TextAt(body, "propagationPolicy");
  if (policy == "Foreground")
    options.propagation = Propagation::kForeground;
  else if (policy == "Orphan" || At(body, "orphanDependents") == true)
    options.propagation = Propagation::kOrphan;
  else if (!policy.empty() && policy != "Background")
    return InvalidError("meta.k8s.io", "DeleteOptions", "",
                        {{"FieldValueNotSupported",
                          fmt::format("Unsupported value: \"{}\": supported values: "
                                      "\"Background\", \"Foreground\", \"Orphan\"",
                                      policy),
                          "propagationPolicy"}});
  options.uid = TextAt(body, "preconditions.uid");
  options.resource_version = TextAt(body, "preconditions.resourceVersion");
  if (!At(body, "dryRun").empty()) options.dry_run = true;
  return options;
}

Outcome<http::Response> ApiServer::Delete(Call& call) {
  ASSIGN_OR_RETURN(const DeleteOptions options, ReadDeleteOptions(call));
  if (call.type.kind == "Namespace" && call.path.name == "default")
    return ForbiddenError(call.type, call.path.name, "this namespace may not be deleted");
  auto deleted = DeleteObject(call.Key(), options);
  if (!deleted.ok()) return deleted.status();
  if (deleted->gone) return JsonResponse(200, SuccessStatus(call.type, *deleted->object.object));
  return Answer(call, 200, *deleted->object.object);
}

Outcome<http::Response> ApiServer::DeleteCollection(Call& call) {
  ASSIGN_OR_RETURN(const DeleteOptions options, ReadDeleteOptions(call));
  ASSIGN_OR_RETURN(const Representation how, RepresentationOf(call));
  ASSIGN_OR_RETURN(const Selector selector,
                   Selector::Parse(call.type, Query(call.request, "labelSelector"),
                                   Query(call.request, "fieldSelector")));
  if (!call.type.namespaced) return MethodNotAllowedError();
  const auto list =
      store_.Objects(call.type.StoreGroup(), call.type.resource, call.path.name_space);
  std::vector<ObjectPtr> deleted;
  for (const StoredObject& stored : list.objects) {
    if (!selector.Matches(*stored.object)) continue;
    const auto one = DeleteObject(call.KeyOf(TextAt(*stored.object, "metadata.name")), options);
    if (one.ok())
      deleted.push_back(one->object.object);
    else if (one.status().code != 404)  // somebody else was faster
      return one.status();
  }
  return JsonResponse(
      200, RepresentList(how, deleted, {{"resourceVersion", std::to_string(store_.version())}},
                         clock_.NowMs()));
}

Outcome<ApiServer::Deletion> ApiServer::DeleteObject(const ObjectKey& key,
                                                     const DeleteOptions& options) {
  const ResourceType& type = TypeOf(key);
  for (int attempt = 1;; ++attempt) {
    const auto found = store_.Get(key);
    if (!found.ok()) return NotFoundError(type, key.name);
    const json& before = *found->object;
    if ((!options.uid.empty() && options.uid != TextAt(before, "metadata.uid")) ||
        (!options.resource_version.empty() &&
         options.resource_version != TextAt(before, "metadata.resourceVersion")))
      return ConflictError(type, key.name);
    if (type.kind == "Namespace" && !options.dry_run) return DeleteNamespace(*found, options);
    const std::string uid = TextAt(before, "metadata.uid");
    json marked = WithDeletionMark(type, before, clock_.NowMs());
    if (options.propagation == Propagation::kForeground && !DependentsOf(uid).empty())
      marked = WithFinalizer(std::move(marked), kForegroundFinalizer);
    const bool gone = !HasFinalizers(marked);
    if (options.dry_run || (!gone && marked == before)) return Deletion{*found, gone};
    if (options.propagation == Propagation::kOrphan) Orphan(uid);

    const auto last = std::make_shared<json>(std::move(marked));
    const auto stored = store_.Commit({{key, found->version, gone ? nullptr : last}});
    if (!stored.ok() && stored.status().code() == Code::kAborted && attempt < kMostAttempts)
      continue;
    if (!stored.ok()) return FromStoreStatus(type, key.name, stored.status());
    const Deletion deletion{stored->front(), gone};
    if (gone)
      AfterRemoval(key, deletion.object.object);
    else if (HasFinalizer(*deletion.object.object, kForegroundFinalizer))
      CollectDependents(uid);
    return deletion;
  }
}

// Contents first; the namespace goes with the last of them.
void ApiServer::ExpireEvents() {
  constexpr int64_t kEventTtlMs = 60 * 60 * 1000;
  const int64_t oldest = clock_.NowMs() - kEventTtlMs;
  for (const StoredObject& stored : store_.Objects("", "events", std::nullopt).objects) {
    const json& event = *stored.object;
    int64_t heard_ms = 0;
    for (const char* const field :
         {"metadata.creationTimestamp", "eventTime", "lastTimestamp", "series.lastObservedTime"})
      heard_ms = std::max(heard_ms, ParseRfc3339Ms(TextAt(event, field)));
    if (heard_ms >= oldest) continue;
    const ObjectKey key{"", "events", TextAt(event, "metadata.namespace"),
                        TextAt(event, "metadata.name")};
    if (const auto deleted = DeleteObject(key, {.uid = TextAt(event, "metadata.uid")});
        !deleted.ok() && deleted.status().code != 404)
      LogWarn(kComponent, "an old event stays: {}", deleted.status().message);
  }
}

Outcome<ApiServer::Deletion> ApiServer::DeleteNamespace(const StoredObject& stored,
                                                        const DeleteOptions& options) {
  const std::string name = TextAt(*stored.object, "metadata.name");
  const ObjectKey key{"", "namespaces", "", name};
  Rewrite(key, [&](json object) {
    object["status"]["phase"] = "Terminating";
    return WithDeletionMark(StoredType("", "namespaces"), std::move(object), clock_.NowMs());
  });
  for (const auto& [content, object] : store_.AllObjects())
    if (content.name_space == name)
      if (const auto deleted = DeleteObject(content, {});
          !deleted.ok() && deleted.status().code != 404)
        LogWarn(kComponent, "{} in a namespace that ends: {}", content.ToString(),
                deleted.status().message);
  FinishNamespace(name);
  const auto left = store_.Get(key);
  if (!left.ok()) return Deletion{stored, true};
  return Deletion{*left, false};
}

void ApiServer::AfterRemoval(const ObjectKey& key, ObjectPtr removed) {
  CollectDependents(TextAt(*removed, "metadata.uid"));
  for (const std::string& owner : OwnerUids(*removed)) FinishOwner(owner);
  if (!key.name_space.empty()) FinishNamespace(key.name_space);
}

std::vector<ObjectKey> ApiServer::DependentsOf(const std::string& uid) const {
  std::vector<ObjectKey> keys;
  for (const auto& [key, stored] : store_.AllObjects())
    if (IsOwnedBy(*stored.object, uid)) keys.push_back(key);
  return keys;
}

std::optional<std::pair<ObjectKey, StoredObject>> ApiServer::FindByUid(
    const std::string& uid) const {
  for (auto& entry : store_.AllObjects())
    if (TextAt(*entry.second.object, "metadata.uid") == uid) return entry;
  return std::nullopt;
}

void ApiServer::CollectDependents(const std::string& uid) {
  for (const ObjectKey& key : DependentsOf(uid)) {
    const auto stored = store_.Get(key);
    if (!stored.ok()) continue;
    bool owned_by_others = false;
    for (const std::string& owner : OwnerUids(*stored->object))
      owned_by_others |= owner != uid && FindByUid(owner).has_value();
    if (owned_by_others) {
      Rewrite(key, [&](json object) { return WithoutOwner(std::move(object), uid); });
      continue;
    }
    const auto deleted = DeleteObject(key, {.uid = TextAt(*stored->object, "metadata.uid")});
    if (!deleted.ok() && deleted.status().code != 404)
      LogWarn(kComponent, "{} whose owner is gone: {}", key.ToString(), deleted.status().message);
  }
}

void ApiServer::CollectIfOwnerless(const ObjectKey& key, const json& object) {
  const json& owners = At(object, "metadata.ownerReferences");
  if (owners.empty()) return;
  for (const json& owner : owners) {
    // Of kinds that are kept elsewhere nobody here knows whether they are there.
    const bool ours = std::ranges::any_of(ResourceTypes(), [&](const ResourceType& type) {
      return type.kind == TextAt(owner, "kind") &&
             type.GroupVersion() == TextAt(owner, "apiVersion");
    });
    if (!ours || FindByUid(TextAt(owner, "uid"))) return;
  }
  const auto deleted = DeleteObject(key, {.uid = TextAt(object, "metadata.uid")});
  if (!deleted.ok() && deleted.status().code != 404)
    LogWarn(kComponent, "{} whose owners are not there: {}", key.ToString(),
            deleted.status().message);
}

// An owner deleted in the foreground goes when its last dependent has gone.
void ApiServer::FinishOwner(const std::string& uid) {
  const auto owner = FindByUid(uid);
  if (!owner || !IsBeingDeleted(*owner->second.object) ||
      !HasFinalizer(*owner->second.object, kForegroundFinalizer) || !DependentsOf(uid).empty())
    return;
  Rewrite(owner->first,
          [](json object) { return WithoutFinalizer(std::move(object), kForegroundFinalizer); });
}

void ApiServer::FinishNamespace(const std::string& name) {
  const auto stored = store_.Get({"", "namespaces", "", name});
  if (!stored.ok() || !IsBeingDeleted(*stored->object)) return;
  for (const auto& [key, object] : store_.AllObjects())
    if (key.name_space == name) return;
  const auto gone = store_.Commit({{{"", "namespaces", "", name}, stored->version, nullptr}});
  if (!gone.ok()) LogWarn(kComponent, "namespace {}: {}", name, gone.status().message());
}

void ApiServer::Orphan(const std::string& uid) {
  for (const ObjectKey& key : DependentsOf(uid))
    Rewrite(key, [&](json object) { return WithoutOwner(std::move(object), uid); });
}

void ApiServer::Rewrite(const ObjectKey& key, const std::function<json(json)>& change) {
  for (int attempt = 1; attempt <= kMostAttempts; ++attempt) {
    const auto found = store_.Get(key);
    if (!found.ok()) return;
    const auto next = std::make_shared<json>(change(*found->object));
    if (*next == *found->object) return;
    const bool ends =
        IsBeingDeleted(*next) && !HasFinalizers(*next) && key.resource != "namespaces";
    const auto stored = store_.Commit({{key, found->version, ends ? nullptr : next}});
    if (stored.ok() && ends) AfterRemoval(key, next);
    if (stored.ok()) return;
    if (stored.status().code() != Code::kAborted) {
      LogWarn(kComponent, "{}: {}", key.ToString(), stored.status().message());
      return;
    }
  }
}

}  // namespace headpond::apiserver
