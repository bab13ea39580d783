#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::ufs {

// What an under-store says of one file or directory.
struct UfsStatus {
  std::string name;  // last component
  bool is_directory = false;
  int64_t length = 0;                // 0 for directories
  int64_t modification_time_ms = 0;  // Unix epoch
  std::string owner;                 // "" when the store has none
  std::string group;
  uint16_t mode = 0;  // POSIX bits, 07777
  // Changes when the content does; for local "(len:N, modtime:T)" as stock's. "" for directories.
  std::string content_hash;
};

// A file open for positioned reads. Thread safe.
class UfsReader {
 public:
  virtual ~UfsReader() = default;
  // Up to `length` bytes; fewer only at the end. NotFound when the file vanished, Unavailable when
  // the store fails or somebody changed the file since it was opened (open again for the new one).
  virtual Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) = 0;
  // For zero-copy: the file's descriptor when there is one, else -1. Owned by the reader.
  virtual int fd() const { return -1; }
};

// A new file being written front to back. Readers see nothing, or the former file, until Complete.
// Not thread safe. Destroying it without Complete aborts.
class UfsWriter {
 public:
  virtual ~UfsWriter() = default;
  virtual Status Append(std::string_view data) = 0;
  // Makes the file durable and visible; returns its status (content_hash filled).
  virtual Result<UfsStatus> Complete() = 0;
  virtual void Abort() = 0;
};

struct CreateOptions {
  std::string owner;  // "" = leave to the store; failure to chown is logged, not fatal
  std::string group;
  uint16_t mode = 0644;
  bool create_parents = true;
};

struct DeleteOptions {
  bool recursive = false;
};

// One under-store below one mount point. All calls block on I/O: call them from an I/O executor,
// holding no mutex. Thread safe. `path` is the store's own path or URI, always inside root();
// anything that escapes it by ".." or by a prefix trick is refused with InvalidArgument. Errors:
// NotFound, AlreadyExists, PermissionDenied (also read-only stores), FailedPrecondition (directory
// not empty), InvalidArgument, ResourceExhausted (disk full), Unavailable (the store does not
// answer; retry later). Every implementation passes ufs_conformance.h.
class Ufs {
 public:
  virtual ~Ufs() = default;

  virtual std::string_view type() const = 0;  // "local", "s3", "hdfs"
  virtual const std::string& root() const = 0;

  virtual Result<UfsStatus> GetStatus(const std::string& path) = 0;
  // Calls `visit` for each child of a directory, in no particular order, without holding all of
  // them in memory; stops at the first error that `visit` returns and returns it.
  virtual Status List(const std::string& path, const std::function<Status(UfsStatus)>& visit) = 0;

  virtual Result<std::unique_ptr<UfsReader>> Open(const std::string& path) = 0;
  virtual Result<std::unique_ptr<UfsWriter>> Create(const std::string& path,
                                                    const CreateOptions& options) = 0;
  // Creates the directory and, if missing, its parents (with the same options). OK when it exists
  // already.
  virtual Status CreateDirectory(const std::string& path, const CreateOptions& options) = 0;
  virtual Status DeleteFile(const std::string& path) = 0;
  virtual Status DeleteDirectory(const std::string& path, const DeleteOptions& options) = 0;
  // File or directory. AlreadyExists when `to` exists; parents of `to` must exist.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status SetOwner(const std::string& path, const std::string& owner,
                          const std::string& group) = 0;
  virtual Status SetMode(const std::string& path, uint16_t mode) = 0;

  struct Space {
    int64_t total_bytes = -1;  // -1: unknown
    int64_t used_bytes = -1;
  };
  virtual Result<Space> GetSpace() = 0;
};

// Opens the store that `uri` names ("/folder", "file:///folder"). `properties` are the mount's
// options over the process configuration. Errors: InvalidArgument for a scheme that is not built
// in, naming it and the known ones.
Result<std::unique_ptr<Ufs>> OpenUfs(const std::string& uri,
                                     const std::map<std::string, std::string>& properties);

// What Ufs::type of the store that `uri` names would say, without opening it: "local" for paths and
// file URIs, else the scheme (a view into `uri`).
std::string_view TypeOf(std::string_view uri);

// 2.9's fingerprint text of one status (compat/behaviour.md section 11): "TYPE|FILE UFS|local
// OWNER|o GROUP|g MODE|420 CONTENT_HASH|x "; directories have no
// CONTENT_HASH.
std::string Fingerprint(std::string_view ufs_type, const UfsStatus& status);
// True when two fingerprints describe the same content (TYPE, UFS, CONTENT_HASH); never for a text
// that is none, such as "".
bool SameContent(std::string_view fingerprint_a, std::string_view fingerprint_b);

}  // namespace headpond::ufs
