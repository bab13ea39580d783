// `headpond entrypoint`: what container.h decides, done to the container it runs in.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <netdb.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "base/daemon.h"
#include "base/unique_fd.h"
#include "headpond/container.h"
#include "io/env.h"
#include "journal/local_journal.h"
#include "master/master_server.h"
#include "worker/worker_server.h"

extern char** environ;

namespace headpond::container {
namespace {

namespace fs = std::filesystem;

void Note(const std::string& text) {
  fmt::print(stderr, "entrypoint: {}\n", text);
}

Environment ProcessEnvironment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (const size_t equals = text.find('='); equals != text.npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::optional<FolderFacts> ProbeFolder(const std::string& path) {
  struct statfs facts {};
  if (statfs(path.c_str(), &facts) != 0) return std::nullopt;
  return FolderFacts{.in_memory = facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC,
                     .capacity_bytes = static_cast<int64_t>(facts.f_blocks) * facts.f_bsize};
}

std::vector<std::string> Resolve(const std::string& name) {
  std::vector<std::string> addresses;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0)
      addresses.emplace_back(text);
  }
  freeaddrinfo(list);
  return addresses;
}

// In a network namespace of its own, all interfaces are ends of links whose other end is elsewhere;
// a host has at least one that is not.
bool HasOwnNetwork() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/class/net", error)) {
    if (entry.path().filename() == "lo") continue;
    int index = 0, other_end = 0;
    std::ifstream(entry.path() / "ifindex") >> index;
    std::ifstream(entry.path() / "iflink") >> other_end;
    if (index == other_end) return false;
  }
  return !error;
}

// Docker's -u and mounted folders make files that can't be written usual; what needs them then says
// why by itself, so this is no failure.
Status WriteEnvironmentFile(const std::string& folder, const Environment& environment) {
  const std::string path = folder + "/alluxio-env.sh";
  std::stringstream existing;
  existing << std::ifstream(path).rdbuf();
  const std::string text = EnvironmentFile(existing.str(), environment);
  if (text == existing.str()) return Status::Ok();
  // Not for everybody: options may hold credentials.
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!file.valid()) return ErrnoStatus(errno, "cannot write " + path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return ErrnoStatus(errno, "cannot write " + path);
  return Status::Ok();
}

void NoteMasterFolders(const Config& config, bool keep_journal) {
  const std::string journal = config.GetString("alluxio.master.journal.folder");
  const auto blank = journal::IsBlankJournalFolder(io::Env::Posix(), journal);
  if (!keep_journal && blank.ok() && !*blank)
    Note(
        fmt::format("keeping the journal in {}, for only a blank folder is formatted; "
                    "`headpond format --force` empties it",
                    journal));
  const std::string root = config.GetString("alluxio.master.mount.table.root.ufs");
  if (root.starts_with('/') && access(root.c_str(), F_OK) == 0 && access(root.c_str(), W_OK) != 0)
    Note(
        fmt::format("the under-store {} can't be written by user {}, so files can't be persisted; "
                    "change its owner on the host (chown {}), or start with -u",
                    root, geteuid(), geteuid()));
}

void NoteName(const std::string& role, const Config& config) {
  NameFacts facts{.property =
                      role == "master" ? "alluxio.master.hostname" : "alluxio.worker.hostname"};
  facts.name = config.Find(facts.property).value_or(LocalHostName());
  facts.is_own_name = facts.name == LocalHostName();
  facts.own_network = HasOwnNetwork();
  facts.addresses = Resolve(facts.name);
  if (const std::string advice = NameAdvice(facts); !advice.empty()) Note(advice);
}

Result<std::vector<std::string>> Prepare(const Start& start) {
  const Environment environment = ProcessEnvironment();
  ASSIGN_OR_RETURN(
      const Config config,
      Config::Load({.role = start.role, .environment = environment, .arguments = start.options}));
  if (const Status written =
          WriteEnvironmentFile(config.GetString("alluxio.conf.dir"), environment);
      !written.ok())
    Note(written.message() + "; `docker exec` still has the options, from the environment");
  NoteName(start.role, config);
  std::vector<std::string> options = start.options;
  if (start.role == "master") {
    NoteMasterFolders(config, start.keep_journal);
  } else {
    ASSIGN_OR_RETURN(const std::vector<std::string> more,
                     MemoryTierOptions(config, ProbeFolder, MachineFacts::Detect().memory_bytes));
    options.insert(options.end(), more.begin(), more.end());
  }
  return options;
}

}  // namespace

int EntrypointMain(std::span<const std::string> words) {
  if (!words.empty() && (words.front() == "--help" || words.front() == "help")) {
    fmt::print("{}", StartUsage());
    return 0;
  }
  const auto start = ParseStart(words);
  if (!start.ok()) {
    Note(start.status().message());
    if (start.status().code() == Code::kInvalidArgument) fmt::print(stderr, "\n{}", StartUsage());
    return 1;
  }
  const auto options = Prepare(*start);
  if (!options.ok()) {
    Note(options.status().message());
    return 1;
  }
  return start->role == "master" ? master::MasterMain(*options) : worker::WorkerMain(*options);
}

}  // namespace headpond::container
