#include "ufs/local_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/log.h"
#include "ufs/posix_files.h"

namespace headpond::ufs {
namespace {

constexpr uint16_t kPermissionBits = 07777;
// How much may wait dirty before the kernel is asked to begin writing it, so that the sync at
// Complete does not find the whole file still to be written.
constexpr int64_t kFlushStepBytes = 8 << 20;

}  // namespace

Result<std::unique_ptr<UfsWriter>> LocalWriter::Make(Target target, uint64_t random,
                                                     std::shared_ptr<Owners> owners) {
  std::string temporary = TemporaryName(random);
  UniqueFd fd(::openat(target.entry.parent.get(), temporary.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return UfsError(errno, "create", target.path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    LogDebug("ufs", "cannot lock the temporary file of {}: {}", target.path,
             std::generic_category().message(errno));
  }
  return std::unique_ptr<UfsWriter>(
      new LocalWriter(std::move(target), std::move(temporary), std::move(fd), std::move(owners)));
}

LocalWriter::LocalWriter(Target target, std::string temporary, UniqueFd fd,
                         std::shared_ptr<Owners> owners)
    : target_(std::move(target)),
      temporary_(std::move(temporary)),
      owners_(std::move(owners)),
      fd_(std::move(fd)) {}

LocalWriter::~LocalWriter() {
  Abort();
}

Status LocalWriter::Append(std::string_view data) {
  if (!failure_.ok()) return failure_;
  if (!fd_.valid())
    return FailedPrecondition("write {}: already completed or aborted", target_.path);
  failure_ = WriteAll(fd_.get(), data, target_.path);
  if (!failure_.ok()) return failure_;
  position_ += static_cast<int64_t>(data.size());
  if (position_ - flushed_to_ >= kFlushStepBytes) {
    // Only a hint; the sync at Complete is what counts and reports errors.
    ::sync_file_range(fd_.get(), flushed_to_, position_ - flushed_to_, SYNC_FILE_RANGE_WRITE);
    flushed_to_ = position_;
  }
  return Status::Ok();
}

Result<UfsStatus> LocalWriter::Complete() {
  if (!failure_.ok()) return failure_;
  if (!fd_.valid())
    return FailedPrecondition("complete {}: already completed or aborted", target_.path);
  auto published = Publish();
  if (!published.ok()) failure_ = published.status();
  return published;
}

Result<UfsStatus> LocalWriter::Publish() {
  const int parent = target_.entry.parent.get();
  RETURN_IF_ERROR(ApplyOwnerAndMode());
  if (::fsync(fd_.get()) != 0) return UfsError(errno, "sync", target_.path);
  struct stat attributes;
  if (::fstat(fd_.get(), &attributes) != 0) return UfsError(errno, "stat", target_.path);
  if (::renameat(parent, temporary_.c_str(), parent, target_.entry.name.c_str()) != 0) {
    if (errno == ENOENT)
      return NotFound("complete {}: its folder was removed while it was being written",
                      target_.path);
    return UfsError(errno, "complete", target_.path);
  }
  fd_.Reset();  // visible from here on: no abort any more
  RETURN_IF_ERROR(SyncDirectory(parent, target_.path));
  return ToUfsStatus(attributes, target_.entry.name, *owners_);
}

Status LocalWriter::ApplyOwnerAndMode() {
  owners_->TryChange(fd_.get(), target_.options.owner, target_.options.group, target_.path);
  // After chown, which clears the set-id bits; by fchmod, which the umask does not touch.
  if (::fchmod(fd_.get(), target_.options.mode & kPermissionBits) != 0)
    return UfsError(errno, "chmod", target_.path);
  return Status::Ok();
}

void LocalWriter::Abort() {
  if (!fd_.valid()) return;
  // Before the close, which gives the lock back: nobody else may find it abandoned and race for the
  // name.
  if (::unlinkat(target_.entry.parent.get(), temporary_.c_str(), 0) != 0 && errno != ENOENT) {
    LogWarn("ufs", "cannot remove the unfinished copy {} of {}: {}", temporary_, target_.path,
            std::generic_category().message(errno));
  }
  fd_.Reset();
}

bool IsAbandoned(int directory_fd, const std::string& temporary_name) {
  const UniqueFd fd(::openat(directory_fd, temporary_name.c_str(),
                             O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd.valid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

UfsStatus ToUfsStatus(const struct stat& attributes, std::string name, Owners& owners) {
  UfsStatus status;
  status.name = std::move(name);
  status.is_directory = S_ISDIR(attributes.st_mode);
  status.modification_time_ms = ModificationTimeMs(attributes);
  status.owner = owners.UserName(attributes.st_uid);
  status.group = owners.GroupName(attributes.st_gid);
  status.mode = static_cast<uint16_t>(attributes.st_mode & kPermissionBits);
  if (!status.is_directory) {
    status.length = attributes.st_size;
    status.content_hash =
        fmt::format("(len:{}, modtime:{})", status.length, status.modification_time_ms);
  }
  return status;
}

}  // namespace headpond::ufs
