#include "operator/plan/workload.h"

#include <fmt/format.h>

namespace headpond::plan {
namespace {

// FNV-1a over length-prefixed texts, so that no two different lists feed the same bytes.
class Hasher {
 public:
  void Add(std::string_view text) {
    AddBytes(std::to_string(text.size()) + ":");
    AddBytes(text);
  }
  std::string Hex() const { return fmt::format("{:016x}", state_); }

 private:
  void AddBytes(std::string_view bytes) {
    constexpr uint64_t kPrime = 0x100000001b3;
    for (const char byte : bytes) state_ = (state_ ^ static_cast<unsigned char>(byte)) * kPrime;
  }
  uint64_t state_ = 0xcbf29ce484222325;
};

}  // namespace

std::string_view RoleName(Role role) {
  return role == Role::kMaster ? "master" : "worker";
}

std::string Workload::ConfigHash() const {
  Hasher hasher;
  hasher.Add(name);
  for (const std::string& arg : args) hasher.Add(arg);
  hasher.Add("env");
  for (const auto& [key, value] : env) {
    hasher.Add(key);
    hasher.Add(value);
  }
  hasher.Add("files");
  for (const auto& [path, content] : files) {
    hasher.Add(path);
    hasher.Add(content);
  }
  return hasher.Hex();
}

}  // namespace headpond::plan
