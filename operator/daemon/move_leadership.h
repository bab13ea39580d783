#pragma once

#include <map>
#include <string>

#include "operator/controller/leadership.h"

namespace headpond::operator_daemon {

// controller::MoveLeadership by `headpond fsadmin journal quorum elect`, which speaks to the
// masters in their own protocol: an operator that held all of that itself would be a third larger
// in memory, for a call that is made once in a roll-out. `program` is the headpond binary.
controller::MoveLeadership LeadershipMover(std::string program,
                                           std::map<std::string, std::string> environment);

}  // namespace headpond::operator_daemon
