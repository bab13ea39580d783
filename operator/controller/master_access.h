#pragma once

#include <map>
#include <string>
#include <vector>

namespace headpond::controller {

// What it takes to ask a cluster's masters for something.
struct MasterAccess {
  std::vector<std::string> masters;  // host:port of their RPCs, as the operator reaches them
  std::map<std::string, std::string> properties;  // who asks, and how they prove who they are
};

}  // namespace headpond::controller
