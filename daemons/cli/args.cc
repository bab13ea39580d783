#include "cli/args.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace headpond::cli {
namespace {

bool IsNegativeNumber(std::string_view word) {
  if (word.size() < 2 || word[0] != '-') return false;
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size();
}

bool LooksLikeOption(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && !IsNegativeNumber(word);
}

const OptionSpec* ByLetter(std::span<const OptionSpec> specs, std::string_view letter) {
  const auto found =
      std::ranges::find_if(specs, [&](const OptionSpec& spec) { return spec.letter == letter; });
  return found == specs.end() || letter.empty() ? nullptr : &*found;
}

// Exact, or the only name that starts with `name`.
const OptionSpec* ByName(std::span<const OptionSpec> specs, std::string_view name) {
  const OptionSpec* found = nullptr;
  if (name.empty()) return nullptr;
  for (const OptionSpec& spec : specs) {
    if (spec.name == name) return &spec;
    if (!spec.name.starts_with(name)) continue;
    if (found) return nullptr;
    found = &spec;
  }
  return found;
}

// One word that starts with a dash, resolved.
struct Match {
  std::vector<const OptionSpec*> options;  // several when flags are bundled
  std::optional<std::string_view> value;   // glued to the option
};

std::optional<Match> Resolve(std::span<const OptionSpec> specs, std::string_view word) {
  const bool is_long = word.starts_with("--");
  std::string_view body = word.substr(is_long ? 2 : 1);
  std::optional<std::string_view> value;
  std::string_view name = body;
  if (const size_t equals = body.find('='); equals != std::string_view::npos) {
    name = body.substr(0, equals);
    value = body.substr(equals + 1);
  }
  // After one dash a letter wins and a single character is never the start of a name.
  const OptionSpec* spec = is_long ? ByName(specs, name) : ByLetter(specs, name);
  if (!spec)
    spec = is_long ? ByLetter(specs, name) : name.size() > 1 ? ByName(specs, name) : nullptr;
  if (spec) {
    if (value && spec->value.empty()) return std::nullopt;
    return Match{{spec}, value};
  }
  if (is_long) return std::nullopt;
  // -c5: the value glued to a one-letter option.
  if (const OptionSpec* first = ByLetter(specs, body.substr(0, 1)); first && !first->value.empty())
    return Match{{first}, body.substr(1)};
  // -hR: flags in one word.
  Match bundle;
  for (size_t i = 0; i < body.size(); ++i) {
    const OptionSpec* flag = ByLetter(specs, body.substr(i, 1));
    if (!flag || !flag->value.empty()) return std::nullopt;
    bundle.options.push_back(flag);
  }
  return bundle.options.empty() ? std::nullopt : std::make_optional(bundle);
}

}  // namespace

Result<Args> Args::Parse(std::span<const OptionSpec> specs, std::span<const std::string> words) {
  Args args;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      args.positional_.insert(args.positional_.end(), words.begin() + static_cast<ptrdiff_t>(i) + 1,
                              words.end());
      break;
    }
    if (!LooksLikeOption(word)) {
      args.positional_.push_back(word);
      continue;
    }
    const std::optional<Match> match = Resolve(specs, word);
    if (!match) return InvalidArgument("Unrecognized option: {}", word);
    for (const OptionSpec* spec : match->options) {
      auto& values = args.options_[std::string(spec->key())];
      if (spec->value.empty()) continue;
      if (match->value) {
        values.emplace_back(*match->value);
      } else if (i + 1 < words.size() && !LooksLikeOption(words[i + 1])) {
        values.push_back(words[++i]);
      } else {
        return InvalidArgument("Missing argument for option: {}", spec->key());
      }
    }
  }
  std::vector<std::string_view> missing;
  for (const OptionSpec& spec : specs)
    if (spec.required && !args.Has(spec.key())) missing.push_back(spec.key());
  if (!missing.empty()) {
    std::string text =
        missing.size() == 1 ? "Missing required option: " : "Missing required options: ";
    for (size_t i = 0; i < missing.size(); ++i) text.append(i ? ", " : "").append(missing[i]);
    return Status(Code::kInvalidArgument, text);
  }
  return args;
}

std::optional<std::string> Args::Value(std::string_view key) const {
  const auto found = options_.find(key);
  if (found == options_.end() || found->second.empty()) return std::nullopt;
  return found->second.front();
}

std::string Args::ValueOr(std::string_view key, std::string_view other) const {
  return Value(key).value_or(std::string(other));
}

std::vector<std::string> Args::Values(std::string_view key) const {
  const auto found = options_.find(key);
  return found == options_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace headpond::cli
