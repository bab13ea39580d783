#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/block_store.h"
#include "proto/block_worker.pb.h"
#include "worker/block_service.h"

namespace headpond::worker {

// Where the data of one WriteBlock stream goes. Used by one thread at a time. Destroying it
// unfinished aborts it: nothing of it is ever seen.
class WriteTarget {
 public:
  virtual ~WriteTarget() = default;
  virtual Status Append(std::string_view data) = 0;
  virtual int64_t position() const = 0;
  // Makes it visible and, for a block, known to the master. The content hash of an under-store
  // file, else "".
  virtual Result<std::string> Finish() = 0;
};

// What the first command of a stream asks for: ALLUXIO_BLOCK and UFS_FALLBACK_BLOCK write a block,
// UFS_FILE a file of an under-store. Errors: InvalidArgument (negative id, missing options), those
// of BlockStore::Create and Ufs::Create.
Result<std::unique_ptr<WriteTarget>> OpenWriteTarget(
    const BlockServiceDeps& deps, const ::alluxio::grpc::block::WriteRequestCommand& command);

}  // namespace headpond::worker
