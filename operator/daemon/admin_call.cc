#include "operator/daemon/admin_call.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>

namespace headpond::operator_daemon {
namespace {

constexpr std::chrono::milliseconds kLimit{5000};
constexpr const char* kRetryFor = "500ms";

}  // namespace

std::string OneLine(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

Result<ProgramOutcome> RunAdmin(const AdminProgram& program, std::vector<std::string> words,
                                const controller::MasterAccess& access) {
  words.insert(words.begin(), "fsadmin");
  const auto set = [&](std::string_view key, std::string_view value) {
    words.push_back(fmt::format("-D{}={}", key, value));
  };
  for (const auto& [key, value] : access.properties) set(key, value);
  set("alluxio.master.rpc.addresses", fmt::format("{}", fmt::join(access.masters, ",")));
  set("alluxio.user.rpc.retry.max.duration", kRetryFor);
  set("alluxio.user.conf.cluster.default.enabled", "false");
  return RunProgram({.program = program.path,
                     .arguments = std::move(words),
                     .environment = program.environment,
                     .deadline = kLimit});
}

}  // namespace headpond::operator_daemon
