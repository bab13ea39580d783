#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/controller/backup_progress.h"
#include "operator/controller/store.h"

namespace headpond::controller {

// What the restore controller needs of the API. Thread safe.
//
// Errors are the API's: NotFound, Aborted (somebody else changed the object), Unavailable.
class RestoreObjects {
 public:
  using Object = std::shared_ptr<const nlohmann::json>;
  virtual ~RestoreObjects() = default;

  struct Listing {
    std::vector<Object> objects;
    bool complete = true;  // none is left out
  };
  // All of them, but those whose status was written through this and isn't known yet.
  virtual Result<Listing> List() = 0;
  virtual Result<BackupState> FindBackup(const std::string& name_space,
                                         const std::string& name) = 0;
  virtual Status WriteStatus(const nlohmann::json& restore, const nlohmann::json& status) = 0;
  // Shows what happened beside the restore. Never waits, and may drop it.
  virtual void Tell(const nlohmann::json& restore, const Notice& notice) = 0;
};

}  // namespace headpond::controller
