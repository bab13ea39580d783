#include "operator/plan/pods.h"

#include <fmt/format.h>

namespace headpond::plan {

std::string ShortName(std::string_view name, size_t limit) {
  if (name.size() <= limit) return std::string(name);
  constexpr size_t kDigits = 8;
  std::string_view begin = name.substr(0, limit - kDigits - 1);
  while (begin.ends_with('-')) begin.remove_suffix(1);
  return fmt::format("{}-{}", begin, ContentHash(name).substr(0, kDigits));
}

std::string PodWorkloadName(const std::string& cluster, Role role, int ordinal) {
  return ShortName(fmt::format("{}-{}-{}", cluster, RoleName(role), ordinal), kMaxStatefulSetName);
}

std::string PodsService(const std::string& cluster) {
  return cluster + "-pods";
}

std::string ClientService(const std::string& cluster) {
  return cluster;
}

std::string PodAddress(const api::CacheCluster& cluster, Role role, int ordinal) {
  const api::ObjectMeta& meta = cluster.metadata;
  const std::string workload = PodWorkloadName(meta.name, role, ordinal);
  return role == Role::kMaster
             ? fmt::format("{}.{}.svc", workload, meta.name_space)
             : fmt::format("{}-0.{}.{}.svc", workload, PodsService(meta.name), meta.name_space);
}

Layout PodLayout() {
  return {.cluster_dir = "/headpond",
          .memory_dir = "/dev/shm",
          .shared_host = false,
          .containers = true};
}

}  // namespace headpond::plan
