// Config::Load: the site file, the environment and the command line become one Config.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>

#include "base/config.h"
#include "base/config_resolver.h"
#include "base/unique_fd.h"

namespace headpond {
namespace {

constexpr std::string_view kSiteFileName = "alluxio-site.properties";
constexpr std::string_view kSiteDirsKey = "alluxio.site.conf.dir";
// Real ones have a few KB.
constexpr size_t kMaxSiteFileBytes = 4 * 1024 * 1024;

// The variables that stock's start scripts turn into options, with the keys they set.
struct LauncherVariable {
  std::string_view variable;
  std::string_view key;
};
constexpr LauncherVariable kLauncherVariables[] = {
    {"ALLUXIO_HOME", "alluxio.home"},
    {"ALLUXIO_CONF_DIR", "alluxio.conf.dir"},
    {"ALLUXIO_LOGS_DIR", "alluxio.logs.dir"},
    {"ALLUXIO_USER_LOGS_DIR", "alluxio.user.logs.dir"},
    {"ALLUXIO_MASTER_HOSTNAME", "alluxio.master.hostname"},
    {"ALLUXIO_MASTER_MOUNT_TABLE_ROOT_UFS", "alluxio.master.mount.table.root.ufs"},
    {"ALLUXIO_RAM_FOLDER", "alluxio.worker.tieredstore.level0.dirs.path"},
    {"ALLUXIO_WORKER_MEMORY_SIZE", "alluxio.worker.ramdisk.size"},
    {"ALLUXIO_WORKER_RAMDISK_SIZE", "alluxio.worker.ramdisk.size"}};

std::string Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin));
}

bool IsVariableName(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front()))) return false;
  for (unsigned char c : name)
    if (!std::isalnum(c) && c != '_') return false;
  return true;
}

// Replaces ${NAME} by environment variables; names with dots are properties and stay.
Result<std::string> ExpandVariables(std::string_view text,
                                    const std::map<std::string, std::string>& environment) {
  std::string out;
  while (true) {
    const size_t open = text.find("${");
    const size_t close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos) return out.append(text);
    const std::string name(text.substr(open + 2, close - open - 2));
    out += text.substr(0, open);
    if (!IsVariableName(name)) {
      out += text.substr(open, close + 1 - open);
    } else if (const auto variable = environment.find(name); variable != environment.end()) {
      out += variable->second;
    } else {
      return InvalidArgument(
          "it refers to ${{{}}}, which is not set in the environment; set it or take it out", name);
    }
    text.remove_prefix(close + 1);
  }
}

Result<std::string> ReadSmallFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "cannot read " + path);
  std::string text;
  std::array<char, 64 * 1024> buffer;
  while (text.size() <= kMaxSiteFileBytes) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count > 0) text.append(buffer.data(), static_cast<size_t>(count));
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot read " + path);
  }
  return InvalidArgument("{} is longer than {} bytes; is it a properties file?", path,
                         kMaxSiteFileBytes);
}

}  // namespace

