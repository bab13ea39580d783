#include "operator/api/kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "operator/api/backup.h"
#include "operator/api/cache_cluster_kind.h"
#include "operator/api/container_kinds.h"
#include "operator/api/restore.h"

namespace headpond::api {
namespace {

using nlohmann::json;

constexpr size_t kDnsLabel = 63;
constexpr size_t kMaxMetadataText = 256;
constexpr std::string_view kParts[] = {"apiVersion", "kind", "metadata", "spec", "status"};

struct Schemas {
  explicit Schemas(const Kind& kind)
      : spec(kind.spec, "spec"), status(kind.status, "status", Schema::Objects::kAbsent) {}

  Schema spec, status;
};

const Schemas& SchemasOf(const Kind& kind) {
  static const auto all = [] {
    std::map<std::string_view, std::unique_ptr<const Schemas>> made;
    for (const Kind& one : Kinds()) made.emplace(one.kind, std::make_unique<Schemas>(one));
    return made;
  }();
  return *all.at(kind.kind);
}

bool IsDnsLabel(std::string_view text) {
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && letter_or_digit(text.front()) && letter_or_digit(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return letter_or_digit(c) || c == '-'; });
}

void CheckName(const json& metadata, const std::string& field, size_t limit, Findings& findings) {
  const auto found = metadata.find(field);
  const std::string path = "metadata." + field;
  if (found == metadata.end() || found->is_null()) {
    if (field == "name") findings.errors.push_back({path, "is required"});
    return;
  }
  if (!found->is_string() || !IsDnsLabel(found->get_ref<const std::string&>()) ||
      found->get_ref<const std::string&>().size() > limit)
    findings.errors.push_back({path, fmt::format("must be 1 to {} lower-case letters, digits and "
                                                 "'-', with a letter or digit at both ends; quote "
                                                 "names that look like numbers",
                                                 limit)});
}

void CheckStrings(const json& metadata, const std::string& field, Findings& findings) {
  const auto found = metadata.find(field);
  if (found == metadata.end() || found->is_null()) return;
  if (!found->is_object()) {
    findings.errors.push_back({"metadata." + field, "must be a map of strings"});
    return;
  }
  for (const auto& [key, value] : found->items())
    if (!value.is_string() || key.size() > kMaxMetadataText)
      findings.errors.push_back(
          {fmt::format("metadata.{}[{}]", field, key.substr(0, kMaxMetadataText)),
           "must be a string; quote it"});
}

void CheckMetadata(const Kind& kind, const json& object, Findings& findings) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) {
    findings.errors.push_back({"metadata.name", "is required"});
    return;
  }
  CheckName(*metadata, "name", kind.max_name, findings);
  CheckName(*metadata, "namespace", kDnsLabel, findings);
  CheckStrings(*metadata, "labels", findings);
  CheckStrings(*metadata, "annotations", findings);
}

void CheckHeader(const Kind& kind, const json& object, Findings& findings) {
  const auto expect = [&](const char* field, std::string_view wanted) {
    const auto found = object.find(field);
    if (found == object.end())
      findings.errors.push_back({field, fmt::format("is required; use {}", wanted)});
    else if (*found != wanted)
      findings.errors.push_back(
          {field, fmt::format("{} is not supported; use {}", found->dump(), wanted)});
  };
  expect("apiVersion", kApiVersion);
  expect("kind", kind.kind);
  static const std::vector<std::string_view> known(std::begin(kParts), std::end(kParts));
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const auto nearest = NearestName(name, known);
    findings.warnings.push_back(
        {name, nearest.empty() ? "unknown field, ignored"
                               : fmt::format("unknown field, ignored; did you mean {}?", nearest)});
  }
}

}  // namespace

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {CacheClusterKind(), ContainerDefinitionKind(),
                                          ContainerTaskKind(), BackupKind(), RestoreKind()};
  return kinds;
}

const Kind* FindKind(std::string_view kind) {
  const auto found = std::ranges::find(Kinds(), kind, &Kind::kind);
  return found == Kinds().end() ? nullptr : &*found;
}

const Schema& SpecSchema(const Kind& kind) {
  return SchemasOf(kind).spec;
}

const Schema& StatusSchema(const Kind& kind) {
  return SchemasOf(kind).status;
}

json SpecOf(const json& object) {
  const auto found = object.find("spec");
  return found == object.end() || found->is_null() ? json::object() : *found;
}

Findings CheckObject(const Kind& kind, const json& object) {
  Findings findings;
  if (!object.is_object()) {
    findings.errors.push_back({"object", "must be a map with apiVersion, kind, metadata and spec"});
    return findings;
  }
  CheckHeader(kind, object, findings);
  if (!findings.ok()) return findings;
  CheckMetadata(kind, object, findings);
  const json spec = SpecOf(object);
  Findings fields = SpecSchema(kind).Check(spec);
  const bool readable = fields.ok();
  findings.Append(std::move(fields));
  if (!readable) return findings;
  const json complete = SpecSchema(kind).WithDefaults(SpecSchema(kind).WithoutUnknown(spec));
  for (const Rule& rule : kind.rules)
    if (rule.check) rule.check(complete, findings);
  return findings;
}

json CompleteObject(const Kind& kind, json object) {
  const Schema& schema = SpecSchema(kind);
  object["spec"] = schema.WithDefaults(schema.WithoutUnknown(SpecOf(object)));
  if (const auto status = object.find("status"); status != object.end())
    *status = StatusSchema(kind).WithoutUnknown(std::move(*status));
  for (auto it = object.begin(); it != object.end();)
    it = std::ranges::find(kParts, it.key()) == std::end(kParts) ? object.erase(it) : std::next(it);
  return object;
}

std::vector<FieldIssue> CheckChange(const Kind& kind, const json& before, const json& after) {
  Findings findings{.errors =
                        SpecSchema(kind).CheckTransition(before.at("spec"), after.at("spec"))};
  for (const Rule& rule : kind.rules)
    if (rule.check_change) rule.check_change(before.at("spec"), after.at("spec"), findings);
  return findings.errors;
}

}  // namespace headpond::api
