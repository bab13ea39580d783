#include "ufs/local_reader.h"

#include <cerrno>

#include "ufs/posix_files.h"

namespace headpond::ufs {

Result<std::unique_ptr<UfsReader>> LocalReader::Make(UniqueFd fd, std::string path) {
  struct stat opened;
  if (::fstat(fd.get(), &opened) != 0) return UfsError(errno, "stat", path);
  if (!S_ISREG(opened.st_mode)) return InvalidArgument("{} is not a file that can be read", path);
  return std::unique_ptr<UfsReader>(new LocalReader(std::move(fd), std::move(path), opened));
}

LocalReader::LocalReader(UniqueFd fd, std::string path, const struct stat& opened)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      opened_length_(opened.st_size),
      opened_mtime_(opened.st_mtim) {}

Result<size_t> LocalReader::ReadAt(int64_t offset, size_t length, char* buffer) {
  if (offset < 0) return InvalidArgument("read {} at {}: the offset is negative", path_, offset);
  ASSIGN_OR_RETURN(const size_t got, ReadFullyAt(fd_.get(), offset, length, buffer, path_));
  RETURN_IF_ERROR(CheckUnchanged());
  return got;
}

Status LocalReader::CheckUnchanged() const {
  struct stat now;
  if (::fstat(fd_.get(), &now) != 0) {
    if (errno == ESTALE) return NotFound("{} was removed while it was being read", path_);
    return UfsError(errno, "stat", path_);
  }
  const bool rewritten =
      now.st_mtim.tv_sec != opened_mtime_.tv_sec || now.st_mtim.tv_nsec != opened_mtime_.tv_nsec;
  if (now.st_size > opened_length_ || (now.st_size == opened_length_ && !rewritten))
    return Status::Ok();
  return Unavailable(
      "{} was changed while it was being read ({} bytes when opened, {} now); read it again", path_,
      opened_length_, now.st_size);
}

}  // namespace headpond::ufs
