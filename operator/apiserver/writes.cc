// Create, replace, patch and scale.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/apiserver/api_server.h"
#include "operator/apiserver/json_path.h"
#include "operator/apiserver/known_fields.h"
#include "operator/apiserver/metadata.h"
#include "operator/apiserver/patch.h"
#include "operator/apiserver/protobuf_body.h"
#include "operator/apiserver/server_side_apply.h"
#include "operator/apiserver/shape.h"
#include "operator/apiserver/strategic_patch.h"
#include "operator/apiserver/wanted.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

// A write that names no version is repeated when another one comes between.
constexpr int kMostAttempts = 100;

constexpr const char* kApplyPatch = "application/apply-patch+yaml";
constexpr const char* kJsonPatch = "application/json-patch+json";
constexpr const char* kStrategicPatch = "application/strategic-merge-patch+json";
constexpr const char* kMergePatch = "application/merge-patch+json";

std::string FieldText(const json& object, const char* field) {
  const auto found = object.is_object() ? object.find(field) : object.end();
  return object.is_object() && found != object.end() && found->is_string()
             ? found->get<std::string>()
             : "";
}

Cause FromIssue(const api::FieldIssue& issue) {
  const auto says = [&](std::string_view part) {
    return issue.message.find(part) != std::string::npos;
  };
  if (issue.message == "is required") return {"FieldValueRequired", "Required value", issue.path};
  // Kubernetes names the item, we its key.
  if (issue.message.ends_with("is there twice"))
    return {"FieldValueDuplicate", fmt::format("Duplicate value: {}", issue.message),
            issue.path.substr(0, issue.path.rfind('.'))};
  if (says("; must be ") || issue.message.starts_with("is a list;"))
    return {"FieldValueTypeInvalid", fmt::format("Invalid value: {}", issue.message), issue.path};
  const bool choice = says("is not supported; use");
  return choice ? Cause{"FieldValueNotSupported",
                        fmt::format("Unsupported value: {}", issue.message), issue.path}
                : Cause{"FieldValueInvalid", fmt::format("Invalid value: {}", issue.message),
                        issue.path};
}

bool IsUnknownField(const api::FieldIssue& issue) {
  return issue.message.starts_with("unknown field");
}

// The entries that a write goes on from. Clients send back what they were given, and kubectl moves
// fields between managers so; one empty entry asks for a fresh start.
ManagedEntries ClaimedManagers(const json& wanted, const json& before) {
  const json& claimed = At(wanted, "metadata.managedFields");
  if (claimed == json::array({json::object()})) return {};
  auto entries = ReadManagedFields(wanted);
  if (entries && !entries->empty()) return *std::move(entries);
  return ReadManagedFields(before).value_or(ManagedEntries());
}

