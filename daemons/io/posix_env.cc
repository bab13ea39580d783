#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <utility>

#include "io/env.h"

namespace headpond::io {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;
constexpr size_t kRewriteChunkBytes = 1 << 20;

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

template <typename Call>
auto RetryInterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Result<Descriptor> Open(const std::string& path, int flags) {
  Descriptor fd(
      RetryInterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kFileMode); }));
  if (!fd.valid()) return ErrnoStatus(errno, "open " + path);
  return fd;
}

Result<int64_t> SizeOf(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus(errno, "stat " + path);
  return int64_t{info.st_size};
}

Status WriteAll(int fd, int64_t offset, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t written = RetryInterrupted([&] {
      return ::pwrite(fd, data.data(), std::min<size_t>(data.size(), SSIZE_MAX), offset);
    });
    if (written < 0) return ErrnoStatus(errno, "write " + path);
    data.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return Status::Ok();
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor fd, int64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  Status Append(std::string_view data) override {
    RETURN_IF_ERROR(CheckOpen());
    RETURN_IF_ERROR(WriteAll(fd_.get(), size_, data, path_));
    size_ += static_cast<int64_t>(data.size());
    return Status::Ok();
  }

  Status Preallocate(int64_t bytes) override {
    RETURN_IF_ERROR(CheckOpen());
    const std::string zeros(static_cast<size_t>(bytes), '\0');
    preallocated_ = true;
    const Status filled = WriteAll(fd_.get(), size_, zeros, path_);
    if (!filled.ok()) RETURN_IF_ERROR(CutToSize());
    return filled;
  }

  Status Sync() override {
    RETURN_IF_ERROR(CheckOpen());
    if (RetryInterrupted([&] { return ::fdatasync(fd_.get()); }) != 0)
      return ErrnoStatus(errno, "fdatasync " + path_);
    return Status::Ok();
  }

  Status Close() override {
    if (fd_.valid() && preallocated_) {
      RETURN_IF_ERROR(CutToSize());
      RETURN_IF_ERROR(Sync());
    }
    // Not retried when interrupted: Linux has freed the descriptor by then.
    if (fd_.valid() && ::close(fd_.Release()) != 0 && errno != EINTR)
      return ErrnoStatus(errno, "close " + path_);
    return Status::Ok();
  }

  int64_t size() const override { return size_; }

 private:
  Status CheckOpen() const {
    return fd_.valid() ? Status::Ok() : FailedPrecondition("{} is closed", path_);
  }

  Status CutToSize() {
    if (RetryInterrupted([&] { return ::ftruncate(fd_.get(), size_); }) != 0)
      return ErrnoStatus(errno, "truncate " + path_);
    preallocated_ = false;
    return Status::Ok();
  }

  const std::string path_;
  Descriptor fd_;
  int64_t size_;
  bool preallocated_ = false;
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, Descriptor fd, int64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const override {
    size_t total = 0;
    while (total < length) {
      const ssize_t read = RetryInterrupted([&] {
        return ::pread(fd_.get(), buffer + total, std::min<size_t>(length - total, SSIZE_MAX),
                       offset + static_cast<int64_t>(total));
      });
      if (read < 0) return ErrnoStatus(errno, "read " + path_);
      if (read == 0) break;
      total += static_cast<size_t>(read);
    }
    return total;
  }

  int64_t size() const override { return size_; }

 private:
  const std::string path_;
  const Descriptor fd_;
  const int64_t size_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;  // closing it releases the lock
};

// "pid 12 on host-a": the pid alone would mislead when containers with their own pid spaces share a
// volume.
std::string HolderText() {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, HOST_NAME_MAX);
  return fmt::format("pid {} on {}\n", ::getpid(), host);
}

