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
// read are listed, but not descended into. A value; not thread safe.
//
//   lister = Start(...)                       // load unloaded_directory(), if any, and start again
//   while (!lister.done()) {
//     entries = lister.Next(...)
//     if (lister.unloaded_directory()) load it  // or not: then its children known so far are
//     listed
//   }
class Lister {
 public:
  // Checks the request. NotFound, PermissionDenied, InvalidArgument (offset outside the listing).
  static Result<Lister> Start(const Namespace& ns, const ListRequest& request);

  // The next entries, `limit` at most; fewer at the end, and before a directory whose children the
  // under-store was never asked for. A listed file is its own only entry.
  std::vector<FileInfo> Next(const Namespace& ns, size_t limit);
  bool done() const { return frames_.empty() && !single_; }

  // After Start: the listed directory, when the under-store has never been asked about it (load
  // type ONCE). After Next: the directory below it that comes next, likewise. Else nullopt.
  const std::optional<std::string>& unloaded_directory() const { return unloaded_; }
  bool base_is_directory() const { return base_is_directory_; }
  // Children of the base directory at Start, -1 for a recursive listing:
  // ListStatusPartialPResponse.fileCount.
  int64_t file_count() const { return file_count_; }

 private:
  struct Frame {
    InodeId directory = kNoInode;
    std::string path;
    std::string after;          // last name handed out
    bool load_offered = false;  // unloaded_ has named it
  };

  Status SeekAfter(const Namespace& ns, std::string relative);
  bool MayDescend(const Namespace& ns, Inode directory) const;
  std::string_view Relative(std::string_view path) const;
  // What the prefix leaves of the names in a directory; "" = all of them.
  std::string_view PrefixIn(const Frame& frame) const;
  std::vector<FileInfo> Collect(const Namespace& ns, size_t limit);
  bool Step(const Namespace& ns, size_t limit, std::vector<FileInfo>& entries);

  ListRequest request_;
  std::vector<Frame> frames_;  // a stack
  std::optional<InodeId> single_;
  std::optional<std::string> unloaded_;
  bool base_is_directory_ = false;
  int64_t file_count_ = 0;
  int64_t to_skip_ = 0;
};

}  // namespace headpond::meta