json ScaleOf(const api::ScalePaths& paths, const json& object) {
  json metadata = json::object();
  for (const char* const field :
       {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    metadata[field] = At(object, fmt::format("metadata.{}", field));
  const json& replicas = AtJsonPath(object, paths.spec_replicas);
  const json& running = AtJsonPath(object, paths.status_replicas);
  return {{"kind", "Scale"},
          {"apiVersion", "autoscaling/v1"},
          {"metadata", std::move(metadata)},
          {"spec", {{"replicas", replicas.is_number() ? replicas : json(0)}}},
          {"status", {{"replicas", running.is_number() ? running : json(0)}}}};
}

ApiError NoKindError(const ResourceType& type) {
  return BadRequestError(fmt::format(
      "the object provided is unrecognized (must be of type {}): couldn't get version/kind",
      type.kind));
}

// The one version that objects are kept in.
std::string StoredVersion(const ResourceType& type) {
  return type.from_wire != nullptr ? StoredType("", type.resource).version : type.GroupVersion();
}

}  // namespace

Manager ApiServer::WriterOf(const Call& call) {
  const std::string agent = Header(call.request, "user-agent");
  std::string name = Query(call.request, "fieldManager");
  if (name.empty()) name = agent.substr(0, std::min(agent.find('/'), kMaxManagerName));
  return {.name = name.empty() ? "unknown" : name,
          .applies = ContentType(call.request) == kApplyPatch,
          .subresource = call.path.subresource,
          .api_version = StoredVersion(call.type)};
}

std::string ApiServer::NewUid() {
  const MutexLock lock(random_mutex_);
  return random_.Uuid();
}

std::string ApiServer::NameFrom(const std::string& prefix) {
  // No vowels and nothing that looks like another character, as Kubernetes' names.
  constexpr std::string_view kCharacters = "bcdfghjklmnpqrstvwxz2456789";
  constexpr int kLength = 5;
  const MutexLock lock(random_mutex_);
  std::string name = prefix;
  for (int i = 0; i < kLength; ++i) name += kCharacters[random_.Below(kCharacters.size())];
  return name;
}

Outcome<json> ApiServer::DecodeObject(const Call& call) const {
  const std::string media = ContentType(call.request);
  // Custom resources have no protobuf form; options of a deletion have, whatever is deleted.
  const bool protobuf =
      media == kProtobufMedia && (!call.type.custom || call.request.method == "DELETE");
  if (protobuf) return DecodeProtobuf(call.request.body);
  if (media == "application/yaml") {
    ASSIGN_OR_RETURN(json object, ParseYamlBody(call.request.body));
    if (!object.is_object()) return BadRequestError("the body must be a map");
    return object;
  }
  if (!media.empty() && media != "application/json")
    return UnsupportedMediaTypeError(fmt::format(
        "the body of the request was in an unknown format ({}) - accepted media types include: "
        "application/json, application/yaml{}",
        media, call.type.custom ? "" : fmt::format(", {}", kProtobufMedia)));
  ASSIGN_OR_RETURN(json object, ParseBody(call.request.body));
  if (!object.is_object()) return BadRequestError("the body must be a JSON object");
  return object;
}

std::optional<ApiError> ApiServer::CheckNamespace(const Call& call,
                                                  const std::string& object) const {
  if (!call.type.namespaced) return std::nullopt;
  const ResourceType& namespaces = StoredType("", "namespaces");
  const std::string& name = call.path.name_space;
  const auto found = store_.Get({"", "namespaces", "", name});
  if (!found.ok()) return NotFoundError(namespaces, name);
  if (!IsBeingDeleted(*found->object)) return std::nullopt;
  return ForbiddenError(
      call.type, object,
      fmt::format("unable to create new content in namespace {} because it is being terminated",
                  name),
      {{"NamespaceTerminating", fmt::format("namespace {} is being terminated", name),
        "metadata.namespace"}});
}

Outcome<json> ApiServer::KeepKnown(Call& call, json object) const {
  const ResourceType& type = call.type;
  const auto cannot = [&](const std::string& why) {
    return BadRequestError(fmt::format("{} in version \"{}\" cannot be handled as a {}: {}",
                                       type.kind, type.version, type.kind, why));
  };
  // kind and apiVersion are the server's by now.
  const json kind = object["kind"], version = object["apiVersion"];
  KnownFields known;
  if (type.custom || type.opaque) {
    known = KeepKnownFields(MetadataFields(), object["metadata"], "metadata");
  } else {
    object.erase("kind");
    object.erase("apiVersion");
    known = KeepKnownFields(ProtobufFieldsOf(version.get<std::string>(), type.kind), object, "");
    object["kind"] = kind;
    object["apiVersion"] = version;
  }
  if (known.error) return cannot(*known.error);
  // Go leaves them out.
  for (const char* const field : {"labels", "annotations", "finalizers", "ownerReferences"})
    if (const auto found = object["metadata"].find(field);
        found != object["metadata"].end() && found->empty())
      object["metadata"].erase(found);
  std::vector<std::string> problems;
  for (const std::string& field : call.duplicates)
    problems.push_back(fmt::format("duplicate field \"{}\"", field));
  for (const std::string& field : known.unknown)
    problems.push_back(fmt::format("unknown field \"{}\"", field));
  if (type.custom && type.check != nullptr)
    for (const api::FieldIssue& issue : type.check(object).warnings)
      if (IsUnknownField(issue))
        problems.push_back(fmt::format("unknown field \"{}\"", issue.path));
  if (!problems.empty() && call.validation == FieldValidation::kStrict)
    return cannot(fmt::format("strict decoding error: {}", fmt::join(problems, ", ")));
  if (call.validation == FieldValidation::kWarn)
    call.warnings.insert(call.warnings.end(), problems.begin(), problems.end());
  return object;
}

Outcome<json> ApiServer::Admit(Call& call, json object, const json* before) {
  const ResourceType& type = call.type;
  ASSIGN_OR_RETURN(object, KeepKnown(call, std::move(object)));
  const std::string name = TextAt(object, "metadata.name");
  auto causes = CheckMetadata(object.at("metadata"));
  if (type.check != nullptr) {
    const api::Findings findings = type.check(object);
    for (const api::FieldIssue& issue : findings.errors)
      if (std::ranges::count(causes, issue.path, &Cause::field) == 0)
        causes.push_back(FromIssue(issue));
    for (const api::FieldIssue& issue : findings.warnings)
      if (!IsUnknownField(issue)) call.warnings.push_back(issue.ToString());
  }
  if (!causes.empty()) return InvalidError(type.group, type.kind, name, std::move(causes));
  if (type.complete != nullptr) object = type.complete(std::move(object));
  if (before == nullptr || type.check_change == nullptr) return object;
  for (const api::FieldIssue& issue : type.check_change(*before, object))
    causes.push_back(FromIssue(issue));
  if (!causes.empty()) return InvalidError(type.group, type.kind, name, std::move(causes));
  return object;
}

Outcome<json> ApiServer::AdmitStatus(Call& call, json status) {
  const ResourceType& type = call.type;
  if (type.custom == nullptr) return status;
  const api::Schema& schema = api::StatusSchema(*type.custom);
  const api::Findings findings = schema.Check(status);
  std::vector<Cause> causes;
  for (const api::FieldIssue& issue : findings.errors) causes.push_back(FromIssue(issue));
  if (!causes.empty())
    return InvalidError(type.group, type.kind, call.path.name, std::move(causes));
  for (const api::FieldIssue& issue : findings.warnings)
    if (call.validation == FieldValidation::kWarn)
      call.warnings.push_back(fmt::format("unknown field \"{}\"", issue.path));
  if (!findings.warnings.empty() && call.validation == FieldValidation::kStrict)
    return BadRequestError(fmt::format(
        "{} in version \"{}\" cannot be handled as a {}: strict decoding error: unknown field "
        "\"{}\"",
        type.kind, type.version, type.kind, findings.warnings.front().path));
  return schema.WithoutUnknown(std::move(status));
}

Outcome<json> ApiServer::CheckNewObject(const Call& call, json object) {
  const ResourceType& type = call.type;
  const std::string kind = FieldText(object, "kind");
  const std::string version = FieldText(object, "apiVersion");
  if (type.custom != nullptr && (kind.empty() || version.empty())) return NoKindError(type);
  if ((!kind.empty() && kind != type.kind) || (!version.empty() && version != type.GroupVersion()))
    return BadRequestError(fmt::format("{}, Kind={} can't be created as {}, Kind={}", version, kind,
                                       type.GroupVersion(), type.kind));
  if (type.from_wire != nullptr) object = type.from_wire(std::move(object));
  object["kind"] = type.kind;
  object["apiVersion"] = StoredVersion(type);
  if (!object["metadata"].is_object()) object["metadata"] = json::object();
  json& metadata = object["metadata"];
  if (!TextAt(metadata, "resourceVersion").empty())
    // No fault of the server, but this is what Kubernetes answers.
    return ApiError{.code = 500,
                    .reason = "",
                    .message = "resourceVersion should not be set on objects to be created"};
  metadata.erase("resourceVersion");
  if (TextAt(metadata, "name").empty() && !TextAt(metadata, "generateName").empty())
    metadata["name"] = NameFrom(TextAt(metadata, "generateName"));
  if (type.namespaced) {
    const std::string given = TextAt(metadata, "namespace");
    if (!given.empty() && given != call.path.name_space)
      return BadRequestError(
          "the namespace of the provided object does not match the namespace "
          "sent on the request");
    metadata["namespace"] = call.path.name_space;
  } else {
    metadata.erase("namespace");
  }
  if (auto error = CheckNamespace(call, TextAt(metadata, "name"))) return *std::move(error);
  if (type.custom) object.erase("status");
  return object;
}

Outcome<http::Response> ApiServer::Create(Call& call) {
  ASSIGN_OR_RETURN(json object, DecodeObject(call));
  ASSIGN_OR_RETURN(const json created, CreateObject(call, std::move(object), [&](const json& made) {
                     return AfterUpdate(ShapeOf(call.type), nullptr, made, {}, WriterOf(call),
                                        clock_.NowMs());
                   }));
  return Answer(call, 201, created);
}

Outcome<json> ApiServer::CreateObject(
    Call& call, json object, const std::function<ManagedEntries(const json&)>& managers_of) {
  const ResourceType& type = call.type;
  ASSIGN_OR_RETURN(object, CheckNewObject(call, std::move(object)));
  object = WithNewMetadata(type, std::move(object), NewUid(), clock_.NowMs());
  ASSIGN_OR_RETURN(object, Admit(call, std::move(object), nullptr));
  const ManagedEntries managers = managers_of(object);
  object = WithManagedFields(std::move(object), managers);

  const std::string name = TextAt(object, "metadata.name");
  const ObjectKey key = call.KeyOf(name);
  if (call.dry_run) {
    if (store_.Get(key).ok()) return AlreadyExistsError(type, name);
    return object;
  }
  const auto stored = store_.Commit({{key, 0, std::make_shared<json>(std::move(object))}});
  if (!stored.ok()) {
    ApiError error = FromStoreStatus(type, name, stored.status());
    if (const auto other = store_.Get(key); other.ok() && IsBeingDeleted(*other->object))
      error.message = "object is being deleted: " + error.message;
    return error;
  }
  CollectIfOwnerless(key, *stored->front().object);
  return *stored->front().object;
}

Outcome<StoredObject> ApiServer::ModifyOnce(Call& call, const Change& change, bool& retry) {
  const ResourceType& type = call.type;
  retry = false;
  const auto found = store_.Get(call.Key());
  if (!found.ok()) return NotFoundError(type, call.path.name);
  const json& before = *found->object;
  ASSIGN_OR_RETURN(Wanted wanted, change(type.to_wire == nullptr ? before : type.to_wire(before)));
  json object = std::move(wanted.object);
  if (type.from_wire != nullptr) object = type.from_wire(std::move(object));
  if (!object.is_object() || !object["metadata"].is_object())
    return BadRequestError("metadata must be a map");
  const ManagedEntries managers = ClaimedManagers(object, before);
  const json& uid = At(object, "metadata.uid");
  if (!uid.is_null() && uid != At(before, "metadata.uid")) {
    if (call.request.method == "PUT") return ConflictError(type, call.path.name);
    return InvalidError(
        type.group, type.kind, call.path.name,
        {{"FieldValueInvalid", fmt::format("Invalid value: {}: field is immutable", Dump(uid)),
          "metadata.uid"}});
  }
  const std::string version = TextAt(object, "metadata.resourceVersion");
  if (version.empty() && type.custom)
    return InvalidError(type.group, type.kind, call.path.name,
                        {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update",
                          "metadata.resourceVersion"}});
  if (!version.empty() && version != TextAt(before, "metadata.resourceVersion"))
    return ConflictError(type, call.path.name);
  object["metadata"]["resourceVersion"] = before.at("metadata").at("resourceVersion");
  object["kind"] = before.at("kind");
  object["apiVersion"] = before.at("apiVersion");
  if (call.path.subresource == "status") {
    json status = std::move(object["status"]);
    object = before;
    if (status.is_null()) {
      object.erase("status");
    } else {
      ASSIGN_OR_RETURN(object["status"], AdmitStatus(call, std::move(status)));
    }
  } else {
    // Of a namespace, the server writes all but metadata.
    if (type.custom != nullptr || type.kind == "Namespace") {
      object.erase("status");
      if (before.contains("status")) object["status"] = before.at("status");
    }
    if (IsBeingDeleted(before))
      for (const json& finalizer : At(object, "metadata.finalizers"))
        if (finalizer.is_string() && !HasFinalizer(before, finalizer))
          return InvalidError(type.group, type.kind, call.path.name,
                              {{"FieldValueForbidden",
                                "Forbidden: no new finalizers can be added if the object is being "
                                "deleted",
                                "metadata.finalizers"}});
    object["metadata"]["name"] = before.at("metadata").at("name");
    ASSIGN_OR_RETURN(object, Admit(call, std::move(object), &before));
    object = WithKeptMetadata(type, std::move(object), before);
  }
  const Shape& shape = ShapeOf(type);
  const int64_t now = clock_.NowMs();
  const ManagedEntries entries =
      wanted.applied ? AfterApply(shape, before, object, *wanted.applied, WriterOf(call), now)
                     : AfterUpdate(shape, before, object, managers, WriterOf(call), now);
  object = WithManagedFields(std::move(object), entries);
  if (object == before || call.dry_run)
    return StoredObject{found->version, std::make_shared<const json>(std::move(object))};

  const bool ends = IsBeingDeleted(object) && !HasFinalizers(object);
  const auto last = std::make_shared<json>(std::move(object));
  const auto stored = store_.Commit({{call.Key(), found->version, ends ? nullptr : last}});
  if (!stored.ok()) {
    retry = stored.status().code() == Code::kAborted;
    return FromStoreStatus(type, call.path.name, stored.status());
  }
  if (!ends) return stored->front();
  AfterRemoval(call.Key(), last);
  return StoredObject{found->version, last};
}

