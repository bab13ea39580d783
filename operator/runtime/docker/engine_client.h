#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/client.h"
#include "operator/runtime/docker/endpoint.h"

namespace headpond::runtime {

struct ApiVersion {
  int major = 0, minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  std::string ToString() const;
};

// The versions of the Engine API that we speak. 1.41 is Docker 20.10.
inline constexpr ApiVersion kOldestApi{1, 41};
inline constexpr ApiVersion kNewestApi{1, 52};

struct EngineCall {
  std::string method = "GET";
  std::string path;  // "/containers/json", without the version; percent-encoded where needed
  std::vector<std::pair<std::string, std::string>> query;  // values in plain text
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  // Of the whole call; zero: until Cancel, for streams.
  std::chrono::milliseconds timeout{10'000};
  // For streams: gets a successful reply's bytes as they come, instead of EngineReply::body; false
  // ends the call with OK.
  std::function<bool(std::string_view)> on_data;
  // For streams: the engine has accepted the call.
  std::function<void()> on_accepted;
  // For large bodies instead of `body`: the next piece, empty at the end.
  std::function<Result<std::string>()> source;
};

struct EngineReply {
  int status = 0;
  std::string body;
  std::string api_version;  // the newest that the engine speaks
};

// HTTP to a Docker Engine, in the newest version of its API that both sides speak. Blocking; one
// thread at a time, but Cancel may come from any.
//
// Errors carry the engine's own message: InvalidArgument (400), PermissionDenied (401, 403),
// NotFound (404), Aborted (409: the object is in another state, or the name is taken), Internal
// (500), Unavailable (nobody answers), DeadlineExceeded, ResourceExhausted (a reply too large to be
// one), FailedPrecondition (no common version), Cancelled.
class EngineClient {
 public:
  explicit EngineClient(Endpoint endpoint);

  Result<EngineReply> Do(const EngineCall& call);

  // The version that calls use; asks the engine when it isn't known.
  Result<ApiVersion> Version();

  // Ends the running call, within about a second, and all later ones.
  void Cancel() { cancelled_ = true; }

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Result<EngineReply> Perform(const EngineCall& call, const std::string& prefix);
  // Why nobody answers.
  Status Explain(const Status& failure) const;

  const Endpoint endpoint_;
  http::Client client_;
  ApiVersion version_;  // 0.0: not known
  std::atomic<bool> cancelled_ = false;
};

// How to reach it.
http::Client::Options EngineAddress(const Endpoint& endpoint);

}  // namespace headpond::runtime
