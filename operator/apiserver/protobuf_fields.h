#pragma once

#include <span>
#include <string_view>

namespace headpond::apiserver {

// How a protobuf field is written in JSON. Go's encoder always writes fields that are no pointers,
// so there "" and 0 stand for absent; pointers (kMaybe...) are written only when they are set.
enum class ProtoType {
  kString,
  kMaybeString,
  kInteger,
  kMaybeInteger,
  kMaybeBoolean,
  kTime,       // whole seconds
  kMicroTime,  // microseconds
  kMessage,
  kStringMap,
  kBytesMap,  // values are base64
  kAny,       // what the server keeps itself: skipped in protobuf, not looked at in JSON
};

// One field of a message: of the protobuf and of the JSON form, which have the same fields.
// Immutable tables; numbers are those of the .proto files of Kubernetes.
struct ProtoField {
  int number;
  std::string_view name;  // in JSON
  ProtoType type;
  std::span<const ProtoField> message = {};  // of kMessage
  bool repeated = false;                     // kString and kMessage
};

// The fields of every kind's metadata.
std::span<const ProtoField> MetadataFields();

// The fields of a kind; empty when bodies of that kind are not taken. `api_version` tells the two
// kinds of Event apart.
std::span<const ProtoField> ProtobufFieldsOf(std::string_view api_version, std::string_view kind);

}  // namespace headpond::apiserver
