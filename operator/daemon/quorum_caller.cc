#include "operator/daemon/quorum_caller.h"

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

controller::CallQuorum QuorumCaller(std::string program,
                                    std::map<std::string, std::string> environment) {
  return [program = std::move(program),
          environment = std::move(environment)](const controller::QuorumCall& call) -> Status {
    const bool elects = call.what == controller::QuorumCall::What::kElect;
    const std::string verb = elects ? "elect" : "remove";
    std::vector<std::string> arguments = {"fsadmin", "journal",  "quorum",
                                          verb,      "-address", call.address};
    if (!elects) arguments.insert(arguments.end(), {"-domain", "MASTER"});
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
    if (!outcome.ok())
      return outcome.status().WithContext("headpond fsadmin journal quorum " + verb);
    if (outcome->succeeded) return Status::Ok();
    return Unavailable("{}", OneLine(outcome->output));
  };
}

}  // namespace headpond::operator_daemon