Outcome<StoredObject> ApiServer::Modify(Call& call, const Change& change) {
  for (int attempt = 1;; ++attempt) {
    bool retry = false;
    const auto warnings = call.warnings;
    auto outcome = ModifyOnce(call, change, retry);
    if (!retry || attempt == kMostAttempts) return outcome;
    call.warnings = warnings;
  }
}

Outcome<http::Response> ApiServer::Replace(Call& call) {
  ASSIGN_OR_RETURN(const json wanted, DecodeObject(call));
  if (call.type.custom != nullptr &&
      (FieldText(wanted, "kind").empty() || FieldText(wanted, "apiVersion").empty()))
    return NoKindError(call.type);
  const std::string name = TextAt(wanted, "metadata.name");
  if (!name.empty() && name != call.path.name)
    return BadRequestError(
        fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                    call.path.name));
  const std::string given = TextAt(wanted, "metadata.namespace");
  if (!given.empty() && given != call.path.name_space)
    return BadRequestError(
        "the namespace of the provided object does not match the namespace sent on the request");
  // kube-apiserver's PUT of a missing lease creates it.
  if (!store_.Get(call.Key()).ok() && call.type.kind == "Lease") return Create(call);
  const auto stored = Modify(call, [&](const json&) -> Outcome<Wanted> { return Wanted{wanted}; });
  if (!stored.ok()) return stored.status();
  return Answer(call, 200, *stored->object);
}

