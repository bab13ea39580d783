#include "operator/kube/rest_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "operator/api/yaml.h"

namespace headpond::kube {
namespace {

using nlohmann::json;

constexpr int64_t kMaxFile = 1 << 20;

// Reads fields of one kubeconfig and says where it stood when one is wrong.
class Reader {
 public:
  Reader(io::Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  Result<std::string> Text(const json& object, const char* field) const {
    const auto found = object.find(field);
    if (found == object.end() || found->is_null()) return std::string();
    if (!found->is_string()) return InvalidArgument("{}: {} must be a string", path_, field);
    return found->get<std::string>();
  }

  // The object inside the entry of `list` that is called `name`: users[name=x].user.
  Result<json> Named(const json& config, const char* list, const std::string& name,
                     const char* inside) const {
    const auto entries = config.find(list);
    if (entries != config.end() && entries->is_array()) {
      for (const json& entry : *entries) {
        if (!entry.is_object() || entry.value("name", json()) != name) continue;
        const json value = entry.value(inside, json());
        if (value.is_null()) return json::object();
        if (!value.is_object())
          return InvalidArgument("{}: {}[{}].{} must be an object", path_, list, name, inside);
        return value;
      }
    }
    return InvalidArgument("{}: there is no \"{}\" in {}", path_, name, list);
  }

  // PEM from `<field>-data` (base64), else from the file that `<field>` names.
  Result<std::string> Pem(const json& object, const std::string& field) const {
    ASSIGN_OR_RETURN(const std::string data, Text(object, (field + "-data").c_str()));
    if (!data.empty()) {
      const auto decoded = DecodeBase64(data);
      if (!decoded) return InvalidArgument("{}: {}-data is no base64", path_, field);
      return *decoded;
    }
    ASSIGN_OR_RETURN(const std::string file, Text(object, field.c_str()));
    if (file.empty()) return std::string();
    return io::ReadWholeFile(env_, Absolute(file), kMaxFile);
  }

  std::string Absolute(const std::string& file) const {
    return file.starts_with('/') ? file : path_.substr(0, path_.rfind('/') + 1) + file;
  }

  const std::string& path() const { return path_; }

 private:
  io::Env& env_;
  const std::string path_;
};

Status ReadCluster(const Reader& reader, const json& cluster, RestConfig& config) {
  http::Client::Options& connection = config.connection;
  ASSIGN_OR_RETURN(connection.base_url, reader.Text(cluster, "server"));
  if (!connection.base_url.starts_with("https://") && !connection.base_url.starts_with("http://"))
    return InvalidArgument("{}: server \"{}\" must begin with https:// or http://", reader.path(),
                           connection.base_url);
  while (connection.base_url.ends_with('/')) connection.base_url.pop_back();
  ASSIGN_OR_RETURN(connection.ca, reader.Pem(cluster, "certificate-authority"));
  const json insecure = cluster.value("insecure-skip-tls-verify", json(false));
  if (!insecure.is_boolean())
    return InvalidArgument("{}: insecure-skip-tls-verify must be true or false", reader.path());
  connection.insecure = insecure.get<bool>();
  return Status::Ok();
}

Status ReadUser(const Reader& reader, const json& user, RestConfig& config) {
  for (const char* plugin : {"exec", "auth-provider", "username"})
    if (user.contains(plugin))
      return InvalidArgument(
          "{}: logging in by {} is not supported; give the user a token, tokenFile or "
          "client-certificate",
          reader.path(), plugin);
  ASSIGN_OR_RETURN(config.token, reader.Text(user, "token"));
  ASSIGN_OR_RETURN(config.token_file, reader.Text(user, "tokenFile"));
  if (!config.token_file.empty()) config.token_file = reader.Absolute(config.token_file);
  ASSIGN_OR_RETURN(config.connection.certificate, reader.Pem(user, "client-certificate"));
  ASSIGN_OR_RETURN(config.connection.key, reader.Pem(user, "client-key"));
  if (config.connection.certificate.empty() != config.connection.key.empty())
    return InvalidArgument("{}: client-certificate and client-key belong together", reader.path());
  return Status::Ok();
}

}  // namespace

Result<RestConfig> LoadKubeconfig(io::Env& env, const std::string& path,
                                  const std::string& context) {
  const Reader reader(env, path);
  ASSIGN_OR_RETURN(const std::string text, io::ReadWholeFile(env, path, kMaxFile));
  const auto documents = api::ParseYaml(text);
  if (!documents.ok()) return documents.status().WithContext(path);
  if (documents->size() != 1 || !documents->front().value().is_object())
    return InvalidArgument("{}: not a kubeconfig: one YAML object is expected", path);
  const json& file = documents->front().value();
  ASSIGN_OR_RETURN(const std::string current, reader.Text(file, "current-context"));
  const std::string name = context.empty() ? current : context;
  if (name.empty()) return InvalidArgument("{}: current-context is not set; name a context", path);

  RestConfig config;
  ASSIGN_OR_RETURN(const json chosen, reader.Named(file, "contexts", name, "context"));
  ASSIGN_OR_RETURN(const std::string name_space, reader.Text(chosen, "namespace"));
  if (!name_space.empty()) config.name_space = name_space;
  ASSIGN_OR_RETURN(const std::string cluster_name, reader.Text(chosen, "cluster"));
  ASSIGN_OR_RETURN(const json cluster, reader.Named(file, "clusters", cluster_name, "cluster"));
  RETURN_IF_ERROR(ReadCluster(reader, cluster, config));
  ASSIGN_OR_RETURN(const std::string user_name, reader.Text(chosen, "user"));
  if (user_name.empty()) return config;
  ASSIGN_OR_RETURN(const json user, reader.Named(file, "users", user_name, "user"));
  RETURN_IF_ERROR(ReadUser(reader, user, config));
  return config;
}

RestConfig AtSocket(const std::string& path) {
  RestConfig config;
  config.connection.unix_socket = path;
  return config;
}

Result<RestConfig> InCluster(io::Env& env, const std::map<std::string, std::string>& environment,
                             const std::string& folder) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  const std::string host = value("KUBERNETES_SERVICE_HOST"),
                    port = value("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty())
    return FailedPrecondition(
        "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; name a "
        "kubeconfig");
  RestConfig config;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  config.connection.base_url = is_ipv6 ? fmt::format("https://[{}]:{}", host, port)
                                       : fmt::format("https://{}:{}", host, port);
  config.token_file = folder + "/token";
  auto ca = io::ReadWholeFile(env, folder + "/ca.crt", kMaxFile);
  if (!ca.ok())
    return FailedPrecondition(
        "the pod has no service account token ({}); set automountServiceAccountToken: true",
        ca.status().message());
  config.connection.ca = *std::move(ca);
  if (const auto name_space = io::ReadWholeFile(env, folder + "/namespace", kMaxFile);
      name_space.ok() && !name_space->empty())
    config.name_space = *name_space;
  return config;
}

}  // namespace headpond::kube
