#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "meta/ops/operation.h"

namespace headpond::meta {

struct ListRequest {
  Caller caller;
  std::string path;
  bool recursive = false;
  bool mount_info = true;  // false: excludeMountInfo
  // ListStatusPartial. At most one of the three offsets.
  std::string start_after;           // relative to path ("a/b"), or absolute below it
  std::optional<InodeId> offset_id;  // the last entry of the batch before
  int64_t offset_count = 0;          // skip this many
  std::string prefix;                // only entries whose path relative to `path` starts with it
};

// A listing in batches, depth first, siblings in byte order of their names: each batch is taken
// under a shared lock that may be released in between. Entries created, removed or renamed
// meanwhile may or may not show; all others show exactly once. Directories that the caller may not
// read are listed, but not descended into.
class Lister {
 public:
  // Checks the request. NotFound, PermissionDenied, InvalidArgument (offset outside the listing).
  static Result<Lister> Start(const Namespace& ns, const ListRequest& request);

  // The next entries, `limit` at most; fewer only at the end. A listed file is its own only entry.
  std::vector<FileInfo> Next(const Namespace& ns, size_t limit);
  bool done() const { return frames_.empty() && !single_; }

  // A directory met by the listing, or its root, that the under-store has never been asked about
  // (load type ONCE). Valid after Start: load it and start again. Nullopt when loaded, or when it
  // is not persisted.
  const std::optional<std::string>& unloaded_directory() const { return unloaded_; }
  bool base_is_directory() const { return base_is_directory_; }
  // Children of the base directory at Start: ListStatusPartialPResponse.fileCount.
  int64_t file_count() const { return file_count_; }

 private:
  struct Frame {
    InodeId directory;
    std::string path;
    std::string after;  // last name handed out
  };
  ListRequest request_;
  std::vector<Frame> frames_;  // a stack
  std::optional<InodeId> single_;
  std::optional<std::string> unloaded_;
  bool base_is_directory_ = false;
  int64_t file_count_ = 0;
  int64_t to_skip_ = 0;
};

}  // namespace headpond::meta
