#include "operator/apiserver/strategic_patch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using Kind = Shape::Kind;

constexpr const char* kPatch = "$patch";
constexpr const char* kRetainKeys = "$retainKeys";
constexpr std::string_view kDeleteFromList = "$deleteFromPrimitiveList/";

bool Is(const json& value, const char* directive) {
  return value.is_object() && value.contains(kPatch) && value.at(kPatch) == directive;
}

// A value that is new: directives mean nothing in it.
json WithoutDirectives(json value) {
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();)
      it = it.key().starts_with('$') ? value.erase(it) : std::next(it);
    for (json& child : value) child = WithoutDirectives(std::move(child));
  } else if (value.is_array()) {
    json kept = json::array();
    for (json& item : value)
      if (!Is(item, "delete")) kept.push_back(WithoutDirectives(std::move(item)));
    return kept;
  }
  return value;
}

void RemoveItems(json& list, const json& items) {
  if (!list.is_array() || !items.is_array()) return;
  json kept = json::array();
  for (const json& item : list)
    if (std::find(items.begin(), items.end(), item) == items.end()) kept.push_back(item);
  list = std::move(kept);
}

json MergeKeyed(const Shape& shape, json list, const json& patch) {
  for (const json& item : patch) {
    const json key = item.is_object() ? item.value(shape.key, json()) : json();
    const auto same = [&](const json& one) {
      return one.is_object() && !key.is_null() && one.value(shape.key, json()) == key;
    };
    const auto found = std::find_if(list.begin(), list.end(), same);
    if (Is(item, "delete")) {
      if (found != list.end()) list.erase(found);
    } else if (found != list.end()) {
      *found = StrategicMergePatch(*shape.item, *found, item);
    } else {
      list.push_back(WithoutDirectives(item));
    }
  }
  return list;
}

}  // namespace

json StrategicMergePatch(const Shape& shape, json object, const json& patch) {
  if (shape.kind == Kind::kSet && object.is_array() && patch.is_array()) {
    for (const json& item : patch)
      if (std::find(object.begin(), object.end(), item) == object.end()) object.push_back(item);
    return object;
  }
  if (shape.kind == Kind::kKeyedList && object.is_array() && patch.is_array())
    return MergeKeyed(shape, std::move(object), patch);
  if (!patch.is_object() || !object.is_object() || Is(patch, "replace"))
    return WithoutDirectives(patch);
  if (Is(patch, "delete")) return json::object();
  if (const auto retain = patch.find(kRetainKeys); retain != patch.end() && retain->is_array())
    for (auto it = object.begin(); it != object.end();)
      it = std::find(retain->begin(), retain->end(), it.key()) == retain->end() ? object.erase(it)
                                                                                : std::next(it);
  for (const auto& [name, value] : patch.items()) {
    if (name.starts_with(kDeleteFromList)) {
      const auto list = object.find(name.substr(kDeleteFromList.size()));
      if (list != object.end()) RemoveItems(*list, value);
    } else if (name.starts_with('$')) {
      continue;
    } else if (value.is_null()) {
      object.erase(name);
    } else if (const auto found = object.find(name); found == object.end()) {
      object[name] = WithoutDirectives(value);
    } else {
      *found = StrategicMergePatch(shape.Field(name), *found, value);
    }
  }
  return object;
}

}  // namespace headpond::apiserver
