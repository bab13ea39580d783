// Checks one value against its row of the property table.

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/config.h"

namespace headpond {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::vector<std::string_view> SplitList(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(Trim(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The bounds in PropertyDef::allowed, as far as given: "0..65535", "1..".
template <typename Number>
struct Range {
  Number least;
  Number most;
};

template <typename Number>
Range<Number> RangeOf(std::string_view allowed, Range<Number> widest) {
  const size_t dots = allowed.find("..");
  if (dots == allowed.npos) return widest;
  return {ParseNumber<Number>(allowed.substr(0, dots)).value_or(widest.least),
          ParseNumber<Number>(allowed.substr(dots + 2)).value_or(widest.most)};
}

// All of these return the value in its one spelling, or an InvalidArgument that says what to write.

Result<std::string> CheckBoolean(std::string_view value) {
  for (std::string_view known : {"true", "false"})
    if (EqualsIgnoringCase(value, known)) return std::string(known);
  return InvalidArgument("it must be true or false");
}

Result<std::string> CheckInteger(std::string_view value, std::string_view allowed,
                                 Range<int64_t> widest) {
  const Range<int64_t> range = RangeOf(allowed, widest);
  const std::optional<int64_t> number = ParseNumber<int64_t>(value);
  if (!number || *number < range.least || *number > range.most)
    return InvalidArgument("it must be a whole number from {} to {}", range.least, range.most);
  return std::to_string(*number);
}

Result<std::string> CheckDouble(std::string_view value, std::string_view allowed) {
  constexpr double kHuge = std::numeric_limits<double>::infinity();
  const Range<double> range = RangeOf<double>(allowed, {-kHuge, kHuge});
  const std::optional<double> number = ParseNumber<double>(value);
  if (!number || !std::isfinite(*number))
    return InvalidArgument("it must be a number such as 0.95");
  if (*number < range.least || *number > range.most)
    return InvalidArgument("it must be a number from {} to {}", range.least, range.most);
  return std::string(value);
}

Result<std::string> CheckOneOf(std::string_view value, std::string_view allowed) {
  const std::vector<std::string_view> known = SplitList(allowed);
  const auto match =
      std::ranges::find_if(known, [&](auto name) { return EqualsIgnoringCase(name, value); });
  if (match != known.end()) return std::string(*match);
  std::string names;
  for (std::string_view name : known) names.append(names.empty() ? "" : ", ").append(name);
  return InvalidArgument("it must be one of {}", names);
}

Result<std::string> CheckList(std::string_view value, std::string_view allowed) {
  if (allowed == "sizes") {
    for (std::string_view part : SplitList(value)) {
      if (part.empty()) continue;
      if (const Result<int64_t> size = ParseSize(part); !size.ok()) return size.status();
    }
  }
  return std::string(value);
}

Result<std::string> CheckText(std::string_view value, std::string_view allowed) {
  if (allowed == "octal") {
    const bool octal = !value.empty() && value.size() <= 4 &&
                       std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '7'; });
    if (!octal) return InvalidArgument("it must be an octal number such as 022");
  } else if (allowed == "permissions") {
    constexpr std::string_view kAll = "rwxrwxrwx";
    bool good = value.size() == kAll.size();
    for (size_t i = 0; good && i < kAll.size(); ++i) good = value[i] == kAll[i] || value[i] == '-';
    if (!good) return InvalidArgument("it must be permissions such as rwxr-x---");
  } else if (!allowed.empty()) {
    return CheckOneOf(value, allowed);
  }
  return std::string(value);
}

Result<std::string> Check(const PropertyDef& def, std::string_view value) {
  switch (def.type) {
    case PropertyType::kBoolean: return CheckBoolean(value);
    case PropertyType::kInteger:
      return CheckInteger(
          value, def.allowed,
          {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()});
    case PropertyType::kLong:
      return CheckInteger(
          value, def.allowed,
          {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()});
    case PropertyType::kDouble: return CheckDouble(value, def.allowed);
    case PropertyType::kEnum: return CheckOneOf(value, def.allowed);
    case PropertyType::kDataSize: {
      const Result<int64_t> size = ParseSize(value);
      return size.ok() ? Result<std::string>(std::string(value)) : size.status();
    }
    case PropertyType::kDuration: {
      const Result<std::chrono::milliseconds> time = ParseDuration(value);
      return time.ok() ? Result<std::string>(std::string(value)) : time.status();
    }
    case PropertyType::kList: return CheckList(value, def.allowed);
    case PropertyType::kClass:
    case PropertyType::kString: return CheckText(value, def.allowed);
  }
  return std::string(value);
}

}  // namespace

Result<std::string> CheckPropertyValue(const PropertyDef& def, std::string_view key,
                                       std::string_view value) {
  const bool verbatim = def.type == PropertyType::kString && def.allowed.empty();
  Result<std::string> checked = Check(def, verbatim ? value : Trim(value));
  if (checked.ok()) return checked;
  constexpr size_t kShownBytes = 128;
  const std::string_view shown = IsCredential(key) ? "******" : value.substr(0, kShownBytes);
  return InvalidArgument("property {}={}: {}", key, shown, checked.status().message());
}

}  // namespace headpond
