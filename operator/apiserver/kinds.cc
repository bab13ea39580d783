#include "operator/apiserver/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "operator/apiserver/json_path.h"

namespace headpond::apiserver {
namespace {

using api::Findings;
using nlohmann::json;

Column NameColumn() {
  return {"Name", "string", "name", "Name of the object."};
}
Column AgeColumn() {
  return {"Age", "string", "", "Time since the object was created."};
}
json AgeOf(const json& object, int64_t now_ms) {
  return Age(At(object, "metadata.creationTimestamp"), now_ms);
}

// The value at a path, or null for "nothing to show".
json Cell(const json& object, std::string_view path) {
  return At(object, path);
}

json NamespaceCells(const json& object, int64_t now_ms) {
  return {At(object, "metadata.name"), Cell(object, "status.phase"), AgeOf(object, now_ms)};
}

// Namespaces are parts of DNS names in Kubernetes.
Findings CheckNamespace(const json& object) {
  constexpr size_t kDnsLabel = 63;
  Findings findings;
  const std::string name = TextAt(object, "metadata.name");
  if (name.size() > kDnsLabel || name.find('.') != std::string::npos)
    findings.errors.push_back(
        {"metadata.name", fmt::format("\"{}\" must be at most {} lower case letters, digits and "
                                      "'-'",
                                      name.substr(0, kDnsLabel + 1), kDnsLabel)});
  return findings;
}

json CompleteNamespace(json object) {
  json& metadata = object["metadata"];
  metadata["labels"]["kubernetes.io/metadata.name"] = metadata.value("name", "");
  object["spec"]["finalizers"] = json::array({"kubernetes"});
  if (TextAt(object, "status.phase").empty()) object["status"]["phase"] = "Active";
  return object;
}

json CountedCells(const json& object, int64_t now_ms) {
  return {At(object, "metadata.name"), At(object, "data").size() + At(object, "binaryData").size(),
          AgeOf(object, now_ms)};
}

// What a Secret holds under a key, as text; nullopt when there is no such key.
std::optional<std::string> SecretText(const json& object, const std::string& key) {
  const auto text = [&](const char* map) -> const std::string* {
    const json& entries = At(object, map);
    const auto found = entries.is_object() ? entries.find(key) : entries.end();
    if (!entries.is_object() || found == entries.end()) return nullptr;
    return found->get_ptr<const std::string*>();
  };
  if (const std::string* const plain = text("stringData")) return *plain;
  if (const std::string* const encoded = text("data")) return DecodeBase64(*encoded);
  return std::nullopt;
}

// The keys of Kubernetes' own types.
Findings CheckSecret(const json& object) {
  struct Needs {
    std::string_view type;
    std::vector<std::string> keys;
    bool one_will_do = false;
    bool json_objects = false;
  };
  static const std::vector<Needs> all = {
      {"kubernetes.io/dockerconfigjson", {".dockerconfigjson"}, false, true},
      {"kubernetes.io/dockercfg", {".dockercfg"}, false, true},
      {"kubernetes.io/basic-auth", {"username", "password"}, true},
      {"kubernetes.io/ssh-auth", {"ssh-privatekey"}},
      {"kubernetes.io/tls", {"tls.crt", "tls.key"}}};
  Findings findings;
  const auto needs = std::ranges::find(all, TextAt(object, "type"), &Needs::type);
  if (needs == all.end()) return findings;
  for (const std::string& key : needs->keys) {
    const auto text = SecretText(object, key);
    if (text && needs->one_will_do) return {};
    const std::string path = fmt::format("data[{}]", key);
    if (!text)
      findings.errors.push_back({path, "is required"});
    else if (needs->json_objects && !json::parse(*text, nullptr, false).is_object())
      findings.errors.push_back({path, "\"<secret contents redacted>\": is no JSON object"});
  }
  return findings;
}

json CompleteSecret(json object) {
  const json plain = At(object, "stringData");
  if (plain.is_object())
    for (const auto& [key, value] : plain.items())
      object["data"][key] = EncodeBase64(value.get_ref<const std::string&>());
  object.erase("stringData");
  if (TextAt(object, "type").empty()) object["type"] = "Opaque";
  return object;
}

std::vector<api::FieldIssue> CheckSecretChange(const json& before, const json& after) {
  if (before.at("type") == after.at("type")) return {};
  return {{"type", "field is immutable"}};
}

json SecretCells(const json& object, int64_t now_ms) {
  return {At(object, "metadata.name"), Cell(object, "type"), At(object, "data").size(),
          AgeOf(object, now_ms)};
}

Findings CheckLease(const json& object) {
  Findings findings;
  const json& seconds = At(object, "spec.leaseDurationSeconds");
  if (!seconds.is_null() && seconds.get<int64_t>() <= 0)
    findings.errors.push_back({"spec.leaseDurationSeconds", "must be greater than 0"});
  return findings;
}

json LeaseCells(const json& object, int64_t now_ms) {
  return {At(object, "metadata.name"), Cell(object, "spec.holderIdentity"), AgeOf(object, now_ms)};
}

Findings CheckEvent(const json& object) {
  Findings findings;
  const std::string about = TextAt(object, "involvedObject.namespace");
  const std::string own = TextAt(object, "metadata.namespace");
  if (about != own && !(about.empty() && own == "default"))
    findings.errors.push_back({"involvedObject.namespace",
                               fmt::format("\"{}\" does not match the event's namespace", about)});
  return findings;
}

json CompleteEvent(json object) {
  for (const char* const field : {"reportingComponent", "reportingInstance"})
    if (!object.contains(field)) object[field] = "";
  for (const char* const field : {"eventTime", "firstTimestamp", "lastTimestamp"})
    if (!object.contains(field)) object[field] = nullptr;
  return object;
}

// Of an event in core's form.
json EventCells(const json& object, int64_t now_ms) {
  const auto first_of = [&](std::initializer_list<std::string_view> paths) {
    for (const std::string_view path : paths)
      if (!At(object, path).is_null()) return At(object, path);
    return json();
  };
  std::string kind = TextAt(object, "involvedObject.kind");
  for (char& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string source = TextAt(object, "source.component");
  return {Age(first_of({"series.lastObservedTime", "lastTimestamp", "eventTime",
                        "metadata.creationTimestamp"}),
              now_ms),
          Cell(object, "type"),
          Cell(object, "reason"),
          fmt::format("{}/{}", kind, TextAt(object, "involvedObject.name")),
          Cell(object, "involvedObject.fieldPath"),
          source.empty() ? Cell(object, "reportingComponent") : json(source),
          Cell(object, "message"),
          Age(first_of({"firstTimestamp", "eventTime", "metadata.creationTimestamp"}), now_ms),
          first_of({"series.count", "count"}),
          At(object, "metadata.name")};
}

constexpr std::pair<const char*, const char*> kEventFields[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

json RenameMember(json object, const char* from, const char* to) {
  if (const auto found = object.find(from); found != object.end()) {
    object[to] = *found;
    object.erase(from);
  }
  return object;
}

json EventToWire(json object) {
  for (const auto& [core, ours] : kEventFields)
    object = RenameMember(std::move(object), core, ours);
  for (const char* const field : {"reportingController", "reportingInstance"})
    if (TextAt(object, field).empty()) object.erase(field);
  object["apiVersion"] = "events.k8s.io/v1";
  return object;
}

json EventFromWire(json object) {
  for (const auto& [core, ours] : kEventFields)
    object = RenameMember(std::move(object), ours, core);
  object["apiVersion"] = "v1";
  return object;
}

std::vector<Column> EventColumns() {
  return {{"Last Seen", "string", "", "When it happened last."},
          {"Type", "string", "", "Normal or Warning."},
          {"Reason", "string", "", "Why, in one word."},
          {"Object", "string", "", "What it is about."},
          {"Subobject", "string", "", "The part of the object.", 1},
          {"Source", "string", "", "Who says so.", 1},
          {"Message", "string", "", "What happened."},
          {"First Seen", "string", "", "When it happened first.", 1},
          {"Count", "integer", "", "How often it happened.", 1},
          {"Name", "string", "name", "Name of the object.", 1}};
}

}  // namespace

ResourceType CustomType(const api::Kind& kind) {
  std::vector<Column> columns = {NameColumn()};
  for (const api::PrinterColumn& column : kind.columns)
    columns.push_back({column.name, column.type, "", column.description, column.priority});
  const auto cells = [&kind](const json& object, int64_t now_ms) {
    json row = json::array({At(object, "metadata.name")});
    for (const api::PrinterColumn& column : kind.columns) {
      const json& value = AtJsonPath(object, column.json_path);
      row.push_back(column.type == "date" ? Age(value, now_ms) : value);
    }
    return row;
  };
  return {
      .group = std::string(api::kGroup),
      .version = std::string(api::kVersion),
      .resource = std::string(kind.plural),
      .singular = std::string(kind.singular),
      .kind = std::string(kind.kind),
      .short_names = {kind.short_names.begin(), kind.short_names.end()},
      .categories = {std::begin(api::kCategories), std::end(api::kCategories)},
      .custom = &kind,
      .columns = std::move(columns),
      .cells = cells,
      .check = [&kind](const json& object) { return api::CheckObject(kind, object); },
      .check_change = [&kind](const json& before,
                              const json& after) { return api::CheckChange(kind, before, after); },
      .complete = [&kind](json object) { return api::CompleteObject(kind, std::move(object)); }};
}

ResourceType NamespaceType() {
  return {
      .version = "v1",
      .resource = "namespaces",
      .singular = "namespace",
      .kind = "Namespace",
      .short_names = {"ns"},
      .namespaced = false,
      .columns = {NameColumn(), {"Status", "string", "", "Active or Terminating."}, AgeColumn()},
      .cells = NamespaceCells,
      .check = CheckNamespace,
      .complete = CompleteNamespace};
}

ResourceType ConfigMapType() {
  return {.version = "v1",
          .resource = "configmaps",
          .singular = "configmap",
          .kind = "ConfigMap",
          .short_names = {"cm"},
          .columns = {NameColumn(), {"Data", "string", "", "Number of entries."}, AgeColumn()},
          .cells = CountedCells};
}

ResourceType SecretType() {
  return {.version = "v1",
          .resource = "secrets",
          .singular = "secret",
          .kind = "Secret",
          .field_selectors = {"type"},
          .columns = {NameColumn(),
                      {"Type", "string", "", "What the secret is for."},
                      {"Data", "string", "", "Number of entries."},
                      AgeColumn()},
          .cells = SecretCells,
          .check = CheckSecret,
          .check_change = CheckSecretChange,
          .complete = CompleteSecret};
}

ResourceType CoreEventType() {
  return {.version = "v1",
          .resource = "events",
          .singular = "event",
          .kind = "Event",
          .short_names = {"ev"},
          .field_selectors = {"involvedObject.kind", "involvedObject.namespace",
                              "involvedObject.name", "involvedObject.uid",
                              "involvedObject.apiVersion", "involvedObject.resourceVersion",
                              "involvedObject.fieldPath", "reason", "reportingComponent", "type"},
          .columns = EventColumns(),
          .cells = EventCells,
          .check = CheckEvent,
          .complete = CompleteEvent};
}

ResourceType EventType() {
  return {.group = "events.k8s.io",
          .version = "v1",
          .resource = "events",
          .singular = "event",
          .kind = "Event",
          .short_names = {"ev"},
          .field_selectors = {"regarding.kind", "regarding.namespace", "regarding.name",
                              "regarding.uid", "reason", "reportingController", "type"},
          .columns = EventColumns(),
          .cells = EventCells,
          .check = CheckEvent,
          .complete = CompleteEvent,
          .to_wire = EventToWire,
          .from_wire = EventFromWire};
}

ResourceType LeaseType() {
  return {.group = "coordination.k8s.io",
          .version = "v1",
          .resource = "leases",
          .singular = "lease",
          .kind = "Lease",
          .columns = {NameColumn(), {"Holder", "string", "", "Who holds it."}, AgeColumn()},
          .cells = LeaseCells,
          .check = CheckLease};
}

}  // namespace headpond::apiserver
