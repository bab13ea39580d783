#include "operator/apiserver/protobuf_body.h"

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

// Any bytes are either refused or give an object that JSON can say.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nlohmann::json;
  const auto object = headpond::apiserver::DecodeProtobuf(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!object.ok()) return object.status().code == 400 ? 0 : (std::abort(), 0);
  if (!object->is_object() || !object->contains("kind")) std::abort();
  if (json::parse(object->dump()) != *object) std::abort();
  return 0;
}
