#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace headpond::api {

// A bad value as a message repeats it: its JSON, cut after 60 bytes. Never throws, also on text
// that is no UTF-8.
std::string Shown(const nlohmann::json& value);

}  // namespace headpond::api
