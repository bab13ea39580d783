#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/impl.h"
#include "proto/block_worker.pb.h"

namespace headpond::client {

// One block, or one under-store file, being written through a worker, front to back. Used by one
// thread at a time. Destroying it without a Commit that succeeded aborts it: the worker drops what
// it got.
class DataSink {
 public:
  virtual ~DataSink() = default;
  virtual Status Append(std::string_view data) = 0;
  // Durable as far as the worker's tier or the under-store is, and known to the master.
  virtual Status Commit() = 0;
  // What the under-store says the content is; "" when it says nothing. After Commit.
  virtual const std::string& content_hash() const = 0;
};

// How a block is to be stored.
struct BlockTarget {
  WorkerAddress worker;
  int64_t block_id = 0;
  int64_t block_size = 0;  // the most that will be written
  int tier = 0;
  bool pin = false;  // keep it until it is persisted
};

// Opens the block where it is cheapest: its file itself on this machine (short circuit), else a
// stream to the worker. Errors: Unavailable (no such worker), ResourceExhausted (no space),
// AlreadyExists.
Result<std::unique_ptr<DataSink>> OpenBlockSink(FileSystem::Impl& fs, const BlockTarget& target);

// Opens a file in the under-store.
Result<std::unique_ptr<DataSink>> OpenUfsSink(
    FileSystem::Impl& fs, const WorkerAddress& worker,
    const alluxio::proto::dataserver::CreateUfsFileOptions& options);

}  // namespace headpond::client