class Config::Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options), config_(options.machine) {}

  Result<Config> Run() {
    AddLauncherVariables();
    RETURN_IF_ERROR(AddJavaOptions("ALLUXIO_JAVA_OPTS"));
    RETURN_IF_ERROR(AddJavaOptions(RoleVariable()));
    for (const std::string& argument : options_.arguments) AddOption(argument, "command line");
    RETURN_IF_ERROR(AddSiteFile());
    ReportIgnoredFlags();
    RETURN_IF_ERROR(CheckAll());
    return std::move(config_);
  }

 private:
  std::string RoleVariable() const {
    std::string name = "ALLUXIO_";
    for (unsigned char c : options_.role)
      name += c == '-' ? '_' : static_cast<char>(std::toupper(c));
    return name + "_JAVA_OPTS";
  }

  void Warn(std::string text) { config_.warnings_.push_back(std::move(text)); }

  // Values are checked later, in CheckAll, when all they may refer to is there.
  void Put(std::string_view key, std::string_view value, Source source, const std::string& origin) {
    const std::string given = Trim(key);
    if (given.empty()) return;
    const PropertyDef* def = FindProperty(given);
    if (def && def->not_in_site_file && source == Source::kSiteProperty)
      return Warn(fmt::format("property {} has no effect in {}; give it as -D{}=... instead", given,
                              origin, given));
    WarnAbout(def, given, origin);
    const std::string name(CanonicalPropertyName(given));
    const auto existing = config_.entries_.find(name);
    if (existing != config_.entries_.end() && existing->second.source > source) return;
    config_.entries_[name] = Entry{Trim(value), source, origin};
  }

  void WarnAbout(const PropertyDef* def, const std::string& key, const std::string& origin) {
    if (def && def->deprecated && !def->replaced_by.empty())
      return Warn(fmt::format("property {} ({}) is deprecated and has no effect; use {}", key,
                              origin, def->replaced_by));
    if (def && def->deprecated)
      return Warn(fmt::format("property {} ({}) is deprecated", key, origin));
    if (def || !(key.starts_with("alluxio.") || key.starts_with("headpond."))) return;
    const std::string nearest = NearestProperty(key);
    Warn(fmt::format("unknown property {} ({}) has no effect{}", key, origin,
                     nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)));
  }

  void AddLauncherVariables() {
    for (const LauncherVariable& launcher : kLauncherVariables) {
      const auto variable = options_.environment.find(std::string(launcher.variable));
      if (variable == options_.environment.end() || variable->second.empty()) continue;
      Put(launcher.key, variable->second, Source::kSystemProperty, variable->first);
      if (launcher.variable == "ALLUXIO_RAM_FOLDER")
        Put("alluxio.worker.tieredstore.level0.alias", "MEM", Source::kSystemProperty,
            variable->first);
    }
  }

  // "-Dkey=value" or "-Dkey"; false for anything else.
  bool AddOption(std::string_view word, const std::string& origin) {
    if (!word.starts_with("-D")) return false;
    word.remove_prefix(2);
    const size_t equals = std::min(word.find('='), word.size());
    Put(word.substr(0, equals), word.substr(std::min(equals + 1, word.size())),
        Source::kSystemProperty, origin);
    return true;
  }

  Status AddJavaOptions(const std::string& variable) {
    const auto text = options_.environment.find(variable);
    if (text == options_.environment.end()) return Status::Ok();
    const Result<std::string> expanded = ExpandVariables(text->second, options_.environment);
    if (!expanded.ok()) return expanded.status().WithContext(variable);
    const Result<std::vector<std::string>> words = SplitShellWords(*expanded);
    if (!words.ok()) return words.status().WithContext(variable);
    for (const std::string& word : *words)
      if (!AddOption(word, variable)) ignored_flags_.push_back(word);
    return Status::Ok();
  }

  void ReportIgnoredFlags() {
    if (ignored_flags_.empty()) return;
    std::string flags;
    for (const std::string& flag : ignored_flags_) flags.append(" ").append(flag);
    Warn("there is no JVM, so these options have no effect:" + flags);
  }

  Status AddSiteFile() {
    ASSIGN_OR_RETURN(const std::optional<std::string> dirs, Resolver(config_).Value(kSiteDirsKey));
    if (!dirs)
      return InvalidArgument("property {} refers to a property without a value", kSiteDirsKey);
    for (const std::string& dir : config_.GetList(kSiteDirsKey)) {
      const std::string path = (std::filesystem::path(dir) / kSiteFileName).string();
      std::error_code error;
      const bool exists = std::filesystem::exists(path, error);
      // A home folder of somebody else is usual in containers; the next folder may have the file.
      if (error) Warn(fmt::format("cannot look for {}: {}", path, error.message()));
      if (error || !exists) continue;
      ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
      const auto properties = ParseProperties(text);
      if (!properties.ok()) return properties.status().WithContext(path);
      for (const auto& [key, value] : *properties) Put(key, value, Source::kSiteProperty, path);
      return Status::Ok();
    }
    return Status::Ok();
  }

  // Names every bad value, so that one start shows all there is to mend.
  Status CheckAll() {
    std::string problems;
    for (auto& [name, entry] : config_.entries_) {
      const Status status = CheckEntry(name, entry);
      if (!status.ok())
        problems.append(problems.empty() ? "" : "; ")
            .append(status.message())
            .append(fmt::format(" (from {})", entry.origin));
    }
    return problems.empty() ? Status::Ok() : Status(Code::kInvalidArgument, problems);
  }

  Status CheckEntry(const std::string& name, Entry& entry) {
    const PropertyDef* def = FindProperty(name);
    if (!def) return Status::Ok();
    ASSIGN_OR_RETURN(const std::optional<std::string> value, Resolver(config_).Value(name));
    if (!value) return Status::Ok();
    ASSIGN_OR_RETURN(std::string checked, CheckPropertyValue(*def, name, *value));
    if (entry.value.find("${") == std::string::npos) entry.value = std::move(checked);
    return Status::Ok();
  }

  const LoadOptions& options_;
  Config config_;
  std::vector<std::string> ignored_flags_;
};

Result<Config> Config::Load(const LoadOptions& options) {
  return Loader(options).Run();
}

}  // namespace headpond