Outcome<json> ApiServer::ApplyPatch(const Call& call, const json& current,
                                    const json& patch) const {
  const std::string media = ContentType(call.request);
  if (media == kJsonPatch) return JsonPatch(current, patch);
  if (media == kStrategicPatch)
    return StrategicMergePatch(ShapeOf(StoredType(call.type.StoreGroup(), call.type.resource)),
                               current, patch);
  return MergePatch(current, patch);
}

Outcome<http::Response> ApiServer::Patch(Call& call) {
  const std::string media = ContentType(call.request);
  const bool builtin_strategic = media == kStrategicPatch && !call.type.custom;
  if (media == kApplyPatch) return ServerSideApply(call);
  if (media != kMergePatch && media != kJsonPatch && !builtin_strategic)
    return UnsupportedMediaTypeError(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
  if (!Query(call.request, "force").empty())
    return InvalidError(
        "meta.k8s.io", "PatchOptions", "",
        {{"FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force"}});
  ASSIGN_OR_RETURN(const json patch, ParseBody(call.request.body));
  const auto stored = Modify(call, [&](const json& current) -> Outcome<Wanted> {
    ASSIGN_OR_RETURN(json object, ApplyPatch(call, current, patch));
    const std::string name = TextAt(object, "metadata.name");
    if (!name.empty() && name != call.path.name)
      return BadRequestError(
          fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                      call.path.name));
    return Wanted{std::move(object)};
  });
  if (!stored.ok()) return stored.status();
  return Answer(call, 200, *stored->object);
}

