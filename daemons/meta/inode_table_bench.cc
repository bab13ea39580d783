// What a million files cost: bytes by the table's own books and by the allocator's, and time per
// operation.   inode_table_bench [FILES] [FILES_PER_DIRECTORY]

#include <fmt/core.h>
#include <malloc.h>

#include <chrono>
#include <cstdlib>

#include "meta/inode_table.h"

namespace {

using headpond::meta::FileIdOfContainer;
using headpond::meta::Inode;
using headpond::meta::InodeRecord;
using headpond::meta::InodeTable;
using headpond::meta::kRootId;

size_t AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

class Stopwatch {
 public:
  void Report(const char* what, int64_t count) {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    fmt::print("{:<28}{:>10.0f} ns each\n", what, seconds * 1e9 / static_cast<double>(count));
    start_ = std::chrono::steady_clock::now();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

InodeRecord MakeDirectory(int64_t id) {
  InodeRecord directory;
  directory.id = id;
  directory.parent_id = id == kRootId ? headpond::meta::kNoInode : kRootId;
  if (id != kRootId) directory.name = fmt::format("directory-{}", id);
  directory.owner = directory.group = "root";
  return directory;
}

InodeRecord MakeFile(int64_t number, int64_t directory, bool persisted) {
  InodeRecord file;
  file.id = FileIdOfContainer(number);
  file.parent_id = directory;
  file.name = fmt::format("part-{:07}.parq", number);  // 17 bytes
  file.owner = file.group = "root";
  file.mode = 0644;
  file.creation_ms = file.modification_ms = file.access_ms = 1'700'000'000'000 + number;
  file.completed = true;
  file.length = number * 100;
  file.block_size = 64 << 20;
  file.block_count = 1;
  if (persisted) {
    file.persistence = headpond::meta::PersistenceState::kPersisted;
    file.fingerprint = fmt::format(
        "TYPE|FILE UFS|local OWNER|root GROUP|root MODE|420 CONTENT_HASH|(len:{},_modtime:{}) ",
        file.length, file.creation_ms);
  }
  return file;
}

void Run(int64_t files, int64_t per_directory, bool persisted) {
  fmt::print("{} files, {} in a directory, {}\n", files, per_directory,
             persisted ? "persisted, with fingerprint" : "not persisted");
  const size_t before = AllocatedBytes();
  InodeTable table;
  table.Put(MakeDirectory(kRootId));
  Stopwatch watch;
  // Files take turns over the directories, so names arrive in order but directories do not.
  const int64_t directories = (files + per_directory - 1) / per_directory;
  for (int64_t i = 1; i <= directories; ++i) table.Put(MakeDirectory(i));
  for (int64_t i = 1; i <= files; ++i) table.Put(MakeFile(i, 1 + i % directories, persisted));
  watch.Report("create", files);
  fmt::print("{:<28}{:>10.1f} bytes per file\n", "memory, own books",
             static_cast<double>(table.MemoryBytes()) / static_cast<double>(files));
  fmt::print("{:<28}{:>10.1f} bytes per file\n", "memory, allocator",
             static_cast<double>(AllocatedBytes() - before) / static_cast<double>(files));
  watch = Stopwatch();
  int64_t found = 0;
  for (int64_t i = 1; i <= files; ++i) {
    const int64_t number = i * 7919 % files + 1;
    const Inode directory =
        table.root().child(fmt::format("directory-{}", 1 + number % directories));
    if (directory.child(fmt::format("part-{:07}.parq", number))) ++found;
  }
  watch.Report("look up by path, random", files);
  if (found != files) std::abort();
  int64_t seen = 0;
  for (int64_t i = 1; i <= directories; ++i) {
    table.ForEachChild(table.Find(i), {}, [&](Inode child) {
      seen += child.length() >= 0;
      return true;
    });
  }
  watch.Report("list", seen);
  std::vector<headpond::meta::InodeId> ids;
  for (int64_t i = 1; i <= files; ++i) ids.push_back(FileIdOfContainer(i * 7919 % files + 1));
  table.Remove(ids);
  watch.Report("remove, random order", files);
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t files = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  const int64_t per_directory = argc > 2 ? std::atoll(argv[2]) : 1000;
  Run(files, per_directory, false);
  Run(files, per_directory, true);
  Run(files, files, true);
  return 0;
}
