#pragma once

#include <string>
#include <string_view>

#include "operator/runtime/docker/endpoint.h"

namespace headpond::runtime {

// What is wrong with the certificates of an endpoint that could not be reached, with the remedy,
// for people: the certificate and key of ours are looked at, and `failure`, as libcurl and OpenSSL
// word it, tells of the engine's. Empty when the failure is about something else. `now_ms`: since
// the epoch.
std::string ExplainTlsFailure(const Endpoint::Tls& tls, std::string_view failure, int64_t now_ms);

}  // namespace headpond::runtime
