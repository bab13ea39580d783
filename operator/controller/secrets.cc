#include "operator/controller/secrets.h"

namespace headpond::controller {

Result<SecretData> Secrets::Read(const api::CacheCluster& cluster, const std::string& name,
                                 const std::string& field) {
  const std::string& name_space = cluster.metadata.name_space;
  const std::pair key(name_space, name);
  const auto known = known_.find(key);
  if (known != known_.end() && clock_.Now() - known->second.read_at < kValidFor)
    return known->second.data;
  auto read = read_(name_space, name);
  if (read.ok()) {
    known_[key] = {*read, clock_.Now()};
    return read;
  }
  known_.erase(key);
  if (read.status().code() != Code::kNotFound) return read.status().WithContext(field);
  return NotFound(
      "{}: there is no Secret {} in namespace {}: create it (`kubectl create secret generic {} -n "
      "{} ...`) or name another one",
      field, name, name_space, name, name_space);
}

}  // namespace headpond::controller
