#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/apiserver/api_error.h"
#include "operator/apiserver/field_set.h"
#include "operator/apiserver/shape.h"

namespace headpond::apiserver {

inline constexpr size_t kMaxManagerName = 128;  // as Kubernetes

// Who writes: metadata.managedFields has one entry for each.
struct Manager {
  std::string name;
  bool applies = false;     // operation Apply instead of Update
  std::string subresource;  // "": the object itself
  std::string api_version;

  friend bool operator==(const Manager&, const Manager&) = default;
};

// The fields of one manager.
struct ManagedEntry {
  Manager manager;
  std::string time;  // of its last write that did something, RFC 3339
  FieldSet fields;

  friend bool operator==(const ManagedEntry&, const ManagedEntry&) = default;
};
using ManagedEntries = std::vector<ManagedEntry>;

// metadata.managedFields of `object`; nullopt when it is malformed. Absent: no entries.
std::optional<ManagedEntries> ReadManagedFields(const nlohmann::json& object);
// `object` with these entries; without any the field is left out.
nlohmann::json WithManagedFields(nlohmann::json object, const ManagedEntries& entries);

// What of an object has owners: all but apiVersion, kind and the server's part of metadata.
nlohmann::json OwnedPart(nlohmann::json object);

// The entries after `writer` made `after` of `before` (null: there was none) by other means than
// applying: it owns what it changed, and nobody else does any more. `entries` are those of before.
ManagedEntries AfterUpdate(const Shape& shape, const nlohmann::json& before,
                           const nlohmann::json& after, ManagedEntries entries,
                           const Manager& writer, int64_t now_ms);

}  // namespace headpond::apiserver
