#include "cli/format.h"

#include <fmt/core.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <ctime>

namespace headpond::cli {
namespace {

// Code points past U+FFFF (four UTF-8 bytes) are two UTF-16 units, all others one.
size_t Utf16Length(std::string_view text) {
  size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;
    units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};
constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                 "Thursday", "Friday", "Saturday"};

std::string Number(int64_t value, size_t width) {
  return fmt::format("{:0{}}", value, width);
}

std::string Zone(const std::tm& time, char letter) {
  char text[16] = "";
  std::strftime(text, sizeof(text), letter == 'z' ? "%Z" : "%z", &time);
  return text;
}

std::string DateField(char letter, size_t count, const std::tm& time, int millis) {
  switch (letter) {
    case 'y':
      return count == 2 ? Number((time.tm_year + 1900) % 100, 2)
                        : Number(time.tm_year + 1900, count);
    case 'M':
      if (count >= 4) return kMonths[time.tm_mon];
      return count == 3 ? std::string(kMonths[time.tm_mon]).substr(0, 3)
                        : Number(time.tm_mon + 1, count);
    case 'd': return Number(time.tm_mday, count);
    case 'H': return Number(time.tm_hour, count);
    case 'h': return Number(time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12, count);
    case 'm': return Number(time.tm_min, count);
    case 's': return Number(time.tm_sec, count);
    case 'S': return Number(millis, count);
    case 'a': return time.tm_hour < 12 ? "AM" : "PM";
    case 'E':
      return count >= 4 ? kDays[time.tm_wday] : std::string(kDays[time.tm_wday]).substr(0, 3);
    case 'z':
    case 'Z': return Zone(time, letter);
    default: return std::string(count, letter);
  }
}

std::string FormatFields(std::string_view pattern, const std::tm& time, int millis) {
  std::string text;
  for (size_t i = 0; i < pattern.size();) {
    const char letter = pattern[i];
    if (letter == '\'') {
      const size_t close = pattern.find('\'', i + 1);
      if (close == i + 1) text += '\'';
      text += pattern.substr(i + 1, close == std::string_view::npos ? close : close - i - 1);
      if (close == std::string_view::npos) break;
      i = close + 1;
      continue;
    }
    size_t count = 1;
    while (i + count < pattern.size() && pattern[i + count] == letter) ++count;
    text += std::isalpha(static_cast<unsigned char>(letter))
                ? DateField(letter, count, time, millis)
                : std::string(count, letter);
    i += count;
  }
  return text;
}

std::string FormatWith(std::string_view pattern, int64_t time_ms,
                       std::tm* (*convert)(const std::time_t*, std::tm*)) {
  int64_t seconds = time_ms / 1000;
  int millis = static_cast<int>(time_ms % 1000);
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  const auto time = static_cast<std::time_t>(seconds);
  std::tm fields{};
  if (!convert(&time, &fields)) return fmt::format("{}", time_ms);
  return FormatFields(pattern, fields, millis);
}

}  // namespace

std::string PadRight(std::string_view text, size_t width) {
  const size_t length = Utf16Length(text);
  std::string padded(text);
  if (length < width) padded.append(width - length, ' ');
  return padded;
}

std::string PadLeft(std::string_view text, size_t width) {
  const size_t length = Utf16Length(text);
  std::string padded(length < width ? width - length : 0, ' ');
  return padded.append(text);
}

std::string FormatMode(bool folder, int mode, bool extended_acl) {
  std::string text(folder ? "d" : "-");
  for (int shift = 6; shift >= 0; shift -= 3) {
    const int bits = (mode >> shift) & 7;
    text += bits & 4 ? 'r' : '-';
    text += bits & 2 ? 'w' : '-';
    text += bits & 1 ? 'x' : '-';
  }
  if (extended_acl) text += '+';
  return text;
}

std::string FormatDate(std::string_view pattern, int64_t time_ms) {
  return FormatWith(pattern, time_ms, localtime_r);
}

std::string FormatDateUtc(std::string_view pattern, int64_t time_ms) {
  return FormatWith(pattern, time_ms, gmtime_r);
}

std::string FormatUptime(int64_t uptime_ms) {
  const int64_t seconds = uptime_ms / 1000;
  return fmt::format("{} day(s), {} hour(s), {} minute(s), and {} second(s)", seconds / 86400,
                     seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

std::string JavaDouble(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-3 || magnitude >= 1e7);
  char text[64];
  const auto end =
      std::to_chars(text, text + sizeof(text), value,
                    scientific ? std::chars_format::scientific : std::chars_format::fixed)
          .ptr;
  std::string printed(text, end);
  if (!scientific) return printed.find('.') == std::string::npos ? printed + ".0" : printed;
  // to_chars writes 1e+07 where Java writes 1.0E7.
  const size_t e = printed.find('e');
  std::string mantissa = printed.substr(0, e);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  int exponent = 0;
  const char* digits = printed.data() + e + (printed[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits, printed.data() + printed.size(), exponent);
  return fmt::format("{}E{}", mantissa, exponent);
}

int64_t Percent(int64_t part, int64_t whole, int64_t of_nothing) {
  if (whole == 0) return of_nothing;
  return static_cast<int64_t>(static_cast<__int128>(part) * 100 / whole);
}

}  // namespace headpond::cli
