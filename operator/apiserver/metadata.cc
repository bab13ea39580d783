#include "operator/apiserver/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr size_t kMaxName = 253;
constexpr size_t kMaxLabelName = 63;
constexpr size_t kMaxAnnotationBytes = 256 << 10;  // of all together, as Kubernetes

bool LowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool IsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxName) return false;
  char previous = '.';
  for (const char c : text) {
    const bool edge = c == '.' || c == '-';
    if (!edge && !LowerOrDigit(c)) return false;
    if ((c == '.' && !LowerOrDigit(previous)) || (c == '-' && previous == '.')) return false;
    previous = c;
  }
  return LowerOrDigit(previous);
}

bool IsLabelText(std::string_view text) {
  const auto inner = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  const auto edge = [](char c) { return std::isalnum(static_cast<unsigned char>(c)); };
  return text.size() <= kMaxLabelName && std::ranges::all_of(text, inner) &&
         (text.empty() || (edge(text.front()) && edge(text.back())));
}

// "app" or "headpond.dev/app".
bool IsQualifiedName(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return !text.empty() && IsLabelText(text);
  const std::string_view name = text.substr(slash + 1);
  return IsSubdomain(text.substr(0, slash)) && !name.empty() && IsLabelText(name);
}

Cause Bad(std::string field, const json& value, std::string_view why) {
  return {
      "FieldValueInvalid",
      fmt::format("Invalid value: {}: {}",
                  value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 100), why),
      std::move(field)};
}

void CheckMap(const json& metadata, const char* field, std::vector<Cause>& causes) {
  const json& map = At(metadata, field);
  if (map.is_null()) return;
  const std::string path = fmt::format("metadata.{}", field);
  if (!map.is_object()) return causes.push_back(Bad(path, map, "must be a map of strings"));
  const bool labels = std::string_view(field) == "labels";
  size_t bytes = 0;
  for (const auto& [key, value] : map.items()) {
    if (!IsQualifiedName(key))
      causes.push_back(Bad(path, key,
                           "must be a name of at most 63 letters, digits, '-', '_' and "
                           "'.', with an optional prefix \"domain/\""));
    if (!value.is_string())
      causes.push_back(Bad(fmt::format("{}[{}]", path, key), value, "must be a string"));
    else if (labels && !IsLabelText(value.get_ref<const std::string&>()))
      causes.push_back(
          Bad(path, value, "a label has at most 63 letters, digits, '-', '_' and '.'"));
    else
      bytes += key.size() + value.get_ref<const std::string&>().size();
  }
  if (bytes > kMaxAnnotationBytes)
    causes.push_back({"FieldValueTooLong",
                      fmt::format("Too long: may not be more than {} bytes", kMaxAnnotationBytes),
                      path});
}

void CheckOwners(const json& metadata, std::vector<Cause>& causes) {
  const json& owners = At(metadata, "ownerReferences");
  if (owners.is_null()) return;
  if (!owners.is_array())
    return causes.push_back(Bad("metadata.ownerReferences", owners, "must be a list"));
  for (size_t i = 0; i < owners.size(); ++i)
    for (const char* const field : {"apiVersion", "kind", "name", "uid"})
      if (TextAt(owners[i], field).empty())
        causes.push_back({"FieldValueInvalid",
                          fmt::format("Invalid value: \"\": {} must not be empty", field),
                          fmt::format("metadata.ownerReferences[{}].{}", i, field)});
}

// Everything whose change is a new generation.
json Substance(json object) {
  object.erase("metadata");
  object.erase("status");
  return object;
}

}  // namespace

