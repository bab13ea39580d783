#include "operator/apiserver/json_path.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr std::string_view kFilterStart = "[?(@.";
constexpr std::string_view kFilterEnd = ")]";

const json& Nothing() {
  static const json nothing;
  return nothing;
}

const json& Member(const json& object, std::string_view name) {
  const auto found = object.is_object() ? object.find(std::string(name)) : object.end();
  return object.is_object() && found != object.end() ? *found : Nothing();
}

// The first item that has the value; `condition` is `type=="Ready"`.
const json& FirstMatch(const json& list, std::string_view condition) {
  const size_t equals = condition.find("==");
  if (!list.is_array() || equals == std::string_view::npos) return Nothing();
  const std::string_view name = condition.substr(0, equals);
  std::string_view wanted = condition.substr(equals + 2);
  if (wanted.size() < 2 || wanted.front() != '"' || wanted.back() != '"') return Nothing();
  wanted = wanted.substr(1, wanted.size() - 2);
  const auto found =
      std::ranges::find_if(list, [&](const json& item) { return Member(item, name) == wanted; });
  return found == list.end() ? Nothing() : *found;
}

}  // namespace

const json& AtJsonPath(const json& object, std::string_view path) {
  const json* at = &object;
  while (!path.empty()) {
    if (path.starts_with('.')) {
      const size_t end = path.find_first_of(".[", 1);
      at = &Member(*at, path.substr(1, end == std::string_view::npos ? end : end - 1));
      path = end == std::string_view::npos ? std::string_view() : path.substr(end);
    } else if (path.starts_with(kFilterStart)) {
      const size_t end = path.find(kFilterEnd);
      if (end == std::string_view::npos) return Nothing();
      at = &FirstMatch(*at, path.substr(kFilterStart.size(), end - kFilterStart.size()));
      path = path.substr(end + kFilterEnd.size());
    } else {
      return Nothing();
    }
  }
  return *at;
}

void SetAtJsonPath(json& object, std::string_view path, json value) {
  std::string pointer(path);
  std::ranges::replace(pointer, '.', '/');
  object[json::json_pointer(pointer)] = std::move(value);
}

}  // namespace headpond::apiserver
