#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/controller/store.h"

namespace headpond::controller {

// What the backup controller needs of the API. Thread safe.
//
// Errors are the API's: NotFound, Aborted (somebody else changed the object), Unavailable.
class BackupObjects {
 public:
  using Object = std::shared_ptr<const nlohmann::json>;
  virtual ~BackupObjects() = default;

  struct Listing {
    std::vector<Object> objects;
    bool complete = true;  // none is left out
  };
  // All of them, but those whose status was written through this and isn't known yet.
  virtual Result<Listing> List() = 0;
  virtual Status WriteStatus(const nlohmann::json& backup, const nlohmann::json& status) = 0;
  // Shows what happened beside the backup. Never waits, and may drop it.
  virtual void Tell(const nlohmann::json& backup, const Notice& notice) = 0;
};

}  // namespace headpond::controller
