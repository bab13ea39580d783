#include "io/mem_env.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace headpond::io {
namespace {

// The names directly in `directory` among sorted full paths.
template <typename Paths, typename KeyOf>
void CollectNames(const Paths& paths, const std::string& directory, KeyOf key_of,
                  std::vector<std::string>& names) {
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  for (auto it = paths.lower_bound(prefix); it != paths.end(); ++it) {
    const std::string& path = key_of(*it);
    if (path.compare(0, prefix.size(), prefix) != 0) break;
    if (path.size() > prefix.size() && path.find('/', prefix.size()) == std::string::npos)
      names.push_back(path.substr(prefix.size()));
  }
}

}  // namespace

struct MemEnv::Content {
  mutable Mutex mutex;
  std::string bytes GUARDED_BY(mutex);
};

class MemEnv::Writer final : public WritableFile {
 public:
  Writer(std::string path, std::shared_ptr<Content> content)
      : path_(std::move(path)), content_(std::move(content)) {}

  Status Append(std::string_view data) override {
    if (closed_) return FailedPrecondition("{} is closed", path_);
    MutexLock lock(content_->mutex);
    content_->bytes.append(data);
    return Status::Ok();
  }
  Status Preallocate(int64_t) override {
    return closed_ ? FailedPrecondition("{} is closed", path_) : Status::Ok();
  }
  Status Sync() override {
    return closed_ ? FailedPrecondition("{} is closed", path_) : Status::Ok();
  }
  Status Close() override {
    closed_ = true;
    return Status::Ok();
  }
  int64_t size() const override {
    MutexLock lock(content_->mutex);
    return static_cast<int64_t>(content_->bytes.size());
  }

 private:
  const std::string path_;
  const std::shared_ptr<Content> content_;
  bool closed_ = false;
};

class MemEnv::Reader final : public RandomAccessFile {
 public:
  explicit Reader(std::shared_ptr<Content> content) : content_(std::move(content)) {
    MutexLock lock(content_->mutex);
    size_ = static_cast<int64_t>(content_->bytes.size());
  }
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const override {
    if (offset < 0) return ErrnoStatus(EINVAL, "read");
    MutexLock lock(content_->mutex);
    const auto start = static_cast<size_t>(offset);
    if (start >= content_->bytes.size()) return size_t{0};
    return content_->bytes.copy(buffer, length, start);
  }
  int64_t size() const override { return size_; }

 private:
  const std::shared_ptr<Content> content_;
  int64_t size_ = 0;
};

class MemEnv::Held final : public FileLock {
 public:
  Held(MemEnv& env, std::string path) : env_(env), path_(std::move(path)) {}
  ~Held() override {
    MutexLock lock(env_.mutex_);
    env_.held_.erase(path_);
  }

 private:
  MemEnv& env_;
  const std::string path_;
};

Result<std::shared_ptr<MemEnv::Content>> MemEnv::Find(const std::string& path) const {
  const auto it = files_.find(path);
  if (it != files_.end()) return it->second;
  return ErrnoStatus(directories_.contains(path) ? EISDIR : ENOENT, "open " + path);
}

Status MemEnv::CheckParent(const std::string& path) const {
  const std::string parent = ParentDirectory(path);
  if (directories_.contains(parent)) return Status::Ok();
  return ErrnoStatus(files_.contains(parent) ? ENOTDIR : ENOENT, "open " + path);
}

Result<std::unique_ptr<WritableFile>> MemEnv::OpenForWrite(const std::string& path, OpenMode mode) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckParent(path));
  if (directories_.contains(path))
    return ErrnoStatus(mode == OpenMode::kCreate ? EEXIST : EISDIR, "open " + path);
  auto& content = files_[path];
  if (content != nullptr && mode == OpenMode::kCreate) return ErrnoStatus(EEXIST, "open " + path);
  if (content == nullptr) content = std::make_shared<Content>();
  if (mode == OpenMode::kTruncate) {
    MutexLock content_lock(content->mutex);
    content->bytes.clear();
  }
  return std::unique_ptr<WritableFile>(new Writer(path, content));
}

