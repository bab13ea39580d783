#pragma once

#include <optional>

#include "http/http_server.h"

namespace headpond::apiserver {

// What can go wrong between a client and the server, for tests of clients: the operator must end in
// the same state whatever happens on the way. Called from the listener's threads.
class Faults {
 public:
  virtual ~Faults() = default;

  // Answered instead of the server, which never sees the request; nullopt: it does.
  virtual std::optional<http::Response> Instead(const http::Request& request) = 0;
  // What the client gets when the server has done its work and answers `response`. The pieces of a
  // watch are asked of Response::stream later.
  virtual http::Response Distort(const http::Request& request, http::Response response) = 0;
};

}  // namespace headpond::apiserver
