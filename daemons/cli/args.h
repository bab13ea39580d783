#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::cli {

// One option of a command, as stock 2.9.6 spells it.
struct OptionSpec {
  std::string_view letter;  // given after one dash; may be a word ("v2", "live"); "" = none
  std::string_view name;    // given after two dashes; "" = none
  std::string_view value;   // what to call its value in help; "" = a flag
  std::string_view help;
  bool required = false;

  std::string_view key() const { return letter.empty() ? name : letter; }
};

// The parsed words of one command line. A value type.
class Args {
 public:
  // Parses like the shells of 2.9 do, so that scripts keep working: options and arguments in any
  // order;
  // `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`; flags bundle (`-hR`); a long
  // name may be shortened while unique; `--` ends the options; a negative number is an argument,
  // not an option. Errors: InvalidArgument with the texts of 2.9 ("Unrecognized option: -Q",
  // "Missing argument for option: sort", "Missing required option: a").
  static Result<Args> Parse(std::span<const OptionSpec> specs, std::span<const std::string> words);

  // Options are asked for by key(): the letter if there is one, else the name.
  bool Has(std::string_view key) const { return options_.contains(key); }
  std::optional<std::string> Value(std::string_view key) const;  // the first one given
  std::string ValueOr(std::string_view key, std::string_view other) const;
  std::vector<std::string> Values(std::string_view key) const;
  size_t option_count() const { return options_.size(); }

  const std::vector<std::string>& positional() const { return positional_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
  std::vector<std::string> positional_;
};

}  // namespace headpond::cli
