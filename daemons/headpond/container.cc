#include "headpond/container.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/units.h"

namespace headpond::container {
namespace {

constexpr std::string_view kUsage =
    "Usage: docker run [docker's options] IMAGE COMMAND [options]\n"
    "\n"
    "Commands:\n"
    "  master, master-only   serve the namespace\n"
    "  worker, worker-only   serve cached blocks\n"
    "\n"
    "Options:\n"
    "  --no-format           keep the journal; accepted for compatibility: only a blank folder is\n"
    "                        ever formatted\n"
    "  -Dkey=value           set a property; -e ALLUXIO_JAVA_OPTS=\"-Dkey=value ...\" does too\n"
    "\n"
    "Examples:\n"
    "  docker run -d --net=host IMAGE master\n"
    "  docker run -d --net=host --shm-size=1G -e ALLUXIO_JAVA_OPTS=\"\n"
    "      -Dalluxio.worker.memory.size=1G -Dalluxio.master.hostname=HOST\" IMAGE worker\n"
    "  docker exec ID alluxio fs ls /\n";

// A command of the stock image.
struct StockCommand {
  std::string_view word;
  std::string_view role;     // "": this image doesn't have it
  std::string_view instead;  // then: what to do
};
constexpr std::array kCommands{
    StockCommand{"master", "master", ""},
    StockCommand{"master-only", "master", ""},
    StockCommand{"worker", "worker", ""},
    StockCommand{"worker-only", "worker", ""},
    StockCommand{"job-master", "", "the master itself plans what stock's job master does"},
    StockCommand{"job-worker", "", "workers themselves do what stock's job workers do"},
    StockCommand{"proxy", "", "clients can talk to master and workers directly"},
    StockCommand{"fuse", "", "use `alluxio fs` or a client library"},
    StockCommand{"logserver", "", "logs are on stderr: use docker logs or a logging driver"},
    StockCommand{"csiserver", "", "volumes can't be provided by CSI"},
};

// What stock's entry point passes on, and what its scripts read besides.
constexpr std::array<std::string_view, 19> kPassedOn{
    "ALLUXIO_CLASSPATH",
    "ALLUXIO_FUSE_JAVA_OPTS",
    "ALLUXIO_HOSTNAME",
    "ALLUXIO_JARS",
    "ALLUXIO_JAVA_OPTS",
    "ALLUXIO_JOB_MASTER_JAVA_OPTS",
    "ALLUXIO_JOB_WORKER_JAVA_OPTS",
    "ALLUXIO_LOGS_DIR",
    "ALLUXIO_MASTER_HOSTNAME",
    "ALLUXIO_MASTER_JAVA_OPTS",
    "ALLUXIO_MASTER_MOUNT_TABLE_ROOT_UFS",
    "ALLUXIO_PROXY_JAVA_OPTS",
    "ALLUXIO_RAM_FOLDER",
    "ALLUXIO_USER_JAVA_OPTS",
    "ALLUXIO_USER_LOGS_DIR",
    "ALLUXIO_WORKER_HOSTNAME",
    "ALLUXIO_WORKER_JAVA_OPTS",
    "ALLUXIO_WORKER_MEMORY_SIZE",
    "ALLUXIO_WORKER_RAMDISK_SIZE",
};

constexpr std::string_view kBegin =
    "# --- from the container's environment; written anew at each start ---\n";
constexpr std::string_view kEnd = "# --- end ---\n";

constexpr std::string_view kMemoryFolder = "/dev/shm";
constexpr std::string_view kTierAlias = "alluxio.worker.tieredstore.level0.alias";
constexpr std::string_view kTierFolders = "alluxio.worker.tieredstore.level0.dirs.path";
constexpr std::string_view kTierQuota = "alluxio.worker.tieredstore.level0.dirs.quota";
constexpr std::string_view kMemorySize = "alluxio.worker.ramdisk.size";

// The length of a ${NAME} at the start of `text`, 0 if there is none.
size_t VariableLength(std::string_view text) {
  if (!text.starts_with("${")) return 0;
  const size_t close = text.find('}');
  if (close == text.npos || close == 2) return 0;
  const std::string_view name = text.substr(2, close - 2);
  const bool is_name =
      std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  return is_name && !std::isdigit(static_cast<unsigned char>(name.front())) ? close + 1 : 0;
}

std::string DoubleQuoted(std::string_view value) {
  std::string out = "\"";
  while (!value.empty()) {
    const size_t variable = VariableLength(value);
    const size_t count = std::max<size_t>(variable, 1);
    const char c = value.front();
    if (variable == 0 && (c == '"' || c == '\\' || c == '`' || c == '$')) out += '\\';
    out += value.substr(0, count);
    value.remove_prefix(count);
  }
  return out + '"';
}

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

std::string JoinCommands(bool present) {
  std::string list;
  for (const StockCommand& command : kCommands)
    if (command.role.empty() != present) list.append(list.empty() ? "" : ", ").append(command.word);
  return list;
}

// Folders of one file system can't be told from those of two of the same size, so each is compared
// for itself.
Status CheckTier(const Config& config, int level, const FolderProbe& probe, int64_t memory_limit) {
  const std::string prefix = fmt::format("alluxio.worker.tieredstore.level{}.dirs.", level);
  const std::string quota_key = prefix + "quota";
  const std::string_view size_key =
      level == 0 && !config.IsSet(quota_key) ? kMemorySize : std::string_view(quota_key);
  const std::vector<std::string> folders = config.GetList(prefix + "path");
  const std::vector<std::string> quotas = config.GetList(quota_key);
  for (size_t i = 0; i < folders.size(); ++i) {
    const auto facts = probe(folders[i]);
    if (!facts || !facts->in_memory || quotas.empty()) continue;
    ASSIGN_OR_RETURN(const int64_t quota, ParseSize(quotas[std::min(i, quotas.size() - 1)]));
    if (quota > facts->capacity_bytes)
      return InvalidArgument(
          "the tier of {} in {} is larger than the {} of memory that the container has there; "
          "start it with --shm-size={} or more, or set {} to less",
          FormatSize(quota), folders[i], FormatSize(facts->capacity_bytes), quota, size_key);
    if (quota >= memory_limit)
      return InvalidArgument(
          "the tier of {} in {} counts towards the container's memory limit of {} and leaves "
          "nothing of it; start it with a larger --memory, or set {} to less",
          FormatSize(quota), folders[i], FormatSize(memory_limit), size_key);
  }
  return Status::Ok();
}

}  // namespace

std::string_view StartUsage() {
  return kUsage;
}

Result<Start> ParseStart(std::span<const std::string> words) {
  if (words.empty()) return InvalidArgument("name a command: {}", JoinCommands(/*present=*/true));
  const auto command =
      std::ranges::find(kCommands, std::string_view(words.front()), &StockCommand::word);
  if (command == kCommands.end())
    return InvalidArgument("unknown command {}; there are {}", words.front(),
                           JoinCommands(/*present=*/true));
  if (command->role.empty())
    return Unimplemented("{} is not in this image ({}); there are {}", command->word,
                         command->instead, JoinCommands(/*present=*/true));
  Start start{.role = std::string(command->role)};
  for (const std::string& word : words.subspan(1)) {
    if (word == "--no-format")
      start.keep_journal = true;
    else if (word.starts_with("-D") && word.size() > 2)
      start.options.push_back(word);
    else
      return InvalidArgument("unknown option {} of {}; there are --no-format and -Dkey=value", word,
                             command->word);
  }
  return start;
}

std::string EnvironmentFile(std::string_view existing, const Environment& environment) {
  const size_t begin = existing.find(kBegin);
  const size_t end = begin == existing.npos ? existing.npos : existing.find(kEnd, begin);
  std::string text(existing.substr(0, begin));
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  text += kBegin;
  for (const std::string_view name : kPassedOn)
    if (const auto variable = environment.find(std::string(name)); variable != environment.end())
      text += fmt::format("export {}={}\n", name, DoubleQuoted(variable->second));
  text += kEnd;
  if (end != existing.npos) text += existing.substr(end + kEnd.size());
  return text;
}

Result<std::vector<std::string>> MemoryTierOptions(const Config& config, const FolderProbe& probe,
                                                   int64_t memory_limit_bytes) {
  std::vector<std::string> options;
  Config completed = config;
  const auto add = [&](std::string_view key, const std::string& value) -> Status {
    options.push_back(fmt::format("-D{}={}", key, value));
    return completed.Set(key, value);
  };
  if (config.GetString(kTierAlias) == "MEM" && !config.IsSet(kTierFolders))
    RETURN_IF_ERROR(add(kTierFolders, std::string(kMemoryFolder)));
  const std::vector<std::string> folders = completed.GetList(kTierFolders);
  const auto facts = folders.size() == 1 ? probe(folders.front()) : std::nullopt;
  if (facts && facts->in_memory && !config.IsSet(kMemorySize) && !config.IsSet(kTierQuota))
    RETURN_IF_ERROR(add(
        kMemorySize, std::to_string(std::min(facts->capacity_bytes, memory_limit_bytes * 2 / 3))));
  const auto levels = static_cast<int>(completed.GetInt("alluxio.worker.tieredstore.levels"));
  for (int level = 0; level < levels; ++level)
    RETURN_IF_ERROR(CheckTier(completed, level, probe, memory_limit_bytes));
  return options;
}

std::string NameAdvice(const NameFacts& facts) {
  const std::string remedy = fmt::format(
      "set -D{}=NAME to a name or an address under which clients reach this host", facts.property);
  if (facts.addresses.empty())
    return fmt::format(
        "others are told the name {}, which can't be resolved here and thus perhaps "
        "not by them: {}",
        facts.name, remedy);
  if (std::ranges::all_of(facts.addresses, IsLoopback))
    return fmt::format(
        "others are told the name {}, which is {} here: only clients {} reach it; "
        "for others {}",
        facts.name, facts.addresses.front(),
        facts.own_network ? "in this container" : "on this host", remedy);
  if (facts.is_own_name && facts.own_network)
    return fmt::format(
        "others are told the name {}, which only containers on the same user-defined "
        "network may resolve; for clients outside {}, publish its ports, or use "
        "--net=host",
        facts.name, remedy);
  return "";
}

}  // namespace headpond::container
