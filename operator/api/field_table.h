#pragma once

#include <limits>
#include <string_view>
#include <vector>

namespace headpond::api {

inline constexpr std::string_view kGroup = "headpond.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "headpond.dev/v1alpha1";
inline constexpr std::string_view kCacheClusterKind = "CacheCluster";

// What a field holds in JSON and YAML.
enum class FieldType {
  kObject,     // its children are the rows below its path
  kList,       // items are described by the row "<path>[]"
  kStringMap,  // any keys, string values
  kString,
  kEnum,     // a string out of Field::values
  kInteger,  // a whole number
  kNumber,   // may have a fraction
  kBoolean,
  kSize,  // bytes: "512Mi", "1Gi" (limits.h says how it is written), or a whole number of them
};

enum class Mutability {
  kMutable,
  kImmutable,  // may be set when the object is created only
};

inline constexpr double kNoMin = -std::numeric_limits<double>::infinity();
inline constexpr double kNoMax = std::numeric_limits<double>::infinity();

// One row: everything there is to know about one field. C++ checks, defaults,
// docs/reference/crds.md and the OpenAPI schema with its CEL rules are all made from these rows;
// e2e/contract shows that an API server that follows the schema agrees.
struct Field {
  // Below `spec`: "worker.tieredStore.levels[].quota". A parent's row comes before its children's.
  std::string_view path;
  FieldType type = FieldType::kObject;
  // JSON text; empty: the field has no default. An object without one defaults to {}.
  std::string_view default_json = {};
  bool required = false;
  // Of the value for numbers and sizes (bytes), of the length for strings (characters), of the
  // count for lists and maps. Strings, lists and maps always have a maximum.
  double min = kNoMin;
  double max = kNoMax;
  // For kString: a POSIX extended expression (also valid RE2, which Kubernetes uses) that the whole
  // text must match, and what it means in words.
  std::string_view pattern = {};
  std::string_view pattern_text = {};
  std::vector<std::string_view> values = {};  // for kEnum
  // For lists of objects: the item field that tells items apart (x-kubernetes-list-map-keys).
  std::string_view list_key = {};
  Mutability mutability = Mutability::kMutable;
  std::string_view description = {};
};

// The rows of CacheCluster's spec, in the order of the documentation.
const std::vector<Field>& CacheClusterFields();

// A property that the operator derives from the spec, so it may not be set as a property.
struct OwnedProperty {
  std::string_view key;      // a trailing '*' matches any rest
  std::string_view instead;  // the field to use, or why it can't be chosen
};
const std::vector<OwnedProperty>& OwnedProperties();

}  // namespace headpond::api
