#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"

// What happens in a container between its start and the role's own main, so that the `docker run`
// lines and charts written for stock images work (compat/behaviour.md section 16).
namespace headpond::container {

using Environment = std::map<std::string, std::string>;

// The words after the image's name.
struct Start {
  std::string role;  // "master" or "worker": what is run
  bool keep_journal = false;
  std::vector<std::string> options;  // -Dkey=value, passed on
};

// "master --no-format", "worker-only", ... Errors: Unimplemented, with what there is instead, for
// words of the stock image that this one doesn't have; InvalidArgument for all else.
Result<Start> ParseStart(std::span<const std::string> words);

// How to start the image: the answer to --help and to words that are wrong.
std::string_view StartUsage();

// The text of conf/alluxio-env.sh: `existing` with the part between our two marker lines replaced,
// or added at the end, by exports of those variables of the environment that stock's entry point
// passes on. A shell that reads it gets the values as they are, but for ${NAME}, which it expands.
std::string EnvironmentFile(std::string_view existing, const Environment& environment);

// What a folder's file system is.
struct FolderFacts {
  bool in_memory = false;      // tmpfs: what lies there is charged to the container's memory
  int64_t capacity_bytes = 0;  // of the whole file system
  bool operator==(const FolderFacts&) const = default;
};
// nullopt when the folder can't be looked at.
using FolderProbe = std::function<std::optional<FolderFacts>(const std::string& path)>;

// The -D options that a worker gets in a container: a memory tier without a folder lies in
// /dev/shm, and without a size takes all of it. Errors: InvalidArgument, with the sizes and the
// remedy, for tiers that are larger than the memory file systems they lie in, or than
// `memory_limit_bytes` allows.
Result<std::vector<std::string>> MemoryTierOptions(const Config& config, const FolderProbe& probe,
                                                   int64_t memory_limit_bytes);

// How a name looks from inside the container.
struct NameFacts {
  std::string name;                    // host name or address that others are told
  std::string property;                // the one that sets it
  bool is_own_name = false;            // the container's own host name
  bool own_network = false;            // not the host's network
  std::vector<std::string> addresses;  // what it resolves to here; empty: nothing
};

// What to say about a name that others may not be able to resolve, with the remedy; "" when nothing
// speaks against it.
std::string NameAdvice(const NameFacts& facts);

// The program `headpond entrypoint`: checks, says what is odd on stderr, then runs the role in this
// process until SIGTERM. Returns the exit code.
int EntrypointMain(std::span<const std::string> words);

}  // namespace headpond::container
