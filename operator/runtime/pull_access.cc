#include "operator/runtime/pull_access.h"

#include <fmt/format.h>

#include "base/stable_hash.h"

namespace headpond::runtime {

std::string PullAccessKey(const std::string& name_space, const std::vector<PullSecret>& secrets) {
  if (secrets.empty()) return "";
  uint64_t hash = StableHash("");
  for (const PullSecret& secret : secrets) {
    const std::string& content = secret.trouble.ok() ? secret.config : secret.trouble.message();
    hash = StableHash(fmt::format("{}:", content.size()), hash);
    hash = StableHash(content, hash);
  }
  return fmt::format("{}/{:016x}", name_space, hash);
}

}  // namespace headpond::runtime
