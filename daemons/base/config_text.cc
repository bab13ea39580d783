// The two texts that properties come in: java.util.Properties files and *_JAVA_OPTS.

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/config.h"

namespace headpond {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}
bool IsShellBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view TrimFront(std::string_view text) {
  return text.substr(std::min(
      text.size(), static_cast<size_t>(std::ranges::find_if_not(text, IsBlank) - text.begin())));
}

struct LogicalLine {
  std::string text;  // continuations joined, escapes still in place
  size_t number = 0;
};

// Takes one natural line off the front of `rest`, without its end (\n, \r or \r\n).
std::string_view TakeLine(std::string_view& rest) {
  const size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
  const std::string_view line = rest.substr(0, end);
  const size_t skip =
      rest.substr(end).starts_with("\r\n") ? 2 : std::min<size_t>(1, rest.size() - end);
  rest.remove_prefix(end + skip);
  return line;
}

// A line continues when it ends in an odd number of backslashes.
bool Continues(std::string_view line) {
  const size_t last = line.find_last_not_of('\\');
  return (line.size() - (last == line.npos ? 0 : last + 1)) % 2 == 1;
}

// Comments and empty lines left out. A comment never continues; a line of nothing but a
// continuation is as good as none, so a comment may follow it. All as in Java.
std::vector<LogicalLine> LogicalLines(std::string_view text) {
  std::vector<LogicalLine> lines;
  LogicalLine logical;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = TrimFront(TakeLine(text));
    if (logical.text.empty()) {
      if (line.empty() || line.front() == '#' || line.front() == '!') continue;
      logical.number = number;
    }
    const bool continues = Continues(line);
    logical.text += line.substr(0, line.size() - (continues ? 1 : 0));
    if (logical.text.empty() || (continues && !text.empty())) continue;
    lines.push_back(std::exchange(logical, {}));
  }
  return lines;
}

std::optional<uint32_t> ParseHex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (char c : text.substr(0, 4)) {
    if (!std::isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    const int lower = std::tolower(static_cast<unsigned char>(c));
    value = value * 16 + (lower <= '9' ? lower - '0' : lower - 'a' + 10);
  }
  return value;
}

void AppendUtf8(uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

constexpr bool IsHighSurrogate(uint32_t unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
constexpr bool IsLowSurrogate(uint32_t unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

// Appends the character of the \uXXXX (or surrogate pair of them) whose digits start at `at`, and
// returns the position behind it. Errors: InvalidArgument.
Result<size_t> AppendUnicodeEscape(std::string_view text, size_t at, std::string& out) {
  const std::optional<uint32_t> unit = ParseHex4(text.substr(at));
  if (!unit) return InvalidArgument("\\u needs four hexadecimal digits");
  at += 4;
  if (!IsHighSurrogate(*unit) && !IsLowSurrogate(*unit)) {
    AppendUtf8(*unit, out);
    return at;
  }
  const std::optional<uint32_t> low =
      text.substr(at).starts_with("\\u") ? ParseHex4(text.substr(at + 2)) : std::nullopt;
  if (!IsHighSurrogate(*unit) || !low || !IsLowSurrogate(*low))
    return InvalidArgument("\\u{:04x} is half of a surrogate pair", *unit);
  AppendUtf8(0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00), out);
  return at + 6;
}

Result<std::string> Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '\\' || at == text.size()) {
      out += c;
      continue;
    }
    const char escaped = text[at++];
    switch (escaped) {
      case 't': out += '\t'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 'f': out += '\f'; break;
      case 'u': {
        ASSIGN_OR_RETURN(at, AppendUnicodeEscape(text, at, out));
        break;
      }
      default: out += escaped;
    }
  }
  return out;
}

// Where the key ends: at the first =, : or blank that no backslash protects.
size_t KeyLength(std::string_view line) {
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
    } else if (line[at] == '=' || line[at] == ':' || IsBlank(line[at])) {
      return at;
    }
  }
  return line.size();
}

Result<std::pair<std::string, std::string>> ParseLogicalLine(std::string_view line) {
  const size_t key_length = KeyLength(line);
  std::string_view value = TrimFront(line.substr(key_length));
  if (value.starts_with('=') || value.starts_with(':')) value = TrimFront(value.substr(1));
  ASSIGN_OR_RETURN(std::string key, Unescape(line.substr(0, key_length)));
  ASSIGN_OR_RETURN(std::string unescaped, Unescape(value));
  return std::pair(std::move(key), std::move(unescaped));
}

// Appends the shell word that starts at `at`, and returns the position behind it.
Result<size_t> AppendShellWord(std::string_view text, size_t at, std::string& word) {
  char quote = 0;
  size_t quote_at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == 0 && IsShellBlank(c)) break;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      quote_at = at;
    } else if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      const char next = text[++at];
      // Between double quotes a backslash only protects what is special there.
      if (quote == '"' && next != '"' && next != '\\' && next != '$' && next != '`') word += c;
      word += next;
    } else {
      word += c;
    }
  }
  if (quote != 0) return InvalidArgument("the {} at offset {} is never closed", quote, quote_at);
  return at;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> ParseProperties(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> properties;
  for (const LogicalLine& line : LogicalLines(text)) {
    Result<std::pair<std::string, std::string>> property = ParseLogicalLine(line.text);
    if (!property.ok()) return property.status().WithContext(fmt::format("line {}", line.number));
    properties.push_back(*std::move(property));
  }
  return properties;
}

Result<std::vector<std::string>> SplitShellWords(std::string_view text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    if (IsShellBlank(text[at])) {
      ++at;
      continue;
    }
    ASSIGN_OR_RETURN(at, AppendShellWord(text, at, words.emplace_back()));
  }
  return words;
}

}  // namespace headpond
