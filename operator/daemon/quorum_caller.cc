#include "operator/daemon/quorum_caller.h"

namespace headpond::operator_daemon {

controller::CallQuorum QuorumCaller(AdminProgram program) {
  return [program = std::move(program)](const controller::QuorumCall& call) -> Status {
    const bool elects = call.what == controller::QuorumCall::What::kElect;
    const std::string verb = elects ? "elect" : "remove";
    std::vector<std::string> words = {"journal", "quorum", verb, "-address", call.address};
    if (!elects) words.insert(words.end(), {"-domain", "MASTER"});
    const auto outcome = RunAdmin(program, std::move(words), call.access);
    if (!outcome.ok())
      return outcome.status().WithContext("headpond fsadmin journal quorum " + verb);
    if (outcome->succeeded) return Status::Ok();
    return Unavailable("{}", OneLine(outcome->output));
  };
}

}  // namespace headpond::operator_daemon
