#include "operator/controller/restore_site.h"

#include <fmt/format.h>

namespace headpond::controller {
namespace {

using Refusal = RestoreSite::Refusal;

constexpr const char* kElected = "alluxio.zookeeper.enabled";

std::optional<Refusal> RefusalOf(const api::CacheCluster& cluster, const Look& look) {
  const api::CacheClusterSpec& spec = cluster.spec;
  for (const auto& [field, properties] :
       {std::pair("spec.master.properties", &spec.master_properties),
        std::pair("spec.properties", &spec.properties)}) {
    const auto elected = properties->find(kElected);
    if (elected == properties->end()) continue;
    if (elected->second != "true") break;  // the masters' own counts
    return Refusal{"JournalNotOwned",
                   fmt::format("{}[{}]: ZooKeeper knows the journal, and lets no other take its "
                               "place; stop the masters and move it by hand, as docs/backup.md "
                               "says",
                               field, kElected)};
  }
  for (const plan::Workload& workload : look.desired.workloads) {
    if (workload.role != plan::Role::kMaster) continue;
    const Status can = look.runtime->CanSetAside(look.ref, workload);
    if (!can.ok()) return Refusal{"RuntimeNotSupported", can.message()};
  }
  return std::nullopt;
}

}  // namespace

RestoreSite RestoreSiteOf(const api::CacheCluster& cluster, const Look& look,
                          const ClusterStatus& before) {
  RestoreSite site{
      .refusal = RefusalOf(cluster, look), .paused = cluster.spec.paused, .record = before.restore};
  for (const plan::Workload& workload : look.desired.workloads)
    if (const plan::Volume* const journal = plan::JournalOf(workload); journal != nullptr)
      site.journals.push_back(journal->path);
  return site;
}

}  // namespace headpond::controller
