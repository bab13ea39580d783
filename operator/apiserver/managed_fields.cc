#include "operator/apiserver/managed_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"
#include "operator/apiserver/metadata.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr size_t kMaxUpdaters = 10;  // as Kubernetes
constexpr const char* kAncientChanges = "ancient-changes";

std::optional<ManagedEntry> ReadEntry(const json& entry) {
  ManagedEntry out;
  out.manager = {.name = TextAt(entry, "manager"),
                 .applies = TextAt(entry, "operation") == "Apply",
                 .subresource = TextAt(entry, "subresource"),
                 .api_version = TextAt(entry, "apiVersion")};
  out.time = TextAt(entry, "time");
  if (!out.manager.applies && TextAt(entry, "operation") != "Update") return std::nullopt;
  if (TextAt(entry, "fieldsType") != "FieldsV1") return std::nullopt;
  auto fields = FieldSet::FromJson(At(entry, "fieldsV1"));
  if (!fields) return std::nullopt;
  out.fields = *std::move(fields);
  return out;
}

// Without a bound, every client with a name of its own would make all objects grow: the fields of
// those who wrote longest ago become one entry.
ManagedEntries WithFewUpdaters(ManagedEntries entries) {
  std::vector<std::pair<std::string, size_t>> updaters;  // time and index, oldest first
  for (size_t i = 0; i < entries.size(); ++i)
    if (!entries[i].manager.applies) updaters.emplace_back(entries[i].time, i);
  if (updaters.size() <= kMaxUpdaters) return entries;
  std::ranges::sort(updaters);
  updaters.resize(updaters.size() - kMaxUpdaters + 1);
  ManagedEntry ancient = entries[updaters.back().second];
  ancient.manager.name = kAncientChanges;
  ancient.manager.subresource.clear();
  for (const auto& [time, index] : updaters) {
    ancient.fields = ancient.fields.Union(entries[index].fields);
    entries[index].fields = FieldSet();
  }
  std::erase_if(entries, [](const ManagedEntry& entry) { return entry.fields.empty(); });
  entries.insert(entries.begin(), std::move(ancient));
  return entries;
}

}  // namespace

std::optional<ManagedEntries> ReadManagedFields(const json& object) {
  const json& list = At(object, "metadata.managedFields");
  if (list.is_null()) return ManagedEntries();
  if (!list.is_array()) return std::nullopt;
  ManagedEntries entries;
  for (const json& entry : list) {
    auto read = ReadEntry(entry);
    if (!read) return std::nullopt;
    entries.push_back(*std::move(read));
  }
  return entries;
}

json WithManagedFields(json object, const ManagedEntries& entries) {
  json list = json::array();
  for (const ManagedEntry& entry : entries) {
    json one = {{"manager", entry.manager.name},
                {"operation", entry.manager.applies ? "Apply" : "Update"},
                {"apiVersion", entry.manager.api_version},
                {"time", entry.time},
                {"fieldsType", "FieldsV1"},
                {"fieldsV1", entry.fields.ToJson()}};
    if (!entry.manager.subresource.empty()) one["subresource"] = entry.manager.subresource;
    list.push_back(std::move(one));
  }
  if (!list.empty())
    object["metadata"]["managedFields"] = std::move(list);
  else if (object.contains("metadata"))
    object["metadata"].erase("managedFields");
  return object;
}

json OwnedPart(json object) {
  if (!object.is_object()) return json::object();
  object.erase("apiVersion");
  object.erase("kind");
  const auto metadata = object.find("metadata");
  if (metadata == object.end()) return object;
  if (metadata->is_object()) {
    for (const char* const field : kServerFields) metadata->erase(field);
    for (const char* const field : {"name", "namespace", "resourceVersion"}) metadata->erase(field);
  }
  if (metadata->empty()) object.erase(metadata);
  return object;
}

ManagedEntries AfterUpdate(const Shape& shape, const json& before, const json& after,
                           ManagedEntries entries, const Manager& writer, int64_t now_ms) {
  json old = OwnedPart(before);
  const json now = OwnedPart(after);
  // metadata itself belongs to nobody: every object has it.
  old.emplace("metadata", json::object());
  const FieldSet changed = ChangedFields(shape, old, now);
  for (ManagedEntry& entry : entries) {
    if (entry.manager != writer) entry.fields = entry.fields.Minus(changed);
    entry.fields = Existing(shape, entry.fields, now);
  }
  if (!changed.empty()) {
    auto own = std::ranges::find(entries, writer, &ManagedEntry::manager);
    if (own == entries.end()) own = entries.insert(own, {.manager = writer});
    own->fields = own->fields.Union(changed);
    own->time = FormatRfc3339(now_ms);
  }
  std::erase_if(entries, [](const ManagedEntry& entry) { return entry.fields.empty(); });
  return WithFewUpdaters(std::move(entries));
}

}  // namespace headpond::apiserver
