#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "operator/plan/workload.h"
#include "operator/runtime/runtime.h"

namespace headpond::runtime {

// The folders that a cluster's daemons keep data in. Each one carries a stamp, the file
// .headpond-volume, with the cluster's uid, and all are listed in volumes.json of the cluster's
// folder; only a folder that is on the list and has the right stamp is ever deleted. Not thread
// safe.
class Volumes {
 public:
  // `cluster_dir` holds the list. `memory_dir` is made private to this user, because its parent is
  // everybody's.
  Volumes(ClusterRef cluster, std::string cluster_dir, std::string memory_dir);

  // Makes sure the folder is there, is ours, and has its data folder. Errors: FailedPrecondition
  // when it holds something that isn't this cluster's, or is a link, or is owned by another user;
  // ResourceExhausted when a memory volume is larger than its file system.
  Status Prepare(const plan::Volume& volume);

  // Sets a journal aside and puts it back, as journal_folders.h; the folders that come to be are
  // listed first. FailedPrecondition when the folder is not this cluster's.
  Status SetAside(const plan::Volume& volume, const std::string& tag);
  Status PutBack(const plan::Volume& volume, const std::string& tag);

  // True when some listed folder still exists.
  Result<bool> HasData() const;

  // Deletes the listed folders and the list. Folders that are not ours any more are skipped with a
  // warning in the log.
  Status DeleteAll();

 private:
  std::string ListPath() const;
  Result<std::vector<std::string>> ReadList() const;
  Status AddToList(const std::string& path);
  Status CheckOwner(const std::string& path) const;
  // NotFound without a stamp.
  Result<std::string> StampOf(const std::string& path) const;
  // The folder, if it is there, is this cluster's.
  Status CheckOurs(const std::string& path) const;
  Status WriteStamp(const std::string& path, const std::string& volume) const;
  Status CheckSpace(const plan::Volume& volume) const;

  const ClusterRef cluster_;
  const std::string cluster_dir_;
  const std::string memory_dir_;
};

}  // namespace headpond::runtime