std::vector<Cause> CheckMetadata(const json& metadata) {
  std::vector<Cause> causes;
  const json& name = At(metadata, "name");
  if (!name.is_string() || name.get_ref<const std::string&>().empty())
    causes.push_back({"FieldValueRequired", "Required value: name or generateName is required",
                      "metadata.name"});
  else if (!IsSubdomain(name.get_ref<const std::string&>()))
    causes.push_back(Bad("metadata.name", name,
                         "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                         "characters, '-' or '.', and must start and end with an alphanumeric "
                         "character"));
  CheckMap(metadata, "labels", causes);
  CheckMap(metadata, "annotations", causes);
  CheckOwners(metadata, causes);
  const json& finalizers = At(metadata, "finalizers");
  if (!finalizers.is_null() && !finalizers.is_array())
    causes.push_back(Bad("metadata.finalizers", finalizers, "must be a list of names"));
  else
    for (const json& finalizer : finalizers)
      if (!finalizer.is_string() || !IsQualifiedName(finalizer.get_ref<const std::string&>()))
        causes.push_back(Bad("metadata.finalizers", finalizer, "must be a qualified name"));
  return causes;
}

json WithNewMetadata(const ResourceType& type, json object, const std::string& uid,
                     int64_t now_ms) {
  json& metadata = object["metadata"];
  for (const char* const field : kServerFields) metadata.erase(field);
  metadata["uid"] = uid;
  metadata["creationTimestamp"] = FormatRfc3339(now_ms);
  if (type.custom || type.opaque) metadata["generation"] = 1;
  return object;
}

json WithKeptMetadata(const ResourceType& type, json object, const json& before) {
  json& metadata = object["metadata"];
  const json& kept = before.at("metadata");
  for (const char* const field : kServerFields) {
    metadata.erase(field);
    if (const auto found = kept.find(field); found != kept.end()) metadata[field] = *found;
  }
  metadata["name"] = kept.at("name");
  if (kept.contains("namespace")) metadata["namespace"] = kept.at("namespace");
  if ((type.custom || type.opaque) && Substance(object) != Substance(before))
    metadata["generation"] = kept.value("generation", int64_t{0}) + 1;
  return object;
}

json WithDeletionMark(const ResourceType& type, json object, int64_t now_ms) {
  if (IsBeingDeleted(object)) return object;
  json& metadata = object["metadata"];
  metadata["deletionTimestamp"] = FormatRfc3339(now_ms);
  metadata["deletionGracePeriodSeconds"] = 0;
  if (type.custom) metadata["generation"] = metadata.value("generation", int64_t{0}) + 1;
  return object;
}

bool IsBeingDeleted(const json& object) {
  return !At(object, "metadata.deletionTimestamp").is_null();
}

bool HasFinalizers(const json& object) {
  return !At(object, "metadata.finalizers").empty();
}

bool HasFinalizer(const json& object, const std::string& finalizer) {
  const json& list = At(object, "metadata.finalizers");
  return std::find(list.begin(), list.end(), finalizer) != list.end();
}

json WithFinalizer(json object, const std::string& finalizer) {
  if (!HasFinalizer(object, finalizer)) object["metadata"]["finalizers"].push_back(finalizer);
  return object;
}

json WithoutFinalizer(json object, const std::string& finalizer) {
  json rest = json::array();
  for (const json& one : At(object, "metadata.finalizers"))
    if (one != finalizer) rest.push_back(one);
  if (rest.empty())
    object["metadata"].erase("finalizers");
  else
    object["metadata"]["finalizers"] = std::move(rest);
  return object;
}

std::vector<std::string> OwnerUids(const json& object) {
  std::vector<std::string> uids;
  for (const json& owner : At(object, "metadata.ownerReferences"))
    uids.push_back(TextAt(owner, "uid"));
  return uids;
}

bool IsOwnedBy(const json& object, const std::string& uid) {
  return std::ranges::count(OwnerUids(object), uid) != 0;
}

json WithoutOwner(json object, const std::string& uid) {
  json rest = json::array();
  for (const json& owner : At(object, "metadata.ownerReferences"))
    if (TextAt(owner, "uid") != uid) rest.push_back(owner);
  if (rest.empty())
    object["metadata"].erase("ownerReferences");
  else
    object["metadata"]["ownerReferences"] = std::move(rest);
  return object;
}

}  // namespace headpond::apiserver
