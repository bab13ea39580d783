#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace headpond::controller {

// What it takes to ask a cluster's masters for another leader.
struct LeadershipCall {
  std::vector<std::string> masters;  // host:port of their RPCs, as the operator reaches them
  std::string to;                    // the journal of the one that is to lead, as they know it
  std::map<std::string, std::string> properties;  // who asks, and how they prove who they are
};

// OK when the other one leads. Takes a few seconds at most.
using MoveLeadership = std::function<Status(const LeadershipCall& call)>;

}  // namespace headpond::controller
