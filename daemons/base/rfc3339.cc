#include "base/rfc3339.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace headpond {
namespace {

constexpr int64_t kMsPerSecond = 1000;
constexpr int64_t kMicrosPerMs = 1000;
constexpr int64_t kSecondsPerMinute = 60;

// Takes fields of fixed width off the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  bool Literal(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool NextIsDigit() const {
    return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }
  // `width` digits giving at most `max`.
  std::optional<int> Number(int width, int max) {
    int value = 0;
    for (int i = 0; i < width; ++i) {
      if (!NextIsDigit()) return std::nullopt;
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value <= max ? std::optional(value) : std::nullopt;
  }
  // The same with the literal before it.
  std::optional<int> Number(char before, int width, int max) {
    return Literal(before) ? Number(width, max) : std::nullopt;
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// Digits after the point as microseconds; nothing when there are none.
std::optional<int64_t> Fraction(FieldReader& reader) {
  if (!reader.NextIsDigit()) return std::nullopt;
  int64_t micros = 0;
  for (int64_t unit = 100'000; reader.NextIsDigit(); unit /= 10)
    micros += *reader.Number(1, 9) * unit;
  return micros;
}

// "Z" or "+01:30", in seconds east of UTC.
std::optional<int64_t> Offset(FieldReader& reader) {
  if (reader.Literal('Z')) return 0;
  const bool west = reader.Literal('-');
  if (!west && !reader.Literal('+')) return std::nullopt;
  const auto hours = reader.Number(2, 23);
  const auto minutes = reader.Number(':', 2, 59);
  if (!hours || !minutes) return std::nullopt;
  return (west ? -1 : 1) * kSecondsPerMinute * (*hours * 60 + *minutes);
}

}  // namespace

Instant Instant::FromMs(int64_t ms) {
  const int64_t below = (ms % kMsPerSecond + kMsPerSecond) % kMsPerSecond;
  return {.seconds = (ms - below) / kMsPerSecond, .micros = below * kMicrosPerMs};
}

std::string FormatRfc3339(int64_t ms_since_epoch) {
  const std::time_t seconds = Instant::FromMs(ms_since_epoch).seconds;
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

std::string FormatRfc3339Micros(const Instant& instant) {
  const std::time_t seconds = instant.seconds;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), instant.micros);
}

std::optional<Instant> ParseRfc3339(std::string_view text) {
  FieldReader reader(text);
  const auto year = reader.Number(4, 9999);
  const auto month = reader.Number('-', 2, 12);
  const auto day = reader.Number('-', 2, 31);
  const auto hour = reader.Number('T', 2, 23);
  const auto minute = reader.Number(':', 2, 59);
  const auto second = reader.Number(':', 2, 59);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const auto micros = reader.Literal('.') ? Fraction(reader) : std::optional<int64_t>(0);
  const auto offset = Offset(reader);
  if (!micros || !offset || !reader.AtEnd()) return std::nullopt;
  const std::chrono::seconds instant = std::chrono::sys_days(date).time_since_epoch() +
                                       std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                                       std::chrono::seconds(*second);
  return Instant{.seconds = instant.count() - *offset, .micros = *micros};
}

int64_t ParseRfc3339Ms(std::string_view text) {
  const auto instant = ParseRfc3339(text);
  return instant ? instant->ms() : 0;
}

}  // namespace headpond
