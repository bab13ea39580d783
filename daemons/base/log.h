#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace headpond {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

// Sends log lines to stderr and, with a path, also to a file that rotates at 10 MB keeping 10 (the
// sizes of stock's log4j.properties). Lines look like stock's: `2026-01-02 03:04:05,678 INFO  name -
// text` (compat/messages.md). Call once from a binary's entry point; before that only warnings and
// errors are printed. Thread safe after that.
void InitLogging(LogLevel level, const std::string& file_path = "");
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// `component` is a short lower-case name: "journal", "block-store". Never put secrets in `text`.
void LogLine(LogLevel level, std::string_view component, std::string_view text);

template <typename... Args>
void Log(LogLevel level, std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogLine(level, component, fmt::format(format, std::forward<Args>(args)...));
}

// LogInfo("journal", "replayed {} entries", count);
template <typename... Args>
void LogDebug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kDebug, component, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogInfo(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, component, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kWarn, component, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogError(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, component, format, std::forward<Args>(args)...);
}

}  // namespace headpond
