#pragma once

#include "base/result.h"
#include "operator/plan/workload.h"

namespace headpond::runtime {

// OK when the daemon could listen on all its ports now. FailedPrecondition naming the port, who
// holds it and the field to change otherwise.
Status CheckPortsAreFree(const plan::Workload& workload);

}  // namespace headpond::runtime
