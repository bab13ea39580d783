#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config_machine.h"
#include "base/result.h"
#include "base/units.h"

namespace headpond {

// The version of the wire protocol and of the property table: what clients are told as
// alluxio.version. A client of another version only warns (compat/behaviour.md section 0 rule 2).
inline constexpr std::string_view kCompatVersion = "2.9.6";

enum class PropertyType {
  kString,
  kBoolean,
  kInteger,
  kLong,
  kDouble,
  kEnum,
  kClass,
  kDataSize,
  kDuration,
  kList
};

// How a difference between the nodes of a cluster is reported by `fsadmin doctor configuration`.
enum class ConsistencyCheck { kIgnore, kWarn, kEnforce };

// Bits of PropertyDef::scope; the numbers are the wire's (compat/wire.md, meta_master.proto Scope).
inline constexpr int kScopeMaster = 1;
inline constexpr int kScopeWorker = 2;
inline constexpr int kScopeClient = 4;

// One row of the property table: every key that stock 2.9.6 knows (compat/properties.md), its
// parameterised keys, and ours. Generated from properties.tsv.
struct PropertyDef {
  // May have holes: {} is a word without dots, {n} a number, {*} anything. So
  // alluxio.worker.tieredstore.level{n}.alias is the row of
  // alluxio.worker.tieredstore.level7.alias.
  std::string_view name;
  PropertyType type;
  const char* default_value;  // null: unset, or computed (machine_default). May hold ${other.key}
  int scope;                  // kScope* bits
  bool hidden;                // left out of listings unless asked for
  bool acted_on;  // Headpond does something with it; else it is accepted and reported to clients
                  // only
  ConsistencyCheck check;
  bool credential;  // the value is never shown
  bool
      not_in_site_file;  // a value in the site file has no effect (as in stock), only an option has
  bool deprecated;       // warned about; without effect when `replaced_by` names the key to use
  std::string_view replaced_by;
  std::string_view aliases;  // older names, separated by commas
  // What values are allowed beyond the type, "" for all: "A,B,C" (any case), "0..65535" or "1..",
  // "sizes" (a list of sizes), "octal", "permissions" (rwxr-x---).
  std::string_view allowed;
  std::string_view meaning;  // one line, for keys acted on
  MachineDefault machine_default;
};

// All rows, sorted by name.
std::span<const PropertyDef> PropertyTable();
// The row for a concrete key, aliases and parameterised keys included; null when unknown.
const PropertyDef* FindProperty(std::string_view name);
// The name under which values of `name` are kept: the row's for an alias, else `name` itself.
std::string_view CanonicalPropertyName(std::string_view name);
// The known name nearest to `name` by edit distance, or "" when none is near.
std::string NearestProperty(std::string_view name);
// "STRING", "DATASIZE", ...: as in compat/properties.md.
std::string_view PropertyTypeName(PropertyType type);

// Later wins (compat/behaviour.md section 4).
enum class Source {
  kDefault,
  kClusterDefault,
  kSiteProperty,
  kSystemProperty,
  kPathDefault,
  kRuntime,
  kMountOption
};

// A set of properties with where each came from. A value type; const use from many threads is safe.
//
// Meant to be read once, when a service is built: a lookup resolves ${} and parses each time
// (about a microsecond), so keep the result, not the Config, where speed matters.
//
// Keys are given by any of their names; aliases lead to the same value. Keys outside the table are
// kept and found like strings (Hadoop and under-store settings travel this way).
class Config {
 public:
  struct Entry {
    std::string value;  // ${} not yet replaced; enum values and booleans in their one spelling
    Source source = Source::kRuntime;
    std::string origin;  // the file for kSiteProperty; else what to name in messages, may be ""
  };

  // `machine` gives the defaults that depend on it, such as alluxio.worker.ramdisk.size.
  explicit Config(MachineFacts machine = MachineFacts::Detect());

