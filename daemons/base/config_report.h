#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace headpond {

// What stands for the value of a credential. A process that adopts reported values must skip it.
inline constexpr std::string_view kMaskedValue = "******";

// One property as a server reports it (compat/wire.md, ConfigProperty).
struct ReportedProperty {
  std::string name;
  std::optional<std::string> value;  // absent: known, but has none
  std::string source;                // Config::SourceText
};

// The configuration as GetConfiguration, registrations and the web pages show it, sorted by name:
// every key of the table, whether or not it has a value (as stock does), and the parameterised keys
// that are set; keys outside the table are left out. `raw` leaves ${} in place. Credentials are
// masked either way. alluxio.version is always kCompatVersion and, like alluxio.underfs.version,
// always has a value, because clients call methods on both (compat/behaviour.md section 0 rule 2).
std::vector<ReportedProperty> ReportedProperties(const Config& config, bool raw);

// What a node registers, so that the master can compare it with others: its resolved values of the
// properties of `scope` (kScopeMaster, kScopeWorker) that are checked at all, credentials masked.
std::vector<ReportedProperty> CheckedProperties(const Config& config, int scope);

// Hex MD5 that is equal for equal properties: the hash of GetConfiguration and GetConfigHash, which
// must agree for an unchanged configuration. Of nothing it is the MD5 of "", as in stock.
std::string ConfigHash(std::span<const ReportedProperty> properties);

}  // namespace headpond