Outcome<http::Response> ApiServer::Scale(Call& call) {
  const std::string& method = call.request.method;
  const api::ScalePaths& paths = *call.type.custom->scale;
  if (method == "GET") {
    const auto stored = store_.Get(call.Key());
    if (!stored.ok()) return NotFoundError(call.type, call.path.name);
    return JsonResponse(200, ScaleOf(paths, *stored->object));
  }
  if (method != "PUT" && method != "PATCH") return MethodNotAllowedError();
  const std::string media = ContentType(call.request);
  if (method == "PATCH" && media != kMergePatch && media != kJsonPatch)
    return UnsupportedMediaTypeError(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json");
  ASSIGN_OR_RETURN(const json body, ParseBody(call.request.body));
  const auto stored = Modify(call, [&](const json& current) -> Outcome<Wanted> {
    json scale = body;
    if (method == "PATCH") {
      ASSIGN_OR_RETURN(scale, ApplyPatch(call, ScaleOf(paths, current), body));
    }
    json next = current;
    const json& replicas = At(scale, "spec.replicas");
    SetAtJsonPath(next, paths.spec_replicas, replicas.is_null() ? json(0) : replicas);
    if (const std::string version = TextAt(scale, "metadata.resourceVersion"); !version.empty())
      next["metadata"]["resourceVersion"] = version;
    return Wanted{std::move(next)};
  });
  if (!stored.ok()) return stored.status();
  return JsonResponse(200, ScaleOf(paths, *stored->object));
}

}  // namespace headpond::apiserver