  // What a process starts with: site file, then the launcher's variables (ALLUXIO_HOME,
  // ALLUXIO_CONF_DIR, ALLUXIO_LOGS_DIR, ALLUXIO_USER_LOGS_DIR, ALLUXIO_MASTER_HOSTNAME,
  // ALLUXIO_MASTER_MOUNT_TABLE_ROOT_UFS, ALLUXIO_RAM_FOLDER, ALLUXIO_WORKER_RAMDISK_SIZE,
  // ALLUXIO_WORKER_MEMORY_SIZE), then ALLUXIO_JAVA_OPTS, then the role's
  // ALLUXIO_<ROLE>_JAVA_OPTS, then -D arguments (which win). `role` is master, worker, job_master,
  // job_worker, proxy, fuse, user. `environment` is injected (getenv in production). In *_JAVA_OPTS
  // ${NAME} stands for an environment variable, as in the shell script that reads them in stock;
  // ${some.key} is left for the property. The site file is the first alluxio-site.properties found
  // in the list of alluxio.site.conf.dir.
  //
  // Unknown alluxio.* and headpond.* keys become warnings() with the nearest name, as do deprecated
  // keys and keys without effect in a site file; JVM flags become one warning.
  //
  // Errors: InvalidArgument naming key, value, origin and remedy for all values that their types
  // can't hold, an unclosed quote, an unset environment variable, an unknown ${key} or a ${} cycle;
  // PermissionDenied and the like for a site file that exists but can't be read.
  struct LoadOptions {
    std::string role;
    std::map<std::string, std::string> environment;
    std::vector<std::string> arguments;  // "-Dkey=value" and others; others are ignored here
    MachineFacts machine = MachineFacts::Detect();
  };
  static Result<Config> Load(const LoadOptions& options);

  // Checks the value against type and allowed values. Changes nothing, and is no error, when a
  // value from a later source is present. Errors as Load; then nothing is changed.
  Status Set(std::string_view key, std::string_view value, Source source = Source::kRuntime,
             std::string origin = "");
  void Unset(std::string_view key);

  // The effective value with ${} replaced; nullopt when unset and without a default, or when it
  // refers to such a key.
  std::optional<std::string> Find(std::string_view key) const;
  // The same with ${} left in place.
  std::optional<std::string> FindRaw(std::string_view key) const;
  bool IsSet(std::string_view key) const;  // explicitly, not by default
  const Entry* FindEntry(std::string_view key) const;

  // Typed reads of keys that have a value. Load and Set have checked all values, so a value that
  // does not parse can't occur; an unset key without a default is a programming error (asserted,
  // returns zero/empty).
  std::string GetString(std::string_view key) const;
  bool GetBool(std::string_view key) const;
  int64_t GetInt(std::string_view key) const;
  double GetDouble(std::string_view key) const;
  int64_t GetSize(std::string_view key) const;  // bytes
  std::chrono::milliseconds GetDuration(std::string_view key) const;
  // Split at commas, trimmed, empties dropped.
  std::vector<std::string> GetList(std::string_view key) const;

  // What was set explicitly, by canonical name.
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  // "DEFAULT", "SITE_PROPERTY (/path/file)", "SYSTEM_PROPERTY", ...: what 2.9 clients are sent.
  static std::string SourceText(const Entry& entry);

 private:
  class Loader;
  class Resolver;

  std::optional<std::string> DefaultText(std::string_view key) const;
  Status CheckReferences() const;

  MachineFacts machine_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> warnings_;
};

// Brings a value (without ${}) into the one spelling its row asks for: blanks around it dropped
// unless the type is STRING, booleans in lower case, enum values as in the table. Errors:
// InvalidArgument naming key, value and remedy. The value of a credential is not named.
Result<std::string> CheckPropertyValue(const PropertyDef& def, std::string_view key,
                                       std::string_view value);

// Splits one *_JAVA_OPTS text like a shell does: blanks separate; '…' and "…" group; backslash
// escapes outside single quotes. Errors: InvalidArgument for an unclosed quote, with its offset.
Result<std::vector<std::string>> SplitShellWords(std::string_view text);

// java.util.Properties text: comments # and !, separators = : and blank, line continuation, \uXXXX
// escapes (to UTF-8; other bytes are passed on, so UTF-8 files work too). Later duplicates come
// later in the result. Errors: InvalidArgument with the line number for a malformed escape.
Result<std::vector<std::pair<std::string, std::string>>> ParseProperties(std::string_view text);

// True for keys whose values must never be shown (credentials): sent to clients as "******".
// Looks through mount options (alluxio.master.mount.table.root.option.s3a.secretKey), and knows
// keys outside the table by words such as "secret" in them.
bool IsCredential(std::string_view key);

}  // namespace headpond
