#pragma once

#include <map>
#include <string>

#include "operator/controller/quorum_call.h"

namespace headpond::operator_daemon {

// controller::CallQuorum by `headpond fsadmin journal quorum elect|remove`, which speaks to the
// masters in their own protocol: an operator that held all of that itself would be a third larger
// in memory, for calls that are made once in a roll-out. `program` is the headpond binary.
controller::CallQuorum QuorumCaller(std::string program,
                                    std::map<std::string, std::string> environment);

}  // namespace headpond::operator_daemon
