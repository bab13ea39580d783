#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

// What the local under-store needs of the operating system, without policy.
namespace headpond::ufs {

// The errno of an operation on a file of an under-store as the Ufs contract wants it: "<operation>
// <path>: <strerror>". A device or server that fails (EIO, ESTALE, ETIMEDOUT, EHOSTDOWN, ...) is
// Unavailable: an NFS or disk trouble that may pass. ESTALE on a file that was open means that
// somebody removed it: callers that know report NotFound instead.
Status UfsError(int error_number, std::string_view operation, std::string_view path);

// fsync of the directory that `directory_fd` (O_PATH is enough) names, so that entries made,
// renamed or removed in it survive a crash of the machine. Directories that can't be read, or file
// systems that do not know fsync of a directory (EINVAL), are let through: there is nothing more to
// be done for them.
Status SyncDirectory(int directory_fd, std::string_view path);

// All of `data` at the file's position. Status as UfsError.
Status WriteAll(int fd, std::string_view data, std::string_view path);

// Up to `length` bytes at `offset`; fewer only at the end of the file.
Result<size_t> ReadFullyAt(int fd, int64_t offset, size_t length, char* buffer,
                           std::string_view path);

int64_t ModificationTimeMs(const struct stat& attributes);

// Opens what the O_PATH descriptor `path_fd` holds, for real. `flags` as for open(2).
Result<UniqueFd> Reopen(int path_fd, int flags, std::string_view path);

}  // namespace headpond::ufs
