#include "ufs/posix_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace headpond::ufs {
namespace {

// Linux refuses more per call (read(2)).
constexpr size_t kMaxBytesPerCall = 0x7fff'f000;

bool MayPass(int error_number) {
  switch (error_number) {
    case EIO:
    case ESTALE:
    case ENXIO:
    case ENODEV:
    case ETIMEDOUT:
    case ENOTCONN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EREMOTEIO: return true;
    default: return false;
  }
}

}  // namespace

Status UfsError(int error_number, std::string_view operation, std::string_view path) {
  const std::string what = fmt::format("{} {}", operation, path);
  const auto with_code = [&](Code code) {
    return Status(code, fmt::format("{}: {}", what, std::generic_category().message(error_number)));
  };
  if (MayPass(error_number)) return with_code(Code::kUnavailable);
  switch (error_number) {
    case EFBIG: return with_code(Code::kResourceExhausted);
    case EXDEV: return with_code(Code::kInvalidArgument);
    case EBUSY: return with_code(Code::kFailedPrecondition);
    default: return ErrnoStatus(error_number, what);
  }
}

Status SyncDirectory(int directory_fd, std::string_view path) {
  const UniqueFd readable(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable.valid()) {
    return errno == EACCES ? Status::Ok() : UfsError(errno, "open directory", path);
  }
  if (::fsync(readable.get()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    return UfsError(errno, "sync directory", path);
  }
  return Status::Ok();
}

Status WriteAll(int fd, std::string_view data, std::string_view path) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), std::min(data.size(), kMaxBytesPerCall));
    if (written < 0) {
      if (errno == EINTR) continue;
      return UfsError(errno, "write", path);
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
  return Status::Ok();
}

Result<size_t> ReadFullyAt(int fd, int64_t offset, size_t length, char* buffer,
                           std::string_view path) {
  size_t done = 0;
  while (done < length) {
    const ssize_t got = ::pread(fd, buffer + done, std::min(length - done, kMaxBytesPerCall),
                                offset + static_cast<int64_t>(done));
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ESTALE) return NotFound("{} was removed while it was being read", path);
      return UfsError(errno, "read", path);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

int64_t ModificationTimeMs(const struct stat& attributes) {
  return int64_t{attributes.st_mtim.tv_sec} * 1000 + attributes.st_mtim.tv_nsec / 1'000'000;
}

Result<UniqueFd> Reopen(int path_fd, int flags, std::string_view path) {
  const std::string link = fmt::format("/proc/self/fd/{}", path_fd);
  UniqueFd fd(::open(link.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) return UfsError(errno, "open", path);
  return fd;
}

}  // namespace headpond::ufs
