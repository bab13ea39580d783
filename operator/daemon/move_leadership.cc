#include "operator/daemon/move_leadership.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>

#include "base/run_program.h"

namespace headpond::operator_daemon {
namespace {

// The operator has other clusters, too.
constexpr std::chrono::milliseconds kLimit{5000};
constexpr const char* kRetryFor = "500ms";

// What a command has printed, as one line.
std::string OneLine(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace

controller::MoveLeadership LeadershipMover(std::string program,
                                           std::map<std::string, std::string> environment) {
  return [program = std::move(program),
          environment = std::move(environment)](const controller::LeadershipCall& call) -> Status {
    std::vector<std::string> arguments = {"fsadmin", "journal",  "quorum",
                                          "elect",   "-address", call.to};
    const auto set = [&](std::string_view key, std::string_view value) {
      arguments.push_back(fmt::format("-D{}={}", key, value));
    };
    for (const auto& [key, value] : call.properties) set(key, value);
    set("alluxio.master.rpc.addresses", fmt::format("{}", fmt::join(call.masters, ",")));
    set("alluxio.user.rpc.retry.max.duration", kRetryFor);
    set("alluxio.user.conf.cluster.default.enabled", "false");
    const auto outcome = RunProgram({.program = program,
                                     .arguments = std::move(arguments),
                                     .environment = environment,
                                     .deadline = kLimit});
    if (!outcome.ok()) return outcome.status().WithContext("headpond fsadmin journal quorum elect");
    if (outcome->succeeded) return Status::Ok();
    return Unavailable("{}", OneLine(outcome->output));
  };
}

}  // namespace headpond::operator_daemon
