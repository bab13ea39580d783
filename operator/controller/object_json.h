#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

// What the controllers read and write of API objects, as JSON. Pure.
namespace headpond::controller {

// Null when there is no such member, or `object` is none.
const nlohmann::json& Member(const nlohmann::json& object, const char* name);

// Sets a member, unless there is nothing to say: an empty text, a time of 0.
void SetText(nlohmann::json& object, const char* name, const std::string& text);
void SetTime(nlohmann::json& object, const char* name, int64_t ms);

struct Verdict {
  const char* status;  // "True", "False", "Unknown"
  std::string reason;
  std::string message;
};

// An entry of status.conditions. `before` is the status so far (or null): the last transition is
// the one of there, unless the verdict's status is another one, and `now_ms` then.
nlohmann::json ConditionJson(const char* type, const Verdict& verdict, int64_t generation,
                             const nlohmann::json& before, int64_t now_ms);

}  // namespace headpond::controller
