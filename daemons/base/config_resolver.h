#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace headpond {

// Replaces ${} in values, depth first. One use per lookup; keeps a reference to the Config.
//
// Errors: InvalidArgument for a reference to an unknown name, a cycle, and a text that grows past
// any use. A reference to a key without a value makes the whole value absent.
class Config::Resolver {
 public:
  explicit Resolver(const Config& config) : config_(config) {}

  Result<std::optional<std::string>> Value(std::string_view key);

 private:
  Result<std::optional<std::string>> Text(std::string_view text);

  const Config& config_;
  std::vector<std::string> pending_;  // the keys being replaced, outermost first
};

}  // namespace headpond
