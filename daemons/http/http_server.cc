#include "http/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/port_holder.h"

namespace headpond::http {
namespace {

constexpr int kIoTimeoutSeconds = 10;
constexpr int kKeepAliveSeconds = 2;  // also bounds Stop()
constexpr size_t kRequestsPerConnection = 1000;

std::string RegexOf(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*') {
      pattern += ".*";
    } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_') {
      pattern += c;
    } else {
      pattern += '\\';
      pattern += c;
    }
  }
  return pattern;
}

// The page of stock's Jetty (compat/rest.md, "Common").
void FillErrorPage(const std::string& path, int status, httplib::Response& response) {
  const char* text = status == 404   ? "Not Found"
                     : status == 405 ? "Method Not Allowed"
                                     : "Bad Request";
  response.status = status;
  response.set_header("Cache-Control", "must-revalidate,no-cache,no-store");
  response.set_content(fmt::format("<html><head><title>Error {0} {1}</title></head><body><h2>HTTP "
                                   "ERROR {0} {1}</h2><table><tr><th>URI:"
                                   "</th><td>{2}</td></tr></table></body></html>\n",
                                   status, text, EscapeHtml(path)),
                       "text/html;charset=iso-8859-1");
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(Options o) : options(std::move(o)) {}

  const Options options;
  httplib::Server server;
  std::set<std::string> gets;  // patterns
  std::set<std::string> posts;
  std::thread thread;
  std::atomic<bool> finished = false;

  // A known path asked with another method is 405, not 404.
  void RefuseOtherMethods() {
    const auto refuse = [](const char* allowed) {
      return [allowed](const httplib::Request& request, httplib::Response& response) {
        response.set_header("Allow", allowed);
        FillErrorPage(request.path, 405, response);
      };
    };
    for (const std::string& pattern : gets)
      if (!posts.contains(pattern)) server.Post(pattern, refuse("GET,OPTIONS"));
    for (const std::string& pattern : posts)
      if (!gets.contains(pattern)) server.Get(pattern, refuse("POST,OPTIONS"));
  }
};

HttpServer::HttpServer(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {
  httplib::Server& server = impl_->server;
  server.new_task_queue = [threads = impl_->options.threads] {
    return new httplib::ThreadPool(static_cast<size_t>(threads));  // the library owns it
  };
  // The library's default is SO_REUSEPORT, with which two servers would share a port unnoticed.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_payload_max_length(impl_->options.max_body_bytes);
  server.set_read_timeout(kIoTimeoutSeconds);
  server.set_write_timeout(kIoTimeoutSeconds);
  server.set_keep_alive_timeout(kKeepAliveSeconds);
  server.set_keep_alive_max_count(kRequestsPerConnection);
  server.set_tcp_nodelay(true);
  server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (response.body.empty()) FillErrorPage(request.path, response.status, response);
  });
}

HttpServer::~HttpServer() {
  Stop();
}

void HttpServer::Handle(const std::string& method, const std::string& path, Handler handler) {
  auto adapter = [handler = std::move(handler)](const httplib::Request& from,
                                                httplib::Response& to) {
    Request request{from.method, from.path, {}, from.body};
    for (const auto& [key, value] : from.params) request.query.emplace(key, value);
    const auto response = handler(request);
    if (response.ok()) {
      to.status = response->status;
      to.set_content(response->body, response->content_type);
      return;
    }
    to.status = 500;
    to.set_content(
        fmt::format(R"({{"message":{},"statusCode":"{}"}})",
                    JsonString(response.status().message()), CodeName(response.status().code())),
        "application/json");
  };
  const std::string pattern = RegexOf(path);
  if (method == "GET") {
    impl_->gets.insert(pattern);
    impl_->server.Get(pattern, adapter);
  } else {
    impl_->posts.insert(pattern);
    impl_->server.Post(pattern, adapter);
  }
}

Result<int> HttpServer::Start() {
  impl_->RefuseOtherMethods();
  const auto& options = impl_->options;
  httplib::Server& server = impl_->server;
  int port = options.port;
  const bool bound = port == 0 ? (port = server.bind_to_any_port(options.bind_host)) > 0
                               : server.bind_to_port(options.bind_host, port);
  if (!bound) {
    const std::string holder = DescribePortHolder(options.port);
    return Unavailable("cannot listen on {}:{} for HTTP{}; free the port or set {} to another one",
                       options.bind_host, options.port,
                       holder.empty() ? "" : fmt::format(": it is taken by {}", holder),
                       options.port_key);
  }
  impl_->thread = std::thread([impl = impl_.get()] {
    impl->server.listen_after_bind();
    impl->finished = true;
  });
  return port;
}

void HttpServer::Stop() {
  if (!impl_->thread.joinable()) return;
  // stop() is ignored before the thread has entered its accept loop, an instant after Start.
  while (!impl_->server.is_running() && !impl_->finished) std::this_thread::yield();
  impl_->server.stop();
  impl_->thread.join();
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string JsonString(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace headpond::http
