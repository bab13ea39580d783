#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "operator/apiserver/protobuf_fields.h"

namespace headpond::apiserver {

// What Go's typed decoding makes of an object, and what it finds.
struct KnownFields {
  std::vector<std::string> unknown;  // paths of the fields that were removed
  std::optional<std::string> error;  // "data[key]: must be base64"; the first of a wrong type
};

// Removes unknown and null fields from `value` and brings times into their one form. `path` is that
// of the value, "" for the whole object.
KnownFields KeepKnownFields(std::span<const ProtoField> fields, nlohmann::json& value,
                            const std::string& path);

}  // namespace headpond::apiserver
