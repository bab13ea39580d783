#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "operator/apiserver/api_error.h"

namespace headpond::apiserver {

inline constexpr const char* kProtobufMedia = "application/vnd.kubernetes.protobuf";

// The JSON object that a protobuf body of a built-in kind stands for. Typed Go clients and
// kubectl's generators send such bodies and know no other form.
//
// Kinds: Namespace, Secret, ConfigMap, Lease, Event (of both groups), DeleteOptions and the reviews
// of one's own rights. Unknown fields are skipped, and metadata.managedFields, which the server
// keeps itself. Errors: 400 for anything malformed, and for other kinds. Work and memory are
// bounded by the size of the body and by kMaxProtobufValues.
Outcome<nlohmann::json> DecodeProtobuf(std::string_view body);

// Of one body, all messages and lists together: an empty message takes two bytes on the wire and a
// hundred in memory.
inline constexpr int kMaxProtobufValues = 100'000;

}  // namespace headpond::apiserver
