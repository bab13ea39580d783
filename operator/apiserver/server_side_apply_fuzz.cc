#include "operator/apiserver/server_side_apply.h"

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "operator/apiserver/patch.h"

// {"live": ..., "config": ...}: whatever they are, applying is refused or can be repeated without
// effect, and the entries read back as themselves.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headpond::apiserver;
  using nlohmann::json;
  const auto input = ParseBody(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!input.ok() || !input->is_object()) return 0;
  const json live = input->value("live", json::object());
  const json config = input->value("config", json::object());
  if (!live.is_object() || !config.is_object()) return 0;
  for (const json* const object : {&live, &config})
    if (!At(*object, "metadata").is_object()) return 0;  // the server sees to it
  const Shape& shape = ShapeOf(StoredType("headpond.dev", "cacheclusters"));
  const Manager applier{.name = "kubectl", .applies = true, .api_version = "v1"};
  const auto apply = [&](const json& to) -> std::optional<json> {
    const auto done = Apply(shape, to, config, applier, /*force=*/true, 0);
    if (!done.ok()) return std::nullopt;
    return WithManagedFields(done->object,
                             AfterApply(shape, to, done->object, done->entries, applier, 0));
  };
  const auto once = apply(live);
  if (!once) return 0;
  const auto entries = ReadManagedFields(*once);
  if (!entries || WithManagedFields(*once, *entries) != *once) std::abort();
  if (apply(*once) != once) std::abort();
  return 0;
}
