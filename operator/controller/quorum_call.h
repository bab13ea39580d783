#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace headpond::controller {

// What a cluster's masters are asked for, and what it takes to ask them.
struct QuorumCall {
  enum class What {
    kElect,   // let `address` lead
    kRemove,  // go on without `address`
  };
  What what = What::kElect;
  std::string address;               // of a master's journal, as the others know it
  std::vector<std::string> masters;  // host:port of their RPCs, as the operator reaches them
  std::map<std::string, std::string> properties;  // who asks, and how they prove who they are
};

// OK when it is so. Takes a few seconds at most.
using CallQuorum = std::function<Status(const QuorumCall& call)>;

}  // namespace headpond::controller
