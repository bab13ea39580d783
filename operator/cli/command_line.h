#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/cli/convert_options.h"

namespace headpond::operator_cli {

struct UpArguments {
  std::string file;  // "-": standard input
  bool wait = false;
  std::chrono::milliseconds timeout{60'000};
  std::optional<int> port_base;
  bool dry_run = false;
  std::string output;  // of a dry run: "", "json", "yaml"
};

struct DownArguments {
  std::vector<std::string> names;
  std::string name_space;
  bool all = false;
  bool delete_data = false;
  bool wait = true;
  std::chrono::milliseconds timeout{60'000};
};

struct StatusArguments {
  std::vector<std::string> names;
  std::string name_space;
  std::string output;  // "", "json", "yaml"
};

struct ConvertArguments {
  std::string file;  // "-": standard input
  ConvertOptions options;
  bool strict = false;
};

// A command line that was read, or the code to exit with at once because it asked for help
// (printed) or was wrong (said so).
template <typename Arguments>
struct Parsed {
  std::optional<Arguments> arguments;
  int exit_code = 0;
};

Parsed<UpArguments> ParseUp(std::span<const std::string> words);
// `headpond-operator plan`: what `up --dry-run` is, without the words for the rest.
Parsed<UpArguments> ParsePlan(std::span<const std::string> words);
Parsed<DownArguments> ParseDown(std::span<const std::string> words);
Parsed<ConvertArguments> ParseConvert(std::span<const std::string> words);
Parsed<StatusArguments> ParseStatusCommand(std::span<const std::string> words);

}  // namespace headpond::operator_cli