std::string ReadHolder(int fd) {
  char text[128] = {};
  const ssize_t read = ::pread(fd, text, sizeof(text) - 1, 0);
  std::string holder(text, read > 0 ? static_cast<size_t>(read) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : holder;
}

class PosixEnv final : public Env {
 public:
  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                     OpenMode mode) override {
    int flags = O_WRONLY | O_CREAT;
    if (mode == OpenMode::kCreate) flags |= O_EXCL;
    if (mode == OpenMode::kTruncate) flags |= O_TRUNC;
    ASSIGN_OR_RETURN(Descriptor fd, Open(path, flags));
    ASSIGN_OR_RETURN(const int64_t size, SizeOf(fd.get(), path));
    return std::unique_ptr<WritableFile>(new PosixWritableFile(path, std::move(fd), size));
  }

  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override {
    ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDONLY));
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, "stat " + path);
    if (S_ISDIR(info.st_mode)) return ErrnoStatus(EISDIR, "open " + path);
    return std::unique_ptr<RandomAccessFile>(
        new PosixRandomAccessFile(path, std::move(fd), info.st_size));
  }

  Result<std::vector<std::string>> List(const std::string& directory) override {
    DIR* handle = ::opendir(directory.c_str());
    if (handle == nullptr) return ErrnoStatus(errno, "list " + directory);
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(handle, ::closedir);
    // A client of a network file system would list what it remembers for up to a minute; it drops
    // that when the directory's attributes, which this makes it fetch, have changed.
    struct statx attributes {};
    if (::statx(::dirfd(handle), "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_MTIME | STATX_CTIME,
                &attributes) != 0)
      return ErrnoStatus(errno, "list " + directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(handle)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) return ErrnoStatus(errno, "list " + directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<bool> Exists(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return ErrnoStatus(errno, "stat " + path);
  }

  Status CreateDirectories(const std::string& path) override {
    for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
      RETURN_IF_ERROR(MakeDirectory(path.substr(0, end)));
    return MakeDirectory(path);
  }

  Status Remove(const std::string& path) override {
    return ::remove(path.c_str()) == 0 ? Status::Ok() : ErrnoStatus(errno, "remove " + path);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0
               ? Status::Ok()
               : ErrnoStatus(errno, "rename " + from + " to " + to);
  }

  Status SyncDirectory(const std::string& directory) override {
    ASSIGN_OR_RETURN(const Descriptor fd, Open(directory, O_RDONLY | O_DIRECTORY));
    if (RetryInterrupted([&] { return ::fsync(fd.get()); }) != 0)
      return ErrnoStatus(errno, "fsync " + directory);
    return Status::Ok();
  }

  Status Truncate(const std::string& path, int64_t size) override {
    ASSIGN_OR_RETURN(const Descriptor fd, Open(path, O_WRONLY));
    if (RetryInterrupted([&] { return ::ftruncate(fd.get(), size); }) != 0)
      return ErrnoStatus(errno, "truncate " + path);
    if (RetryInterrupted([&] { return ::fdatasync(fd.get()); }) != 0)
      return ErrnoStatus(errno, "fdatasync " + path);
    return Status::Ok();
  }

  Status RewriteTail(const std::string& path, int64_t offset) override {
    ASSIGN_OR_RETURN(const Descriptor fd, Open(path, O_RDWR));
    std::string buffer(kRewriteChunkBytes, '\0');
    for (int64_t at = offset;;) {
      const ssize_t read =
          RetryInterrupted([&] { return ::pread(fd.get(), buffer.data(), buffer.size(), at); });
      if (read < 0) return ErrnoStatus(errno, "read " + path);
      if (read == 0) break;
      for (ssize_t done = 0; done < read;) {
        const ssize_t written = RetryInterrupted([&] {
          return ::pwrite(fd.get(), buffer.data() + done, static_cast<size_t>(read - done),
                          at + done);
        });
        if (written < 0) return ErrnoStatus(errno, "write " + path);
        done += written;
      }
      at += read;
    }
    if (RetryInterrupted([&] { return ::fdatasync(fd.get()); }) != 0)
      return ErrnoStatus(errno, "fdatasync " + path);
    return Status::Ok();
  }

  // flock belongs to the open file, not to the process: a second Lock in this process is refused
  // too, and closing some other descriptor of the file does not drop it (both are traps of fcntl
  // locks).
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDWR | O_CREAT));
    if (RetryInterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "lock " + path);
      return Unavailable("{} is held by {}", path, ReadHolder(fd.get()));
    }
    if (::ftruncate(fd.get(), 0) != 0) return ErrnoStatus(errno, "truncate " + path);
    RETURN_IF_ERROR(WriteAll(fd.get(), 0, HolderText(), path));
    return std::unique_ptr<FileLock>(new PosixFileLock(std::move(fd)));
  }

 private:
  static Status MakeDirectory(const std::string& path) {
    if (::mkdir(path.c_str(), kDirectoryMode) == 0) return Status::Ok();
    if (errno != EEXIST) return ErrnoStatus(errno, "mkdir " + path);
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return Status::Ok();
    return ErrnoStatus(ENOTDIR, "mkdir " + path);
  }
};

}  // namespace

Env& Env::Posix() {
  static PosixEnv env;
  return env;
}

}  // namespace headpond::io
