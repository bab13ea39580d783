#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace headpond::ufs {

// Opens what lies below one folder of the machine's file system, and nothing else.
//
// ".." and prefix tricks are refused by looking at the text. Symbolic links are followed by the
// kernel, and the place where it arrived is then checked on the open descriptor (/proc/self/fd), so
// that no exchange of a link between check and use can lead out: a link that stays below the folder
// works, absolute or relative; one that leaves it is refused, since whoever may write into the
// store could otherwise read or overwrite any file of the daemon's machine. A mount whose links
// lead out on purpose sets `allow_links_outside`. The folder's own path may hold links: its owner
// chose it.
//
// Needs /proc. Thread safe. Holds no descriptor between calls, so the folder may be unmounted and
// mounted again.
class ContainedTree {
 public:
  // `root` is canonical (base/path.h). It need not exist yet.
  ContainedTree(std::string root, bool allow_links_outside);

  const std::string& root() const { return root_; }

  // The canonical absolute path of `path`, which is an absolute path or a file: URI.
  // InvalidArgument when it is neither, lies outside, or holds a name reserved for our temporary
  // files.
  Result<std::string> Canonical(std::string_view path) const;

  // An O_PATH descriptor of what `canonical` names, links followed. NotFound, InvalidArgument
  // (leads outside).
  Result<UniqueFd> Open(const std::string& canonical) const;

  // The folder that holds an entry, and the entry's name in it: what the *at system calls take.
  struct Entry {
    UniqueFd parent;
    std::string name;
  };
  // Errors as Open for the parent; InvalidArgument for the root itself, which has no parent inside.
  Result<Entry> OpenParent(const std::string& canonical) const;

 private:
  Status CheckInside(int fd, const std::string& canonical) const EXCLUDES(mutex_);
  Result<std::string> ReadRealRoot() const;

  const std::string root_;
  const bool allow_links_outside_;
  mutable Mutex mutex_;
  mutable std::string real_root_ GUARDED_BY(mutex_);  // where root_ led when last looked; "" before
};

// The local path in an absolute path or a file: URI ("/a", "file:///a", "file:/a",
// "file://localhost/a"), canonical. InvalidArgument for anything else.
Result<std::string> LocalPathOf(std::string_view path_or_uri);

// Names of files that are being written, hidden from everyone: ".headpond-<16 hex digits>.tmp". Of
// fixed length, so that a file may have the longest name that the file system allows.
std::string TemporaryName(uint64_t random);
bool IsTemporaryName(std::string_view name);

}  // namespace headpond::ufs
