#include "operator/api/shown.h"

namespace headpond::api {

using nlohmann::json;

constexpr size_t kMaxShown = 60;

std::string Shown(const json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

}  // namespace headpond::api
