#include "cache/block_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/log.h"
#include "cache/recovery.h"

namespace headpond::cache {
namespace {

constexpr int kTemporaryFolders = 1024;  // alluxio.worker.data.tmp.subdir.max
constexpr mode_t kStickyBit = 01000;     // others may add files but not remove ours, as with stock
// While it is written a short-circuit client may write it under any user; then nobody does.
constexpr mode_t kTemporaryMode = 0666;
constexpr mode_t kBlockMode = 0444;

Status FileError(int error_number, std::string_view operation, std::string_view path) {
  const Status status = ErrnoStatus(error_number, fmt::format("{} {}", operation, path));
  const bool full = status.code() == Code::kResourceExhausted || error_number == EFBIG;
  return Status(full ? Code::kResourceExhausted : Code::kInternal, status.message());
}

// A directory of exactly this mode, whatever the umask.
Status MakeDirectory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return Status::Ok();
    return FileError(errno, "create directory", path);
  }
  if (::chmod(path.c_str(), mode) != 0) return FileError(errno, "chmod", path);
  return Status::Ok();
}

class PosixBlockFiles final : public BlockFiles {
 public:
  Result<DirectoryScan> Prepare(const BlockLayout& layout) override {
    const mode_t mode = layout.directory_mode | kStickyBit;
    RETURN_IF_ERROR(MakeParents(layout.directory));
    RETURN_IF_ERROR(MakeDirectory(layout.directory, mode));
    RETURN_IF_ERROR(MakeDirectory(layout.temporary_directory, mode));
    ASSIGN_OR_RETURN(DirectoryScan scan, ScanBlockDirectory(layout));
    RETURN_IF_ERROR(Probe(layout));
    return scan;
  }

  Status Probe(const BlockLayout& layout) override {
    const std::string path = fmt::format("{}/probe-{}", layout.temporary_directory, ::getpid());
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) return FileError(errno, "create", path);
    const bool works = ::pwrite(fd.get(), "x", 1, 0) == 1 && ::fdatasync(fd.get()) == 0;
    const int error = errno;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FileError(errno, "remove", path);
    return works ? Status::Ok() : FileError(error, "write", path);
  }

  Result<UniqueFd> CreateTemporary(const BlockLayout& layout, const std::string& path) override {
    UniqueFd fd = CreateNew(path);
    if (!fd.valid() && errno == ENOENT) {
      const std::string folder = path.substr(0, path.rfind('/'));
      RETURN_IF_ERROR(MakeDirectory(folder, layout.directory_mode | kStickyBit));
      fd = CreateNew(path);
    }
    if (!fd.valid()) return FileError(errno, "create", path);
    if (::fchmod(fd.get(), kTemporaryMode) != 0) {
      const int error = errno;
      ::unlink(path.c_str());
      return FileError(error, "chmod", path);
    }
    return fd;
  }

  Status WriteAt(int fd, int64_t offset, std::string_view data, const std::string& path) override {
    size_t done = 0;
    while (done < data.size()) {
      const ssize_t written =
          ::pwrite(fd, data.data() + done, data.size() - done, offset + static_cast<int64_t>(done));
      if (written >= 0) {
        done += static_cast<size_t>(written);
        continue;
      }
      if (errno == EINTR) continue;
      const int error = errno;
      if (done > 0 && ::ftruncate(fd, offset) != 0) return FileError(errno, "truncate", path);
      return FileError(error, "write", path);
    }
    return Status::Ok();
  }

  Result<int64_t> SizeOf(int fd, const std::string& path) override {
    struct stat attributes;
    if (::fstat(fd, &attributes) != 0) return FileError(errno, "stat", path);
    return int64_t{attributes.st_size};
  }

  Status Publish(int fd, int64_t length_bytes, const std::string& temporary_path,
                 const std::string& block_path, Survives survives) override {
    KeepLength(fd, length_bytes);
    if (::fchmod(fd, kBlockMode) != 0) return FileError(errno, "chmod", temporary_path);
    const bool sync = survives == Survives::kMachine;
    if (sync && ::fsync(fd) != 0) return FileError(errno, "sync", temporary_path);
    if (::rename(temporary_path.c_str(), block_path.c_str()) != 0) {
      return FileError(errno, "rename", fmt::format("{} to {}", temporary_path, block_path));
    }
    if (!sync) return Status::Ok();
    Status synced = SyncFolderOf(block_path);
    if (!synced.ok()) (void)::unlink(block_path.c_str());  // a failed publish leaves no block
    return synced;
  }

  static Status SyncFolderOf(const std::string& path) {
    const std::string folder = path.substr(0, path.rfind('/'));
    const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || ::fsync(fd.get()) != 0) return FileError(errno, "sync", folder);
    return Status::Ok();
  }

  Result<OpenBlock> Open(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) return NotFound("there is no file {}", path);
    if (!fd.valid()) return FileError(errno, "open", path);
    ASSIGN_OR_RETURN(const int64_t length, SizeOf(fd.get(), path));
    return OpenBlock{std::move(fd), length};
  }

  Result<size_t> ReadAt(int fd, int64_t offset, size_t length, char* buffer,
                        const std::string& path) override {
    size_t done = 0;
    while (done < length) {
      const ssize_t got =
          ::pread(fd, buffer + done, length - done, offset + static_cast<int64_t>(done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return FileError(errno, "read", path);
      }
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return FileError(errno, "remove", path);
    return Status::Ok();
  }

 private:
  static UniqueFd CreateNew(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  }

  // The configured path itself, with ordinary modes: only what is below is the store's.
  static Status MakeParents(const std::string& directory) {
    for (size_t slash = directory.find('/', 1); slash != std::string::npos;
         slash = directory.find('/', slash + 1)) {
      RETURN_IF_ERROR(MakeDirectory(directory.substr(0, slash), 0755));
    }
    return Status::Ok();
  }
};

}  // namespace

std::string BlockLayout::BlockPath(BlockId block) const {
  return fmt::format("{}/{}", directory, block);
}

std::string BlockLayout::TemporaryPath(SessionId session, BlockId block) const {
  const uint64_t bits = static_cast<uint64_t>(session);
  return fmt::format("{}/{}/{:x}-{}", temporary_directory, bits % kTemporaryFolders, bits, block);
}

std::string BlockLayout::IncomingPath(BlockId block) const {
  return fmt::format("{}/incoming-{}", temporary_directory, block);
}

BlockId ParseBlockName(std::string_view name) {
  BlockId block = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), block);
  if (error != std::errc() || end != name.data() + name.size() || block < 0) return -1;
  return name.size() > 1 && name.front() == '0' ? -1 : block;
}

std::unique_ptr<BlockFiles> BlockFiles::Posix() {
  return std::make_unique<PosixBlockFiles>();
}

}  // namespace headpond::cache
