#include "operator/apiserver/server_side_apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/rfc3339.h"
#include "operator/apiserver/patch.h"
#include "operator/apiserver/representation.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr const char* kKubectl = "kubectl";
constexpr const char* kBeforeFirstApply = "before-first-apply";
constexpr size_t kMaxLastApplied = 256 << 10;  // what annotations may hold
constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

struct Conflict {
  std::string manager;  // as Kubernetes names it in messages
  std::string path;
};

std::string Describe(const Manager& manager) {
  std::string text = fmt::format("\"{}\"", manager.name);
  if (!manager.subresource.empty())
    text += fmt::format(" with subresource \"{}\"", manager.subresource);
  if (!manager.applies) text += fmt::format(" using {}", manager.api_version);
  return text;
}

ApiError ConflictsError(const std::vector<Conflict>& conflicts) {
  ApiError error{.code = 409, .reason = "Conflict"};
  std::map<std::string, std::string> lines;  // by manager
  for (const Conflict& conflict : conflicts) {
    error.causes.push_back(
        {"FieldManagerConflict", fmt::format("conflict with {}", conflict.manager), conflict.path});
    lines[conflict.manager] += fmt::format("\n- {}", conflict.path);
  }
  if (conflicts.size() == 1) {
    error.message = fmt::format("Apply failed with 1 conflict: conflict with {}: {}",
                                conflicts[0].manager, conflicts[0].path);
    return error;
  }
  error.message = fmt::format("Apply failed with {} conflicts: ", conflicts.size());
  for (const auto& [manager, paths] : lines)
    error.message += fmt::format("{}conflicts with {}:{}",
                                 manager == lines.begin()->first ? "" : "\n", manager, paths);
  return error;
}

// Items of keyed lists and sets that can't be told apart.
void CheckLists(const Shape& shape, const json& value, const std::string& path,
                std::vector<Cause>& causes) {
  if (shape.kind == Shape::Kind::kKeyedList && value.is_array()) {
    std::set<std::string> seen;
    for (size_t i = 0; i < value.size(); ++i) {
      const json& key = At(value[i], shape.key);
      if (key.is_null())
        causes.push_back(
            {"FieldValueRequired", "Required value", fmt::format("{}[{}].{}", path, i, shape.key)});
      else if (!seen.insert(Dump(key)).second)
        causes.push_back({"FieldValueDuplicate",
                          fmt::format("Duplicate value: {{\"{}\":{}}}", shape.key, Dump(key)),
                          fmt::format("{}[{}]", path, i)});
    }
  }
  if (shape.kind == Shape::Kind::kSet && value.is_array()) {
    std::set<json> seen;
    for (size_t i = 0; i < value.size(); ++i)
      if (!seen.insert(value[i]).second)
        causes.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: {}", Dump(value[i])),
                          fmt::format("{}[{}]", path, i)});
  }
  for (const Part& part : PartsOf(shape, value))
    CheckLists(*part.shape, *part.value, path + ReadableElement(part.element), causes);
}

ApiError BadLists(const json& config, std::vector<Cause> causes) {
  for (Cause& cause : causes) cause.field.erase(0, 1);  // the leading '.'
  const std::string version = TextAt(config, "apiVersion");
  const size_t slash = version.find('/');
  return InvalidError(slash == std::string::npos ? "" : version.substr(0, slash),
                      TextAt(config, "kind"), TextAt(config, "metadata.name"), std::move(causes));
}

// What client-side apply said about itself on the object.
FieldSet LastAppliedFields(const Shape& shape, const json& live) {
  const json& annotations = At(live, "metadata.annotations");
  if (!annotations.is_object() || !annotations.contains(kLastApplied)) return {};
  const json& text = annotations.at(kLastApplied);
  if (!text.is_string()) return {};
  const auto config = ParseBody(text.get_ref<const std::string&>());
  return config.ok() ? FieldsOf(shape, OwnedPart(*config)) : FieldSet();
}

// Client-side apply goes on from where kubectl's server-side apply is now.
void SyncLastApplied(json& object, json config) {
  const json& there = At(object, "metadata.annotations");
  if (!there.is_object() || !there.contains(kLastApplied)) return;
  json& metadata = config["metadata"];
  if (const auto own = metadata.find("annotations"); own != metadata.end() && own->is_object())
    own->erase(kLastApplied);
  std::string text = config.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  if (text.size() > kMaxLastApplied) text.clear();
  object["metadata"]["annotations"][kLastApplied] = std::move(text);
}

// What others own and `changed` would take from them; nothing of `allowed`.
std::vector<Conflict> FindConflicts(const ManagedEntries& entries, const Manager& applier,
                                    const FieldSet& changed, const FieldSet& allowed) {
  std::vector<Conflict> conflicts;
  for (const ManagedEntry& entry : entries) {
    if (entry.manager == applier) continue;
    for (std::string& path : entry.fields.Intersection(changed).Minus(allowed).Paths())
      conflicts.push_back({Describe(entry.manager), std::move(path)});
  }
  return conflicts;
}

}  // namespace

Outcome<Application> Apply(const Shape& shape, const json& live, const json& config,
                           const Manager& applier, bool force, int64_t now_ms) {
  const json wanted = OwnedPart(config);
  std::vector<Cause> causes;
  CheckLists(shape, wanted, "", causes);
  if (!causes.empty()) return BadLists(config, std::move(causes));

  ManagedEntries entries = ReadManagedFields(live).value_or(ManagedEntries());
  if (entries.empty() && !live.empty())
    entries = AfterUpdate(shape, nullptr, live, {},
                          {.name = kBeforeFirstApply, .api_version = applier.api_version}, now_ms);
  const FieldSet given = FieldsOf(shape, wanted);
  FieldSet last, kept = given;
  for (const ManagedEntry& entry : entries)
    if (entry.manager == applier)
      last = entry.fields;
    else
      kept = kept.Union(entry.fields);

  json object = WithoutFields(shape, Merged(shape, live, config), last, kept);
  const FieldSet changed = ChangedFields(shape, OwnedPart(live), OwnedPart(object));
  if (!force) {
    const FieldSet allowed = applier.name == kKubectl ? LastAppliedFields(shape, live) : FieldSet();
    const auto conflicts = FindConflicts(entries, applier, changed, allowed);
    if (!conflicts.empty()) return ConflictsError(conflicts);
  }
  for (ManagedEntry& entry : entries)
    if (entry.manager != applier) entry.fields = entry.fields.Minus(changed);
  auto own = std::ranges::find(entries, applier, &ManagedEntry::manager);
  if (own == entries.end()) own = entries.insert(own, {.manager = applier});
  own->fields = given;
  if (applier.name == kKubectl) SyncLastApplied(object, config);
  return Application{std::move(object), std::move(entries)};
}

ManagedEntries AfterApply(const Shape& shape, const json& before, const json& after,
                          ManagedEntries entries, const Manager& applier, int64_t now_ms) {
  const json now = OwnedPart(after);
  for (ManagedEntry& entry : entries) entry.fields = Existing(shape, entry.fields, now);
  std::erase_if(entries, [](const ManagedEntry& entry) { return entry.fields.empty(); });
  const bool same = OwnedPart(before) == now && ReadManagedFields(before) == entries;
  const auto own = std::ranges::find(entries, applier, &ManagedEntry::manager);
  if (!same && own != entries.end()) own->time = FormatRfc3339(now_ms);
  return entries;
}

}  // namespace headpond::apiserver
