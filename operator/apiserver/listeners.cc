#include "operator/apiserver/listeners.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/base64.h"
#include "base/secret.h"
#include "io/env.h"
#include "operator/apiserver/certificate.h"
#include "operator/apiserver/patch.h"

namespace headpond::apiserver {
namespace {

// Room for the watches of ApiServer::Options on one listener, and for requests beside them.
constexpr int kThreads = 64;
constexpr std::chrono::minutes kEventExpiry{1};
constexpr int64_t kMaxSmallFile = 64 << 10;

Result<std::string> EnsureToken(const std::string& path) {
  io::Env& env = io::Env::Posix();
  ASSIGN_OR_RETURN(const bool there, env.Exists(path));
  if (there) return io::ReadWholeFile(env, path, kMaxSmallFile);
  ASSIGN_OR_RETURN(const std::string token, MakeToken());
  RETURN_IF_ERROR(WritePrivately(path, token));
  return token;
}

}  // namespace

Result<std::unique_ptr<EmbeddedApi>> EmbeddedApi::Start(Options options, const Clock& clock) {
  std::unique_ptr<EmbeddedApi> api(new EmbeddedApi(std::move(options)));
  RETURN_IF_ERROR(api->Open(clock));
  RETURN_IF_ERROR(api->Listen());
  RETURN_IF_ERROR(api->WriteKubeconfig());
  api->event_expiry_ = std::make_unique<PeriodicTask>(
      "api-events", kEventExpiry, [server = api->server_.get()] { server->ExpireEvents(); });
  return api;
}

EmbeddedApi::~EmbeddedApi() {
  if (store_) store_->WakeAll();
}

Status EmbeddedApi::Open(const Clock& clock) {
  const std::string& folder = options_.folder;
  RETURN_IF_ERROR(io::Env::Posix().CreateDirectories(folder));
  if (::chmod(folder.c_str(), 0700) != 0) return ErrnoStatus(errno, folder);
  ASSIGN_OR_RETURN(store_, ObjectStore::Open({.path = folder + "/api.db"}));
  RETURN_IF_ERROR(EnsureCertificate(folder + "/server.crt", folder + "/server.key", clock));
  ASSIGN_OR_RETURN(token_, EnsureToken(folder + "/token"));
  server_ = std::make_unique<ApiServer>(
      *store_, clock, Random::FromSystem(),
      ApiServer::Options{.faults = options_.faults, .opaque_kinds = options_.opaque_kinds});
  return server_->Start();
}

Status EmbeddedApi::Listen() {
  socket_ = std::make_unique<http::HttpServer>(http::HttpServer::Options{
      .threads = kThreads, .max_body_bytes = kMaxBodyBytes, .unix_socket = socket_path()});
  socket_->HandleAll([this](const http::Request& request) { return server_->Handle(request); });
  RETURN_IF_ERROR(socket_->Start().status());

  loopback_ = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.port = options_.port,
                                .threads = kThreads,
                                .max_body_bytes = kMaxBodyBytes,
                                .port_key = "--api-port",
                                .certificate_file = options_.folder + "/server.crt",
                                .key_file = options_.folder + "/server.key"});
  loopback_->HandleAll([this](const http::Request& request) -> Result<http::Response> {
    if (SecretsEqual(Header(request, "authorization"), "Bearer " + token_))
      return server_->Handle(request);
    return ErrorResponse({.code = 401, .reason = "Unauthorized", .message = "Unauthorized"});
  });
  ASSIGN_OR_RETURN(port_, loopback_->Start());
  return Status::Ok();
}

Status EmbeddedApi::WriteKubeconfig() {
  ASSIGN_OR_RETURN(
      const std::string certificate,
      io::ReadWholeFile(io::Env::Posix(), options_.folder + "/server.crt", kMaxSmallFile));
  return WritePrivately(kubeconfig_path(), fmt::format(R"(apiVersion: v1
kind: Config
current-context: headpond
contexts:
- name: headpond
  context:
    cluster: headpond
    user: headpond
clusters:
- name: headpond
  cluster:
    server: https://127.0.0.1:{}
    certificate-authority-data: {}
users:
- name: headpond
  user:
    token: {}
)",
                                                       port_, EncodeBase64(certificate), token_));
}

}  // namespace headpond::apiserver
