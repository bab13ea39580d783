#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operator/apiserver/field_set.h"
#include "operator/apiserver/resources.h"

namespace headpond::apiserver {

// How a value is owned and merged, field by field or as a whole: what OpenAPI says with
// x-kubernetes-list-type and x-kubernetes-map-type. Immutable.
struct Shape {
  enum class Kind {
    kGranular,   // objects and maps by field; scalars and lists as a whole
    kAtomic,     // as a whole
    kKeyedList,  // a list of objects, by the value of `key`
    kSet,        // a list of scalars without duplicates, by item
  };
  Kind kind = Kind::kGranular;
  std::string key;                         // of kKeyedList
  std::map<std::string, Shape> fields{};   // of kGranular; others are granular without fields
  std::shared_ptr<const Shape> item = {};  // of kKeyedList

  const Shape& Field(const std::string& name) const;
};

// Of the whole object: metadata and what the kind has.
const Shape& ShapeOf(const ResourceType& type);

// One part of a value that has parts.
struct Part {
  std::string element;  // as in FieldSet
  const nlohmann::json* value = nullptr;
  const Shape* shape = nullptr;
};
// True when the value is owned by its parts: a granular object, a keyed list, a set.
bool HasParts(const Shape& shape, const nlohmann::json& value);
// In the order of the value; of items with the same key (which a check refuses later) the first.
// List items that can't be told apart from others by a key are left out.
std::vector<Part> PartsOf(const Shape& shape, const nlohmann::json& value);

// The fields that whoever applies `config` owns: leaves, entries of lists, empty containers.
FieldSet FieldsOf(const Shape& shape, const nlohmann::json& config);
// What `after` has and `before` hasn't, or has with another value.
FieldSet ChangedFields(const Shape& shape, const nlohmann::json& before,
                       const nlohmann::json& after);
// Those of `set` that `value` has.
FieldSet Existing(const Shape& shape, const FieldSet& set, const nlohmann::json& value);

// `live` with everything that `config` has laid over it.
nlohmann::json Merged(const Shape& shape, const nlohmann::json& live, const nlohmann::json& config);
// `value` without the fields of `last` that are not in `kept`; containers that had nothing else go
// with them.
nlohmann::json WithoutFields(const Shape& shape, nlohmann::json value, const FieldSet& last,
                             const FieldSet& kept);

}  // namespace headpond::apiserver
