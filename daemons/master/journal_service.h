#pragma once

#include <memory>

#include "base/random.h"
#include "master/file_system_service.h"
#include "master/quorum.h"

namespace headpond::master {

// JournalMasterClientService: `fsadmin journal quorum`. Without a quorum (null) its calls are
// refused in stock's words. What it stands on must outlive it.
std::unique_ptr<::grpc::Service> MakeJournalService(const ServiceDeps& deps, Quorum* quorum,
                                                    Random random);

}  // namespace headpond::master
