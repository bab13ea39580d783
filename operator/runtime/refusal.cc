#include "operator/runtime/refusal.h"

#include <nlohmann/json.hpp>

namespace headpond::runtime {

using nlohmann::json;

json RefusalToJson(const std::optional<plan::Refusal>& refusal) {
  if (!refusal) return nullptr;
  return {{"configHash", refusal->config_hash},
          {"generation", refusal->generation},
          {"atMs", refusal->at_ms},
          {"reason", refusal->reason},
          {"message", refusal->message}};
}

std::optional<plan::Refusal> ParseRefusal(const json& json) {
  if (json.is_null()) return std::nullopt;
  return plan::Refusal{.config_hash = json.at("configHash"),
                       .generation = json.at("generation"),
                       .at_ms = json.at("atMs"),
                       .reason = json.at("reason"),
                       .message = json.at("message")};
}

}  // namespace headpond::runtime
