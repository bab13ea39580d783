#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "operator/controller/master_access.h"

namespace headpond::controller {

// What a cluster's masters are asked for.
struct QuorumCall {
  enum class What {
    kElect,   // let `address` lead
    kRemove,  // go on without `address`
  };
  What what = What::kElect;
  std::string address;  // of a master's journal, as the others know it
  MasterAccess access;
};

// OK when it is so. Takes a few seconds at most.
using CallQuorum = std::function<Status(const QuorumCall& call)>;

}  // namespace headpond::controller
