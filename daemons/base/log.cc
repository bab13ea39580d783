#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <vector>

namespace headpond {
namespace {

constexpr size_t kRotateBytes = 10 * 1000 * 1000;
constexpr size_t kRotatedFiles = 10;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace: return spdlog::level::trace;
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> MakeLogger(LogLevel level, const std::string& file_path) {
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  if (!file_path.empty())
    sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file_path, kRotateBytes,
                                                                           kRotatedFiles));
  auto logger = std::make_shared<spdlog::logger>("headpond", sinks.begin(), sinks.end());
  logger->set_pattern("%Y-%m-%d %H:%M:%S,%e %v");
  logger->set_level(ToSpdlog(level));
  logger->flush_on(spdlog::level::info);
  return logger;
}

std::shared_ptr<spdlog::logger>& Logger() {
  static std::shared_ptr<spdlog::logger> logger = MakeLogger(LogLevel::kWarn, "");
  return logger;
}

std::atomic<LogLevel> current_level{LogLevel::kWarn};

std::string_view LevelText(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace: return "TRACE";
    case LogLevel::kDebug: return "DEBUG";
    case LogLevel::kInfo: return "INFO ";
    case LogLevel::kWarn: return "WARN ";
    case LogLevel::kError: return "ERROR";
  }
  return "INFO ";
}

}  // namespace

void InitLogging(LogLevel level, const std::string& file_path) {
  Logger() = MakeLogger(level, file_path);
  current_level = level;
}

void SetLogLevel(LogLevel level) {
  current_level = level;
  Logger()->set_level(ToSpdlog(level));
}

bool LogEnabled(LogLevel level) {
  return level >= current_level.load(std::memory_order_relaxed);
}

void LogLine(LogLevel level, std::string_view component, std::string_view text) {
  Logger()->log(ToSpdlog(level), "{} {} - {}", LevelText(level), component, text);
}

}  // namespace headpond
