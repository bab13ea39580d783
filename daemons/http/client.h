#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace headpond::http {

// What one exchange asks for.
struct ClientRequest {
  std::string method = "GET";
  std::string
      path;  // from the root, percent-encoded, with its query: "/v1.41/containers/json?all=1"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // When set, the body comes from here instead of `body`, a piece at a time, until an empty one; it
  // is sent chunked.
  std::function<Result<std::string>()> source;
  // When set, a successful answer's body goes here as it arrives instead of into the response; an
  // error ends the exchange with it. Other answers are collected as usual.
  std::function<Status(std::string_view piece)> sink;
  // When set, called when the head of a successful answer is there, before its body: what follows a
  // stream may rely on it from now on.
  std::function<void()> accepted;
  // For the whole exchange; 0: as long as bytes keep coming (see idle_timeout).
  std::chrono::milliseconds timeout{30'000};
  // The exchange fails when nothing arrives and nothing leaves for this long; 0: never. Seconds.
  std::chrono::seconds idle_timeout{0};
  // Asked about once a second, with each piece and at Wake(); true ends the exchange with
  // Cancelled. Called on the caller's thread.
  std::function<bool()> cancelled;
};

struct ClientResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case, of repeated ones the last
  std::string body;
};

// A caller of HTTP/1.1 servers: the Docker Engine, Kubernetes, image registries. It follows no
// redirects and keeps its connection for the next call. Not thread safe but for Wake: one for each
// thread.
class Client {
 public:
  struct Options {
    // "http://127.0.0.1:2375" or "https://...", without a path. With a socket file, the host only
    // names the server.
    std::string base_url = "http://localhost";
    std::string unix_socket;
    // PEM for TLS, as files or as texts. Without an authority the system's are trusted.
    std::string ca_file, certificate_file, key_file;
    std::string ca, certificate, key;
    // Neither the certificate nor the name of the server is checked. Only on a user's explicit
    // word.
    bool insecure = false;
    std::chrono::milliseconds connect_timeout{5'000};
    size_t max_body_bytes = 16 << 20;  // of a collected answer
    size_t max_header_bytes = 64 << 10;
  };
  explicit Client(Options options);
  ~Client();

  // Any answer is a response, whatever its status code. Errors: Unavailable (no connection, cut
  // off), DeadlineExceeded, Cancelled, ResourceExhausted (larger than allowed), InvalidArgument (a
  // URL or file that can't be used), and what `source` or `sink` said.
  Result<ClientResponse> Call(const ClientRequest& request);

  // Makes a running exchange ask `cancelled` now. From any thread.
  void Wake();

  const Options& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Percent-encodes everything but letters, digits and "-._~", for one segment of a path or one value
// of a query.
std::string PercentEncode(std::string_view text);

}  // namespace headpond::http
