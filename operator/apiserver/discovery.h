#pragma once

#include <optional>

#include "http/http_server.h"

namespace headpond::apiserver {

// /version, /api, /apis and what is below them up to a group version, in the aggregated form when
// it is asked for; nullopt for other paths.
std::optional<http::Response> DiscoveryAnswer(const http::Request& request);

}  // namespace headpond::apiserver
