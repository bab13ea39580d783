#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "io/env.h"
#include "operator/controller/store.h"

namespace headpond::controller {

enum class Applied { kCreated, kConfigured, kUnchanged };

// Objects as files under one home folder (see HomePath), shared by the operator and any number of
// commands. Every file is replaced as a whole, so readers need no lock; changes of objects take
// store.lock. Thread safe.
class FileStore final : public ClusterStore {
 public:
  // `home` is private to this user; `clock` outlives the store.
  FileStore(std::string home, const Clock& clock);

  Result<ClusterList> List() override;
  Result<ClusterStatus> GetStatus(const ClusterKey& key) override;
  Status WriteStatus(const ClusterKey& key, const ClusterStatus& status) override;
  Status Finalize(const ClusterKey& key, bool data_kept) override;

  // NotFound when there is no such object.
  Result<api::CacheCluster> Get(const ClusterKey& key);

  // Creates or replaces the object's spec, labels and annotations; uid, generation and times are
  // the store's. A new object whose name had data kept gets the old uid, so that it finds the data.
  // Errors: InvalidArgument when an immutable field differs from the object's or from the kept
  // data's, FailedPrecondition while it is being deleted.
  Result<Applied> Apply(const api::CacheCluster& cluster);

  // Asks for the end of a cluster; also, with `delete_data`, of one that ended before but whose
  // data was kept. Repeating it is OK, and may add `delete_data`. NotFound when there is nothing to
  // delete.
  Status MarkDeleted(const ClusterKey& key, bool delete_data);

  // Clusters that ended and whose data was kept.
  Result<std::vector<ClusterKey>> ListRetained();

  // Holds off all changes of objects.
  Result<std::unique_ptr<io::FileLock>> LockChanges();

  std::string objects_dir() const { return home_ + "/objects"; }
  std::string status_dir() const { return home_ + "/status"; }
  const std::string& home() const { return home_; }

 private:
  std::string PathIn(const char* folder, const ClusterKey& key) const;
  Result<api::CacheCluster> ReadObject(const std::string& path);
  Status WriteObject(const char* folder, const api::CacheCluster& cluster);

  const std::string home_;
  const Clock& clock_;
};

}  // namespace headpond::controller
