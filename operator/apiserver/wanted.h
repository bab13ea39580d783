#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "operator/apiserver/api_server.h"

namespace headpond::apiserver {

// What a client makes of an object.
struct ApiServer::Wanted {
  nlohmann::json object;
  std::optional<ManagedEntries> applied = {};  // of a server-side apply: Application::entries
};

}  // namespace headpond::apiserver
