#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace headpond {

enum class PropertyType { kString, kBoolean, kInteger, kLong, kDouble, kEnum, kClass, kDataSize, kDuration, kList };

// Bits of PropertyDef::scope.
inline constexpr int kScopeMaster = 1;
inline constexpr int kScopeWorker = 2;
inline constexpr int kScopeClient = 4;

// One row of the property table: every key that stock 2.9.6 knows (compat/properties.md), and ours.
struct PropertyDef {
  std::string_view name;           // may hold "{}" holes for parameterised keys (alluxio.worker.tieredstore.level{}.alias)
  PropertyType type;
  const char* default_value;       // null: unset. May hold ${other.key}
  int scope;                       // kScope* bits
  bool hidden;                     // left out of listings unless asked for
  bool acted_on;                   // Headpond does something with it; else it is accepted and reported to clients only
};

// All rows, sorted by name.
const std::vector<PropertyDef>& PropertyTable();
// The row for a concrete key, templates included; null when unknown.
const PropertyDef* FindProperty(std::string_view name);
// The known name nearest to `name` by edit distance, or "" when none is near.
std::string NearestProperty(std::string_view name);

// Later wins (compat/behaviour.md section 4).
enum class Source { kDefault, kClusterDefault, kSiteProperty, kSystemProperty, kPathDefault, kRuntime, kMountOption };

// A set of properties with where each came from. A value type; const use from many threads is safe.
class Config {
 public:
  struct Entry {
    std::string value;  // as written, ${} not yet replaced
    Source source = Source::kRuntime;
    std::string origin;  // the file for kSiteProperty, else ""
  };

  // What a process starts with: site file, then ALLUXIO_JAVA_OPTS, then the role's ALLUXIO_<ROLE>_JAVA_OPTS, then -D
  // arguments (which win). `role` is master, worker, job_master, job_worker, proxy, fuse, user.
  // `environment` is injected (getenv in production). The site file is the first alluxio-site.properties found in the
  // list of alluxio.site.conf.dir. Unknown alluxio.* keys become warnings() with the nearest name; JVM flags become
  // one warning. Errors: InvalidArgument naming key, value, origin and remedy for a value its type can't hold, an
  // unclosed quote or a ${} cycle.
  struct LoadOptions {
    std::string role;
    std::map<std::string, std::string> environment;
    std::vector<std::string> arguments;  // "-Dkey=value" and others; others are ignored here
  };
  static Result<Config> Load(const LoadOptions& options);

  // Checks type and template, resolves aliases. Errors as Load.
  Status Set(std::string_view key, std::string_view value, Source source = Source::kRuntime, std::string origin = "");
  void Unset(std::string_view key);

  // The effective value with ${} replaced; nullopt when unset and without a default.
  std::optional<std::string> Find(std::string_view key) const;
  bool IsSet(std::string_view key) const;  // explicitly, not by default
  const Entry* FindEntry(std::string_view key) const;

  // Typed reads of keys that have a value. Load and Set have checked all values, so a value that does
  // not parse can't occur; an unset key without a default is a programming error (asserted, returns zero/empty).
  std::string GetString(std::string_view key) const;
  bool GetBool(std::string_view key) const;
  int64_t GetInt(std::string_view key) const;
  double GetDouble(std::string_view key) const;
  int64_t GetSize(std::string_view key) const;  // bytes
  std::chrono::milliseconds GetDuration(std::string_view key) const;
  std::vector<std::string> GetList(std::string_view key) const;  // split at commas, trimmed, empties dropped

  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  // "DEFAULT", "SITE_PROPERTY (/path/file)", "SYSTEM_PROPERTY", ...: what 2.9 clients are sent.
  static std::string SourceText(const Entry& entry);

 private:
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> warnings_;
};

// Splits one *_JAVA_OPTS text like a shell does: blanks separate; '…' and "…" group; backslash escapes
// outside single quotes. Errors: InvalidArgument for an unclosed quote, with its offset.
Result<std::vector<std::string>> SplitShellWords(std::string_view text);

// java.util.Properties text: comments # and !, separators = : and blank, line continuation, \uXXXX
// escapes. Later duplicates win. Errors: InvalidArgument with the line number for a malformed escape.
Result<std::vector<std::pair<std::string, std::string>>> ParseProperties(std::string_view text);

// True for keys whose values must never be shown (credentials): sent to clients as "******".
bool IsCredential(std::string_view key);

}  // namespace headpond
