#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/env.h"

namespace headpond::io {

// Shows the files of another Env, and changes nothing: what is written goes nowhere, and says that
// it worked. So the code that repairs and goes on can be asked what it would find. Beside whoever
// uses the files. Thread safe.
class DryRunEnv : public Env {
 public:
  explicit DryRunEnv(Env& base) : base_(base) {}

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                     OpenMode mode) override;
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    return base_.OpenForRead(path);
  }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    return base_.List(directory);
  }
  Result<bool> Exists(const std::string& path) override { return base_.Exists(path); }
  Status CreateDirectories(const std::string&) override { return Status::Ok(); }
  Status Remove(const std::string&) override { return Status::Ok(); }
  Status Rename(const std::string&, const std::string&) override { return Status::Ok(); }
  Status SyncDirectory(const std::string&) override { return Status::Ok(); }
  Status Truncate(const std::string&, int64_t) override { return Status::Ok(); }
  Status RewriteTail(const std::string&, int64_t) override { return Status::Ok(); }
  Result<std::unique_ptr<FileLock>> Lock(const std::string&) override {
    return std::make_unique<FileLock>();
  }

 private:
  Env& base_;
};

}  // namespace headpond::io
