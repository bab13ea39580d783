#pragma once

#include "operator/controller/quorum_call.h"
#include "operator/daemon/admin_call.h"

namespace headpond::operator_daemon {

// controller::CallQuorum by `headpond fsadmin journal quorum elect|remove`.
controller::CallQuorum QuorumCaller(AdminProgram program);

}  // namespace headpond::operator_daemon
