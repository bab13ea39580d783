#include "meta/fingerprint_code.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace headpond::meta {
namespace {

constexpr std::string_view kContentHash = "CONTENT_HASH|";
constexpr char kVerbatim = 0;
constexpr char kLengthAndTime = 1;

std::string LengthAndTime(uint64_t length, uint64_t time_ms) {
  return fmt::format("(len:{},_modtime:{}) ", length, time_ms);
}

// Reads a number and the literal behind it; moves `text` behind both.
std::optional<uint64_t> TakeNumber(std::string_view& text, std::string_view literal) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.starts_with(literal)) return std::nullopt;
  text.remove_prefix(literal.size());
  return value;
}

}  // namespace

void PutVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

uint64_t GetVarint(const char*& in) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*in++);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
}

SplitFingerprint SplitAtContentHash(std::string_view fingerprint) {
  const size_t at = fingerprint.find(kContentHash);
  if (at == std::string_view::npos) return {{}, fingerprint};
  const size_t end = at + kContentHash.size();
  return {fingerprint.substr(0, end), fingerprint.substr(end)};
}

std::string EncodeRest(std::string_view rest) {
  constexpr std::string_view kStart = "(len:";
  if (rest.starts_with(kStart)) {
    std::string_view text = rest.substr(kStart.size());
    const auto length = TakeNumber(text, ",_modtime:");
    const auto time_ms = length ? TakeNumber(text, ") ") : std::nullopt;
    // Only what reads back byte for byte: no leading zeros, nothing behind.
    if (time_ms && LengthAndTime(*length, *time_ms) == rest) {
      std::string code(1, kLengthAndTime);
      PutVarint(code, *length);
      PutVarint(code, *time_ms);
      return code;
    }
  }
  return std::string(1, kVerbatim).append(rest);
}

std::string DecodeRest(std::string_view code) {
  if (code.front() == kVerbatim) return std::string(code.substr(1));
  const char* in = code.data() + 1;
  const uint64_t length = GetVarint(in);
  return LengthAndTime(length, GetVarint(in));
}

std::optional<std::string_view> FingerprintField(std::string_view fingerprint,
                                                 std::string_view key) {
  while (!fingerprint.empty()) {
    const std::string_view pair = fingerprint.substr(0, fingerprint.find(' '));
    fingerprint.remove_prefix(std::min(fingerprint.size(), pair.size() + 1));
    const size_t bar = pair.find('|');
    if (bar != std::string_view::npos && pair.substr(0, bar) == key) return pair.substr(bar + 1);
  }
  return std::nullopt;
}

std::string WithField(std::string_view fingerprint, std::string_view key, std::string_view value) {
  const auto former = FingerprintField(fingerprint, key);
  if (!former) return std::string(fingerprint);
  std::string clean(value.empty() ? "_" : value);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c == ' ' || c == '|'; }, '_');
  std::string changed(fingerprint);
  return changed.replace(static_cast<size_t>(former->data() - fingerprint.data()), former->size(),
                         clean);
}

}  // namespace headpond::meta
