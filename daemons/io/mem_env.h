#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "io/env.h"

namespace headpond::io {

// Files in memory, for tests: nothing is ever lost and Sync does nothing. "/" exists from the
// start. Handles and locks stay usable while the MemEnv lives. Thread safe.
class MemEnv final : public Env {
 public:
  MemEnv() = default;

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                     OpenMode mode) override EXCLUDES(mutex_);
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override
      EXCLUDES(mutex_);
  Result<std::vector<std::string>> List(const std::string& directory) override EXCLUDES(mutex_);
  Result<bool> Exists(const std::string& path) override EXCLUDES(mutex_);
  Status CreateDirectories(const std::string& path) override EXCLUDES(mutex_);
  Status Remove(const std::string& path) override EXCLUDES(mutex_);
  Status Rename(const std::string& from, const std::string& to) override EXCLUDES(mutex_);
  Status SyncDirectory(const std::string& directory) override EXCLUDES(mutex_);
  Status Truncate(const std::string& path, int64_t size) override EXCLUDES(mutex_);
  Status RewriteTail(const std::string& path, int64_t offset) override EXCLUDES(mutex_);
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override EXCLUDES(mutex_);

  // Changes bytes in place, as a failing disk would: for tests of damage.
  Status Overwrite(const std::string& path, int64_t offset, std::string_view bytes)
      EXCLUDES(mutex_);

 private:
  struct Content;
  class Writer;
  class Reader;
  class Held;

  // Errors: NotFound, or InvalidArgument for a directory.
  Result<std::shared_ptr<Content>> Find(const std::string& path) const REQUIRES(mutex_);
  Status CheckParent(const std::string& path) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Content>> files_ GUARDED_BY(mutex_);
  std::set<std::string> directories_ GUARDED_BY(mutex_){"/"};
  std::set<std::string> held_ GUARDED_BY(mutex_);
};

}  // namespace headpond::io
