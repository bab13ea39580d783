#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "ufs/contained_tree.h"
#include "ufs/owners.h"
#include "ufs/ufs.h"

namespace headpond::ufs {

// Writes a hidden temporary file beside the final name (mode 0600, flock'ed so that others can tell
// it from one that a dead process left), and at Complete gives it its owner and mode, syncs it,
// renames it over the final name and syncs the folder. The first failure sticks: a file whose write
// or sync failed never becomes visible.
class LocalWriter final : public UfsWriter {
 public:
  struct Target {
    ContainedTree::Entry entry;  // the folder, held open: a rename of it meanwhile does no harm
    std::string path;            // the final name, for texts
    CreateOptions options;
  };
  // `random` makes the temporary name.
  static Result<std::unique_ptr<UfsWriter>> Make(Target target, uint64_t random,
                                                 std::shared_ptr<Owners> owners);
  ~LocalWriter() override;

  Status Append(std::string_view data) override;
  Result<UfsStatus> Complete() override;
  void Abort() override;

 private:
  LocalWriter(Target target, std::string temporary, UniqueFd fd, std::shared_ptr<Owners> owners);
  Result<UfsStatus> Publish();
  Status ApplyOwnerAndMode();

  const Target target_;
  const std::string temporary_;
  const std::shared_ptr<Owners> owners_;
  UniqueFd fd_;  // none once completed or aborted
  Status failure_;
  int64_t position_ = 0;
  int64_t flushed_to_ = 0;
};

// True when a temporary file's writer is gone: nobody holds its lock. False when in doubt.
bool IsAbandoned(int directory_fd, const std::string& temporary_name);

UfsStatus ToUfsStatus(const struct stat& attributes, std::string name, Owners& owners);

}  // namespace headpond::ufs
