#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "ufs/ufs.h"

namespace headpond::ufs {

// Reads one local file, and notices when somebody else changes it meanwhile: a file that got
// shorter, or that was written to without growing, since it was opened fails the read (Unavailable:
// opening again sees one whole version). A file that grew is taken for a log that is being appended
// to, whose former bytes stay what they were. Readers that take fd() for zero-copy do without this
// check.
class LocalReader final : public UfsReader {
 public:
  // `fd` is open for reading; Errors: as UfsError, InvalidArgument when it is not a regular file.
  static Result<std::unique_ptr<UfsReader>> Make(UniqueFd fd, std::string path);

  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override;
  int fd() const override { return fd_.get(); }

 private:
  LocalReader(UniqueFd fd, std::string path, const struct stat& opened);
  Status CheckUnchanged() const;

  const UniqueFd fd_;
  const std::string path_;
  const int64_t opened_length_;
  const struct timespec opened_mtime_;
};

}  // namespace headpond::ufs
