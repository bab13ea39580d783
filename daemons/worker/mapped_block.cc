#include "worker/mapped_block.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

namespace headpond::worker {

bool IsInMemory(const cache::BlockReader& reader) {
  struct statfs info {};
  return fstatfs(reader.fd(), &info) == 0 &&
         (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

std::shared_ptr<const MappedBlock> MappedBlock::Map(const cache::BlockReader& reader) {
  struct stat info {};
  if (reader.length() == 0 || !IsInMemory(reader) || fstat(reader.fd(), &info) != 0 ||
      info.st_size < reader.length())
    return nullptr;
  const auto size = static_cast<size_t>(reader.length());
  void* const data = mmap(nullptr, size, PROT_READ, MAP_SHARED, reader.fd(), 0);
  if (data == MAP_FAILED) return nullptr;
  return std::shared_ptr<const MappedBlock>(new MappedBlock(static_cast<const char*>(data), size));
}

MappedBlock::~MappedBlock() {
  munmap(const_cast<char*>(data_), size_);
}

}  // namespace headpond::worker