Result<std::unique_ptr<RandomAccessFile>> MemEnv::OpenForRead(const std::string& path) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(auto content, Find(path));
  return std::unique_ptr<RandomAccessFile>(new Reader(std::move(content)));
}

Result<std::vector<std::string>> MemEnv::List(const std::string& directory) {
  MutexLock lock(mutex_);
  if (!directories_.contains(directory))
    return ErrnoStatus(files_.contains(directory) ? ENOTDIR : ENOENT, "list " + directory);
  std::vector<std::string> names;
  CollectNames(
      files_, directory, [](const auto& item) -> const std::string& { return item.first; }, names);
  CollectNames(
      directories_, directory, [](const auto& item) -> const std::string& { return item; }, names);
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> MemEnv::Exists(const std::string& path) {
  MutexLock lock(mutex_);
  return files_.contains(path) || directories_.contains(path);
}

Status MemEnv::CreateDirectories(const std::string& path) {
  MutexLock lock(mutex_);
  std::vector<std::string> missing;
  for (std::string at = path; !directories_.contains(at); at = ParentDirectory(at)) {
    if (files_.contains(at)) return ErrnoStatus(ENOTDIR, "mkdir " + path);
    missing.push_back(at);
  }
  directories_.insert(missing.begin(), missing.end());
  return Status::Ok();
}

Status MemEnv::Remove(const std::string& path) {
  MutexLock lock(mutex_);
  if (files_.erase(path) > 0) return Status::Ok();
  if (!directories_.contains(path)) return ErrnoStatus(ENOENT, "remove " + path);
  const std::string prefix = path + "/";
  const auto file = files_.lower_bound(prefix);
  const auto directory = directories_.lower_bound(prefix);
  if ((file != files_.end() && file->first.compare(0, prefix.size(), prefix) == 0) ||
      (directory != directories_.end() && directory->compare(0, prefix.size(), prefix) == 0))
    return ErrnoStatus(ENOTEMPTY, "remove " + path);
  directories_.erase(path);
  return Status::Ok();
}

Status MemEnv::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  const std::string what = "rename " + from + " to " + to;
  ASSIGN_OR_RETURN(auto content, Find(from));
  RETURN_IF_ERROR(CheckParent(to));
  if (directories_.contains(to)) return ErrnoStatus(EISDIR, what);
  if (from == to) return Status::Ok();
  files_[to] = std::move(content);
  files_.erase(from);
  return Status::Ok();
}

Status MemEnv::SyncDirectory(const std::string& directory) {
  MutexLock lock(mutex_);
  return directories_.contains(directory) ? Status::Ok() : ErrnoStatus(ENOENT, "open " + directory);
}

Status MemEnv::Truncate(const std::string& path, int64_t size) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto content, Find(path));
  MutexLock content_lock(content->mutex);
  content->bytes.resize(static_cast<size_t>(size));
  return Status::Ok();
}

Status MemEnv::RewriteTail(const std::string& path, int64_t) {
  MutexLock lock(mutex_);
  return Find(path).status();
}

Result<std::unique_ptr<FileLock>> MemEnv::Lock(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckParent(path));
  if (!held_.insert(path).second) return Unavailable("{} is held by another owner", path);
  auto& content = files_[path];
  if (content == nullptr) content = std::make_shared<Content>();
  return std::unique_ptr<FileLock>(new Held(*this, path));
}

Status MemEnv::Overwrite(const std::string& path, int64_t offset, std::string_view bytes) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const auto content, Find(path));
  MutexLock content_lock(content->mutex);
  const auto start = static_cast<size_t>(offset);
  if (start + bytes.size() > content->bytes.size()) return ErrnoStatus(EINVAL, "overwrite " + path);
  std::memcpy(content->bytes.data() + start, bytes.data(), bytes.size());
  return Status::Ok();
}

}  // namespace headpond::io
