#include "operator/apiserver/shape.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/api/field_table.h"

namespace headpond::apiserver {
namespace {

using api::Field;
using nlohmann::json;
using Kind = Shape::Kind;

constexpr std::string_view kItemSuffix = "[]";

Shape KeyedList(std::string key, Shape item = {}) {
  return {.kind = Kind::kKeyedList,
          .key = std::move(key),
          .item = std::make_shared<const Shape>(std::move(item))};
}

Shape MetadataShape() {
  Shape shape;
  shape.fields["finalizers"] = {.kind = Kind::kSet};
  shape.fields["ownerReferences"] = KeyedList("uid");
  return shape;
}

// A tree that is still being made; items are shared and const in the finished one.
struct Draft {
  const Field* field = nullptr;
  std::map<std::string, Draft> fields;
  std::unique_ptr<Draft> item;

  Shape Finish() const {
    if (item && !field->list_key.empty())
      return KeyedList(std::string(field->list_key), item->Finish());
    Shape shape;
    for (const auto& [name, child] : fields) shape.fields.emplace(name, child.Finish());
    return shape;
  }
};

Shape ShapeOfFields(const std::vector<Field>& table) {
  Draft root;
  for (const Field& field : table) {
    Draft* at = &root;
    for (std::string_view rest = field.path; !rest.empty();) {
      const size_t dot = rest.find('.');
      std::string_view part = rest.substr(0, dot);
      rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
      const bool is_item = part.ends_with(kItemSuffix);
      if (is_item) part.remove_suffix(kItemSuffix.size());
      at = &at->fields[std::string(part)];
      if (!is_item) continue;
      if (!at->item) at->item = std::make_unique<Draft>();
      at = at->item.get();
    }
    at->field = &field;
  }
  return root.Finish();
}

Shape MakeShape(const ResourceType& type) {
  Shape shape;
  shape.fields["metadata"] = MetadataShape();
  if (type.custom) {
    shape.fields["spec"] = ShapeOfFields(type.custom->spec);
    shape.fields["status"] = ShapeOfFields(type.custom->status);
  }
  // References are replaced as a whole, as in Kubernetes.
  for (const char* const reference : {"involvedObject", "regarding", "related"})
    shape.fields[reference] = {.kind = Kind::kAtomic};
  return shape;
}

// Null when the item can't be told from others.
const json* KeyOf(const Shape& list, const json& item) {
  const auto found = item.is_object() ? item.find(list.key) : item.end();
  return item.is_object() && found != item.end() && found->is_primitive() && !found->is_null()
             ? &*found
             : nullptr;
}

json MergedObject(const Shape& shape, json live, const json& config) {
  for (const auto& [name, value] : config.items()) {
    const auto found = live.find(name);
    if (found == live.end())
      live[name] = value;
    else
      *found = Merged(shape.Field(name), *found, value);
  }
  return live;
}

// Items of the config come in its order, items that only the live list has stay where they were
// between them.
json MergedList(const Shape& shape, const json& live, const json& config) {
  const std::vector<Part> old_parts = PartsOf(shape, live), new_parts = PartsOf(shape, config);
  const auto find = [](const std::vector<Part>& parts, const std::string& element) {
    const auto found = std::ranges::find(parts, element, &Part::element);
    return found == parts.end() ? nullptr : &*found;
  };
  json out = json::array();
  auto old = old_parts.begin();
  const auto copy_until_shared = [&] {
    for (; old != old_parts.end() && find(new_parts, old->element) == nullptr; ++old)
      out.push_back(*old->value);
  };
  copy_until_shared();
  for (const Part& part : new_parts) {
    const Part* const before = find(old_parts, part.element);
    out.push_back(before == nullptr ? *part.value
                                    : Merged(*part.shape, *before->value, *part.value));
    if (before == nullptr) continue;
    if (old != old_parts.end()) ++old;
    copy_until_shared();
  }
  return out;
}

}  // namespace

const Shape& Shape::Field(const std::string& name) const {
  static const Shape granular;
  const auto found = fields.find(name);
  return found == fields.end() ? granular : found->second;
}

const Shape& ShapeOf(const ResourceType& type) {
  static const std::map<std::string, Shape> shapes = [] {
    std::map<std::string, Shape> out;
    for (const ResourceType& one : ResourceTypes())
      out.emplace(one.QualifiedName(), MakeShape(one));
    return out;
  }();
  // What is opaque has metadata as all have, and is else merged by its fields.
  return shapes.at(type.opaque ? "configmaps" : type.QualifiedName());
}

bool HasParts(const Shape& shape, const json& value) {
  switch (shape.kind) {
    case Kind::kGranular: return value.is_object();
    case Kind::kKeyedList:
      return value.is_array() && std::ranges::all_of(value, [&](const json& item) {
               return KeyOf(shape, item) != nullptr;
             });
    case Kind::kSet:
      return value.is_array() &&
             std::ranges::all_of(value, [](const json& item) { return item.is_primitive(); });
    case Kind::kAtomic: return false;
  }
  return false;
}

std::vector<Part> PartsOf(const Shape& shape, const json& value) {
  static const Shape scalar;
  std::vector<Part> parts;
  if (!HasParts(shape, value)) return parts;
  if (shape.kind == Kind::kGranular) {
    for (const auto& [name, child] : value.items())
      parts.push_back({FieldElement(name), &child, &shape.Field(name)});
    return parts;
  }
  std::set<std::string> seen;
  for (const json& item : value) {
    const bool keyed = shape.kind == Kind::kKeyedList;
    std::string element = keyed ? KeyElement(shape.key, *KeyOf(shape, item)) : ValueElement(item);
    if (seen.insert(element).second)
      parts.push_back({std::move(element), &item, keyed ? shape.item.get() : &scalar});
  }
  return parts;
}

FieldSet FieldsOf(const Shape& shape, const json& config) {
  FieldSet set;
  for (const Part& part : PartsOf(shape, config)) {
    FieldSet below = FieldsOf(*part.shape, *part.value);
    if (below.empty() || !part.element.starts_with("f:")) below.Insert();
    set.Add(part.element, std::move(below));
  }
  return set;
}

FieldSet ChangedFields(const Shape& shape, const json& before, const json& after) {
  FieldSet set;
  const std::vector<Part> old_parts = PartsOf(shape, before);
  for (const Part& part : PartsOf(shape, after)) {
    const auto old = std::ranges::find(old_parts, part.element, &Part::element);
    if (old != old_parts.end() && *old->value == *part.value) continue;
    static const json nothing;
    FieldSet below =
        ChangedFields(*part.shape, old == old_parts.end() ? nothing : *old->value, *part.value);
    const bool both_have_parts = old != old_parts.end() && HasParts(*part.shape, *old->value) &&
                                 HasParts(*part.shape, *part.value);
    if (!both_have_parts) below.Insert();
    set.Add(part.element, std::move(below));
  }
  return set;
}

FieldSet Existing(const Shape& shape, const FieldSet& set, const json& value) {
  FieldSet out;
  for (const Part& part : PartsOf(shape, value)) {
    const FieldSet* const child = set.Child(part.element);
    if (child == nullptr) continue;
    FieldSet below = Existing(*part.shape, *child, *part.value);
    if (child->member()) below.Insert();
    out.Add(part.element, std::move(below));
  }
  return out;
}

json Merged(const Shape& shape, const json& live, const json& config) {
  if (!HasParts(shape, live) || !HasParts(shape, config)) return config;
  if (shape.kind == Kind::kGranular) return MergedObject(shape, live, config);
  return MergedList(shape, live, config);
}

json WithoutFields(const Shape& shape, json value, const FieldSet& last, const FieldSet& kept) {
  if (!HasParts(shape, value)) return value;
  static const FieldSet none;
  json out = value.is_object() ? json::object() : json::array();
  const auto keep = [&](const std::string& element, json part) {
    if (value.is_object())
      out[element.substr(2)] = std::move(part);
    else
      out.push_back(std::move(part));
  };
  for (const Part& part : PartsOf(shape, value)) {
    const FieldSet* const was = last.Child(part.element);
    const FieldSet* const is = kept.Child(part.element);
    if (is == nullptr && was != nullptr && was->member()) continue;
    if (was == nullptr || !HasParts(*part.shape, *part.value)) {
      keep(part.element, *part.value);
      continue;
    }
    json rest = WithoutFields(*part.shape, *part.value, *was, is == nullptr ? none : *is);
    // An item is known by its key, which stays as long as it does.
    if (shape.kind == Kind::kKeyedList) rest[shape.key] = part.value->at(shape.key);
    if (is != nullptr || !rest.empty() || part.value->empty()) keep(part.element, std::move(rest));
  }
  return out;
}

}  // namespace headpond::apiserver
