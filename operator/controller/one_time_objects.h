#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/controller/store.h"

namespace headpond::controller {

// What the controller of a kind whose objects are carried out once (Backup, Restore) needs of the
// API. Thread safe.
//
// Errors are the API's: NotFound, Aborted (somebody else changed the object), Unavailable.
class OneTimeObjects {
 public:
  using Object = std::shared_ptr<const nlohmann::json>;
  virtual ~OneTimeObjects() = default;

  struct Listing {
    std::vector<Object> objects;
    bool complete = true;  // none is left out
  };
  // All of them, but those whose status was written through this and isn't known yet.
  virtual Result<Listing> List() = 0;
  virtual Status WriteStatus(const nlohmann::json& object, const nlohmann::json& status) = 0;
  // Shows what happened beside the object. Never waits, and may drop it.
  virtual void Tell(const nlohmann::json& object, const Notice& notice) = 0;
};

// Writes the status where it is another one than the object's, logs its phase and step if those
// have changed, and tells the notices. `noun`: of the kind, as "backup", for the log. True when the
// status is as wanted, now or already.
bool ReportStatus(OneTimeObjects& objects, std::string_view noun, const nlohmann::json& object,
                  const nlohmann::json& status, const std::vector<Notice>& notices);

}  // namespace headpond::controller
