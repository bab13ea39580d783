#include "operator/controller/secrets.h"

#include <fmt/format.h>

#include "image/credentials.h"

namespace headpond::controller {
namespace {

// Of Secrets of type kubernetes.io/dockerconfigjson.
constexpr const char* kDockerConfigKey = ".dockerconfigjson";

}  // namespace

Result<SecretData> Secrets::Find(const std::string& name_space, const std::string& name) {
  const std::pair key(name_space, name);
  const auto known = known_.find(key);
  if (known != known_.end() &&
      clock_.Now() - known->second.read_at < (known->second.in_doubt ? kValidInDoubt : kValidFor))
    return known->second.data;
  auto read = read_(name_space, name);
  if (read.ok())
    known_[key] = {*read, clock_.Now()};
  else
    known_.erase(key);
  return read;
}

void Secrets::Doubt(const std::string& name_space, const std::string& name) {
  if (const auto known = known_.find(std::pair(name_space, name)); known != known_.end())
    known->second.in_doubt = true;
}

Result<SecretData> Secrets::Read(const api::CacheCluster& cluster, const std::string& name,
                                 const std::string& field) {
  const std::string& name_space = cluster.metadata.name_space;
  auto read = Find(name_space, name);
  if (read.ok()) return read;
  if (read.status().code() != Code::kNotFound) return read.status().WithContext(field);
  return NotFound(
      "{}: there is no Secret {} in namespace {}: create it (`kubectl create secret generic {} -n "
      "{} ...`) or name another one",
      field, name, name_space, name, name_space);
}

runtime::PullSecret Secrets::ReadForPull(const std::string& name_space, const std::string& name,
                                         const std::string& field) {
  const std::string remedy = fmt::format(
      "make it with `kubectl create secret docker-registry {} -n {} --docker-server=... "
      "--docker-username=... --docker-password=...`, or name another one",
      name, name_space);
  runtime::PullSecret secret{.field = field};
  const auto read = Find(name_space, name);
  if (read.status().code() == Code::kNotFound) {
    secret.trouble =
        NotFound("{}: there is no Secret {} in namespace {}: {}", field, name, name_space, remedy);
  } else if (!read.ok()) {
    secret.trouble = read.status().WithContext(field);
  } else if (const auto config = read->find(kDockerConfigKey); config == read->end()) {
    secret.trouble =
        FailedPrecondition("{}: Secret {} in namespace {} has no {}, so it has no login: {}", field,
                           name, name_space, kDockerConfigKey, remedy);
  } else if (const Status sound = image::CheckDockerConfig(config->second); !sound.ok()) {
    secret.trouble =
        FailedPrecondition("{}: {} of Secret {} in namespace {} {}: {}", field, kDockerConfigKey,
                           name, name_space, sound.message(), remedy);
  } else {
    secret.config = config->second;
  }
  if (!secret.trouble.ok()) known_.erase(std::pair(name_space, name));
  return secret;
}

runtime::PullAccess Secrets::ReadForPulls(const std::string& name_space,
                                          const std::vector<std::string>& names,
                                          const std::string& field) {
  runtime::PullAccess access;
  for (size_t i = 0; i < names.size(); ++i)
    access.secrets.push_back(
        ReadForPull(name_space, names[i], fmt::format("{}[{}].name", field, i)));
  access.key = runtime::PullAccessKey(name_space, access.secrets);
  return access;
}

std::vector<runtime::PullSecret> Secrets::ReadForPullNow(const std::string& name_space,
                                                         const std::vector<std::string>& names,
                                                         const std::string& field) {
  for (const std::string& name : names) known_.erase(std::pair(name_space, name));
  return ReadForPulls(name_space, names, field).secrets;
}

}  // namespace headpond::controller
