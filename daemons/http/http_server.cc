#include "http/http_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

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
                     : status == 414 ? "URI Too Long"
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

namespace {

std::unique_ptr<httplib::Server> MakeServer(const HttpServer::Options& options) {
  if (options.certificate_file.empty()) return std::make_unique<httplib::Server>();
  return std::make_unique<httplib::SSLServer>(options.certificate_file.c_str(),
                                              options.key_file.c_str());
}

// The library matches paths with std::regex, which recurses once per character.
constexpr size_t kMaxPathBytes = 2048;

void AddHeaders(const httplib::Request& from, Request& to) {
  for (const auto& [name, value] : from.headers) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    to.headers[lower] = value;
  }
}

void Answer(Response from, httplib::Response& to) {
  to.status = from.status;
  for (const auto& [name, value] : from.headers) to.headers.emplace(name, value);
  if (!from.stream) return to.set_content(from.body, from.content_type);
  to.set_chunked_content_provider(
      from.content_type, [next = std::move(from.stream)](size_t, httplib::DataSink& sink) {
        const std::optional<std::string> piece = next();
        if (!piece) {
          sink.done();
          return true;
        }
        return piece->empty() ? sink.is_writable() : sink.write(piece->data(), piece->size());
      });
}

void Call(const Handler& handler, const Request& request, httplib::Response& to) {
  auto response = handler(request);
  if (response.ok()) return Answer(*std::move(response), to);
  to.status = 500;
  to.set_content(
      fmt::format(R"({{"message":{},"statusCode":"{}"}})", JsonString(response.status().message()),
                  CodeName(response.status().code())),
      "application/json");
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(Options o) : options(std::move(o)), owned(MakeServer(options)), server(*owned) {}

  const Options options;
  const std::unique_ptr<httplib::Server> owned;
  httplib::Server& server;
  std::set<std::string> gets;  // patterns
  std::set<std::string> posts;
  std::thread thread;
  std::atomic<bool> finished = false;

  // The folder is private to its owner: nobody connects between bind and chmod.
  Status BindSocketFile() {
    const char* const path = options.unix_socket.c_str();
    ::unlink(path);
    server.set_address_family(AF_UNIX);
    constexpr int kIgnoredPort = 80;
    if (!server.bind_to_port(options.unix_socket, kIgnoredPort))
      return Unavailable(
          "cannot listen on {}; the folder must exist and the path be at most 107 "
          "bytes long",
          options.unix_socket);
    return ::chmod(path, 0600) == 0 ? Status::Ok() : ErrnoStatus(errno, path);
  }

  void Serve() {
    thread = std::thread([this] {
      server.listen_after_bind();
      finished = true;
    });
  }

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
  server.set_keep_alive_max_count(impl_->options.requests_per_connection);
  server.set_tcp_nodelay(true);
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (request.path.size() <= kMaxPathBytes) return httplib::Server::HandlerResponse::Unhandled;
    response.headers.emplace("Connection", "close");
    FillErrorPage("", 414, response);
    return httplib::Server::HandlerResponse::Handled;
  });
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
    Call(handler, request, to);
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

void HttpServer::HandleAll(Handler handler) {
  const auto adapter = [handler = std::move(handler)](const httplib::Request& from, Request request,
                                                      httplib::Response& to) {
    request.method = from.method;
    request.path = from.path;
    for (const auto& [key, value] : from.params) request.query.emplace(key, value);
    AddHeaders(from, request);
    Call(handler, request, to);
  };
  // The library's own limit holds for bodies of known length only.
  const auto with_body = [adapter, limit = impl_->options.max_body_bytes](
                             const httplib::Request& from, httplib::Response& to,
                             const httplib::ContentReader& read) {
    Request request;
    const bool has_body = from.has_header("Content-Length") || from.has_header("Transfer-Encoding");
    if (has_body) {
      const bool complete = read([&](const char* data, size_t size) {
        request.body_too_large = request.body.size() + size > limit;
        if (!request.body_too_large) request.body.append(data, size);
        return !request.body_too_large;
      });
      if (!complete && to.status == 413) request.body_too_large = true;
      if (request.body_too_large) request.body.clear();
      if (!complete) to.headers.emplace("Connection", "close");
      if (!complete && !request.body_too_large) {
        to.status = 400;
        return;
      }
    }
    adapter(from, std::move(request), to);
  };
  constexpr const char* kAnyPath = ".*";
  httplib::Server& server = impl_->server;
  server.Get(kAnyPath, [adapter](const httplib::Request& from, httplib::Response& to) {
    adapter(from, {}, to);
  });
  server.Post(kAnyPath, with_body);
  server.Put(kAnyPath, with_body);
  server.Patch(kAnyPath, with_body);
  server.Delete(kAnyPath, with_body);
}

Result<int> HttpServer::Start() {
  impl_->RefuseOtherMethods();
  const auto& options = impl_->options;
  httplib::Server& server = impl_->server;
  if (!server.is_valid())
    return InvalidArgument("cannot use the certificate {} with the key {}",
                           options.certificate_file, options.key_file);
  if (!options.unix_socket.empty()) {
    RETURN_IF_ERROR(impl_->BindSocketFile());
    impl_->Serve();
    return 0;
  }
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
  impl_->Serve();
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
