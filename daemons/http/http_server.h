#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace headpond::http {

struct Request {
  std::string method;  // "GET", "POST"
  std::string path;    // without query, percent-decoded
  std::map<std::string, std::string> query;
  std::string body;  // at most Options::max_body_bytes
  // Only for HandleAll: names in lower case, of repeated headers the last.
  std::map<std::string, std::string> headers;
  // Only for HandleAll: the body was larger than allowed and is left out.
  bool body_too_large = false;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::multimap<std::string, std::string> headers;  // more than Content-Type and -Length
  // When set, the body is chunked and comes from here: called again and again on one of the
  // server's threads for the next piece, until nullopt. An empty piece means "nothing yet". A call
  // may wait, but not longer than about a second, for Stop waits for it. Headers are sent before
  // the first call. Destroyed when the client has gone. Pieces are compressed, and thus held back,
  // for content types without parameters; give one.
  std::function<std::optional<std::string>()> stream;
};

// A handler runs on one of the server's threads, several at a time. A failed Result becomes 500
// with stock's body {"message": ..., "statusCode": "<gRPC code name>"} (compat/rest.md, "Common").
using Handler = std::function<Result<Response>(const Request&)>;

// The small HTTP/1.1 server behind pages, REST answers and metrics: a few threads, bounded bodies
// and time-outs. Not for bulk data. Unknown paths and wrong methods answer like stock's Jetty.
class HttpServer {
 public:
  struct Options {
    std::string bind_host = "127.0.0.1";
    int port = 0;  // 0: any free one
    int threads = 4;
    size_t max_body_bytes = 1 << 20;
    // After which a connection is closed. With 1, Stop has no idle connections to wait for.
    size_t requests_per_connection = 1000;
    std::string port_key;  // the property that sets the port, for the error text
    // Listens on this socket file instead, which is replaced and made private to its owner.
    std::string unix_socket;
    // PEM files; both or none. With them the server speaks TLS (1.2 and later) only.
    std::string certificate_file, key_file;
  };
  explicit HttpServer(Options options);
  ~HttpServer();  // Stop()

  // Before Start. `path` is exact; a trailing '*' matches any suffix.
  void Handle(const std::string& method, const std::string& path, Handler handler);

  // Before Start. What no path above takes, with any of GET, HEAD, POST, PUT, PATCH and DELETE.
  void HandleAll(Handler handler);

  // Binds and serves; returns the port (of a socket file: 0). InvalidArgument when the certificate
  // can't be used. Unavailable when the port is taken, naming it, who holds it
  // and the key to change.
  Result<int> Start();
  // Waits for running requests, at most about two seconds. Idempotent.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// `text` with & < > " ' as entities: for every name that goes into a page.
std::string EscapeHtml(std::string_view text);
// `text` as a JSON string literal with its quotes; invalid UTF-8 is replaced by U+FFFD.
std::string JsonString(std::string_view text);

}  // namespace headpond::http
