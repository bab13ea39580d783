#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "cache/block_store.h"

namespace headpond::worker {

// Whether the block's file is on tmpfs or ramfs, so that reading it waits for no device.
bool IsInMemory(const cache::BlockReader& reader);

// A block's file in this process's address space, so that what is sent to a reader is not copied
// into a buffer first. Immutable; unmapped when the last owner goes, which may be after the block
// was removed.
//
// Only for files whose pages are in memory already (tmpfs, ramfs): reading others through a mapping
// would block threads that must not wait. The kernel is what reads the pages, in sendmsg: should
// somebody cut the file short meanwhile, that fails and the stream with it.
class MappedBlock {
 public:
  // Null when the file is elsewhere, shorter than the block, or can't be mapped: read it instead.
  static std::shared_ptr<const MappedBlock> Map(const cache::BlockReader& reader);
  ~MappedBlock();

  MappedBlock(const MappedBlock&) = delete;
  MappedBlock& operator=(const MappedBlock&) = delete;

  const char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  MappedBlock(const char* data, size_t size) : data_(data), size_(size) {}

  const char* const data_;
  const size_t size_;
};

}  // namespace headpond::worker
