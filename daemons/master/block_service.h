#pragma once

#include <memory>

#include "master/file_system_service.h"

namespace headpond::master {

// BlockMasterClientService: workers, capacity and block places, for clients and `fsadmin report`.
std::unique_ptr<::grpc::Service> MakeBlockClientService(const ServiceDeps& deps);

// BlockMasterWorkerService: registration, heartbeats and commits of workers (compat/behaviour.md
// section 9).
std::unique_ptr<::grpc::Service> MakeBlockWorkerService(const ServiceDeps& deps);

}  // namespace headpond::master
