#include "operator/controller/object_json.h"

#include <nlohmann/json.hpp>

#include "base/rfc3339.h"

namespace headpond::controller {

using nlohmann::json;

const json& Member(const json& object, const char* name) {
  static const json null;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : null;
}

void SetText(json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

void SetTime(json& object, const char* name, int64_t ms) {
  if (ms != 0) object[name] = FormatRfc3339(ms);
}

json ConditionJson(const char* type, const Verdict& verdict, int64_t generation, const json& before,
                   int64_t now_ms) {
  std::string since = FormatRfc3339(now_ms);
  for (const json& old : Member(before, "conditions"))
    if (old.value("type", "") == type && old.value("status", "") == verdict.status)
      since = old.value("lastTransitionTime", since);
  return {{"type", type},
          {"status", verdict.status},
          {"reason", verdict.reason},
          {"message", verdict.message},
          {"lastTransitionTime", since},
          {"observedGeneration", generation}};
}

}  // namespace headpond::controller
