#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "ufs/contained_tree.h"
#include "ufs/owners.h"
#include "ufs/ufs.h"

namespace headpond::ufs {

// What a mount may say about a local store.
struct LocalUfsOptions {
  // alluxio.underfs.local.skip.broken.symlinks: a listing leaves out links that lead nowhere;
  // otherwise it fails, naming the link.
  bool skip_broken_links = false;
  // headpond.underfs.local.allow.links.outside: symbolic links may lead out of the folder
  // (contained_tree.h says what that means). Ours, since stock follows every link.
  bool allow_links_outside = false;
  // alluxio.underfs.allow.set.owner.failure: SetOwner without the right to is logged and OK.
  bool allow_set_owner_failure = false;

  // InvalidArgument for a value other than true and false.
  static Result<LocalUfsOptions> FromProperties(
      const std::map<std::string, std::string>& properties);
};

// A folder of the machine's file system (a disk, NFS, anything mounted). Thread safe; keeps nothing
// open between calls.
//
// - A new file is written under a hidden name beside its final one and appears, whole and synced,
// at Complete
//   (local_writer.h). Its modes are what was asked for, whatever the umask. Its missing parents get
//   mode 0755.
// - Create, CreateDirectory and Rename are durable when they return. Deletions and changes of owner
// or mode are not
//   synced: a crash of the machine may undo the last ones, and the next metadata sync sees that.
// - The folder itself must exist: only CreateDirectory of exactly it makes it. A lost mount (an
// empty mount point)
//   shows as an empty store, as it does to every process.
// - Symbolic links: see contained_tree.h. Deleting or renaming one acts on the link, never on what
// it points to;
//   completing a file over one replaces the link.
// - Anything but files and directories (sockets, devices, pipes) is left out of listings and
// refused by name.
// - Rename onto an existing name is refused by the kernel (RENAME_NOREPLACE), or on file systems
// that do not know that
//   (NFS) by looking first, where two renames at the same moment may both succeed.
class LocalUfs final : public Ufs {
 public:
  // `root` is canonical. `clock` outlives the store.
  LocalUfs(std::string root, LocalUfsOptions options, const Clock& clock);

  std::string_view type() const override { return "local"; }
  const std::string& root() const override { return tree_.root(); }

  Result<UfsStatus> GetStatus(const std::string& path) override;
  Status List(const std::string& path, const std::function<Status(UfsStatus)>& visit) override;
  Result<std::unique_ptr<UfsReader>> Open(const std::string& path) override;
  Result<std::unique_ptr<UfsWriter>> Create(const std::string& path,
                                            const CreateOptions& options) override;
  Status CreateDirectory(const std::string& path, const CreateOptions& options) override;
  Status DeleteFile(const std::string& path) override;
  Status DeleteDirectory(const std::string& path, const DeleteOptions& options) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status SetOwner(const std::string& path, const std::string& owner,
                  const std::string& group) override;
  Status SetMode(const std::string& path, uint16_t mode) override;
  Result<Space> GetSpace() override;

 private:
  // The status of one child of an open directory; none for what a listing leaves out.
  Result<std::optional<UfsStatus>> StatusOfChild(int directory_fd, const std::string& canonical,
                                                 const char* name);
  Result<UfsStatus> StatusOf(const std::string& canonical);
  // Makes `canonical`, which must be inside, and its missing parents.
  Status MakeDirectories(const std::string& canonical, const CreateOptions& options);
  Status MakeDirectory(int parent_fd, const std::string& canonical, const CreateOptions& options);
  uint64_t NextRandom() EXCLUDES(mutex_);

  const ContainedTree tree_;
  const LocalUfsOptions options_;
  const std::shared_ptr<Owners> owners_;
  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
};

}  // namespace headpond::ufs
