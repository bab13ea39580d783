#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "cache/block_files.h"

namespace headpond::cache {

enum class FileOperation {
  kPrepare,
  kProbe,
  kCreate,
  kWrite,
  kPublish,
  kPublishSynced,  // to survive the machine
  kOpen,
  kRead,
  kRemove
};

// What a test wants of the file operations. Thread safe.
class FileFaults {
 public:
  // Called before each operation, on the thread that does it and with no lock held; what it returns
  // is the operation's outcome unless OK. May block: that is a slow disk.
  using Hook = std::function<Status(FileOperation operation, const std::string& path)>;
  void SetHook(Hook hook) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    hook_ = std::move(hook);
  }
  // Every operation on paths that begin with `prefix` fails with Internal, as a dead disk does.
  void FailBelow(std::string prefix) {
    SetHook([prefix = std::move(prefix)](FileOperation, const std::string& path) {
      if (!path.starts_with(prefix)) return Status::Ok();
      return Internal("{}: Input/output error", path);
    });
  }
  Status Enter(FileOperation operation, const std::string& path) EXCLUDES(mutex_) {
    Hook hook;
    {
      MutexLock lock(mutex_);
      hook = hook_;
    }
    return hook ? hook(operation, path) : Status::Ok();
  }

 private:
  Mutex mutex_;
  Hook hook_ GUARDED_BY(mutex_);
};

// The real files behind the faults.
class FaultyBlockFiles final : public BlockFiles {
 public:
  explicit FaultyBlockFiles(std::shared_ptr<FileFaults> faults) : faults_(std::move(faults)) {}

  Result<DirectoryScan> Prepare(const BlockLayout& layout) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kPrepare, layout.directory));
    return base_->Prepare(layout);
  }
  Status Probe(const BlockLayout& layout) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kProbe, layout.directory));
    return base_->Probe(layout);
  }
  Result<UniqueFd> CreateTemporary(const BlockLayout& layout, const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kCreate, path));
    return base_->CreateTemporary(layout, path);
  }
  Status WriteAt(int fd, int64_t offset, std::string_view data, const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kWrite, path));
    return base_->WriteAt(fd, offset, data, path);
  }
  Result<int64_t> SizeOf(int fd, const std::string& path) override {
    return base_->SizeOf(fd, path);
  }
  Status Publish(int fd, int64_t length_bytes, const std::string& temporary_path,
                 const std::string& block_path, Survives survives) override {
    RETURN_IF_ERROR(faults_->Enter(
        survives == Survives::kMachine ? FileOperation::kPublishSynced : FileOperation::kPublish,
        block_path));
    return base_->Publish(fd, length_bytes, temporary_path, block_path, survives);
  }
  Result<OpenBlock> Open(const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kOpen, path));
    return base_->Open(path);
  }
  Result<size_t> ReadAt(int fd, int64_t offset, size_t length, char* buffer,
                        const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kRead, path));
    return base_->ReadAt(fd, offset, length, buffer, path);
  }
  Status Remove(const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(FileOperation::kRemove, path));
    return base_->Remove(path);
  }

 private:
  const std::unique_ptr<BlockFiles> base_ = BlockFiles::Posix();
  const std::shared_ptr<FileFaults> faults_;
};

}  // namespace headpond::cache
