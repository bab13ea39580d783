#pragma once

#include <memory>

#include "master/file_system_service.h"
#include "master/persist_scheduler.h"

namespace headpond::master {

// FileSystemMasterWorkerService: what workers ask about files and mounts, and the exchange of
// persist work for results.
std::unique_ptr<::grpc::Service> MakeFileSystemWorkerService(const ServiceDeps& deps,
                                                             PersistScheduler& persist);

}  // namespace headpond::master
