#pragma once

#include <cstddef>

#include "client/impl.h"
#include "client/types.h"
#include "proto/dataserver.pb.h"

namespace headpond::client {

// Whether a worker without a copy of the file's blocks could still read them.
inline bool InUnderStore(const FileInfo& info) {
  return info.persisted || info.persistence_state == "TO_BE_PERSISTED";
}

// Where a worker finds the file's block number `index` outside its own tiers.
alluxio::proto::dataserver::OpenUfsBlockOptions UfsOptions(const FileSystem::Impl& fs,
                                                           const FileInfo& info, size_t index,
                                                           ReadType type);

}  // namespace headpond::client
