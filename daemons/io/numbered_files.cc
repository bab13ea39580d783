#include "io/numbered_files.h"

#include <fmt/core.h>

#include <charconv>

namespace headpond::io {
namespace {

constexpr size_t kDigits = 20;  // of the largest 64-bit number

}  // namespace

std::string NumberedPath(const std::string& folder, uint64_t number, std::string_view suffix) {
  return fmt::format("{}/{:020}{}", folder, number, suffix);
}

std::optional<uint64_t> NumberOf(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  uint64_t number = 0;
  const char* end = name.data() + kDigits;
  const auto [parsed, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return number;
}

}  // namespace headpond::io
