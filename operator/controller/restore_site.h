#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/controller/look.h"
#include "operator/controller/store.h"
#include "operator/plan/restore.h"

namespace headpond::controller {

// What of a cluster decides whether it may be restored, and how that goes.
struct RestoreSite {
  // Why it never may: a CamelCase reason, and words for people with the field and the remedy.
  // Empty: it may.
  struct Refusal {
    std::string reason;
    std::string message;
  };
  std::optional<Refusal> refusal;
  bool paused = false;
  std::vector<std::string> journals;  // folders that would be set aside
  std::optional<plan::RestoreRecord> record;
};

RestoreSite RestoreSiteOf(const api::CacheCluster& cluster, const Look& look,
                          const ClusterStatus& before);

// What clusters are to be restored to: the Restore that holds each.
using RestoreOrders = std::map<ClusterKey, plan::RestoreOrder>;

}  // namespace headpond::controller
