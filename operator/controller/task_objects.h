#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "operator/controller/store.h"

namespace headpond::controller {

enum class TaskKind { kTask, kDefinition };

// What the task controller needs of the API. Thread safe.
//
// Errors are the API's: NotFound, Aborted (somebody else changed the object), Unavailable.
class TaskObjects {
 public:
  using Object = std::shared_ptr<const nlohmann::json>;
  virtual ~TaskObjects() = default;

  struct Listing {
    std::vector<Object> objects;
    bool complete = true;  // none is left out
  };
  // All of them, but those that were written through this and whose new state isn't known yet.
  virtual Result<Listing> List(TaskKind kind) = 0;
  // Of the subresource "status", or the object itself with "".
  virtual Status Patch(TaskKind kind, const std::string& name_space, const std::string& name,
                       const nlohmann::json& json_patch, const std::string& subresource) = 0;
  // Only the object with this uid. OK when it is gone.
  virtual Status DeleteTask(const std::string& name_space, const std::string& name,
                            const std::string& uid) = 0;
  // Shows what happened beside the task. Never waits, and may drop it.
  virtual void Tell(const nlohmann::json& task, const Notice& notice) = 0;
  // The data of a Secret, decoded, by key.
  virtual Result<std::map<std::string, std::string>> ReadSecret(const std::string& name_space,
                                                                const std::string& name) = 0;
};

}  // namespace headpond::controller
