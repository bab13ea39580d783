#pragma once

#include "base/worker_address.h"

namespace alluxio::grpc {
class WorkerNetAddress;
}

namespace headpond::net {

// The one translation between a worker's address and its message (compat/wire.md), for every side
// of the wire.
WorkerAddress FromWire(const ::alluxio::grpc::WorkerNetAddress& wire);

// `out` should be empty. An address without a locality goes out as ("node", host): an empty one
// makes stock's LocalFirstPolicy throw (compat/behaviour.md section 0, rule 11).
void ToWire(const WorkerAddress& address, ::alluxio::grpc::WorkerNetAddress* out);

}  // namespace headpond::net
