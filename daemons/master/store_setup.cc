#include "master/store_setup.h"

#include <chrono>

namespace headpond::master {
namespace {

constexpr std::chrono::seconds kSnapshotLook{1};

}  // namespace

meta::NamespaceOptions NamespaceOptionsOf(const Config& config) {
  const bool keeps_answers =
      config.GetBool("alluxio.master.filesystem.operation.retry.cache.enabled");
  return {.check_permissions = config.GetBool("alluxio.security.authorization.permission.enabled"),
          .supergroup = config.GetString("alluxio.security.authorization.permission.supergroup"),
          .operation_cache_size = keeps_answers
                                      ? static_cast<size_t>(config.GetInt(
                                            "alluxio.master.filesystem.operation.retry.cache.size"))
                                      : 0};
}

std::unique_ptr<PeriodicTask> StartSnapshots(const Config& config, MetadataStore& store,
                                             std::function<bool()> wanted) {
  const auto entries =
      static_cast<uint64_t>(config.GetInt("alluxio.master.journal.checkpoint.period.entries"));
  return std::make_unique<PeriodicTask>("snapshot", kSnapshotLook,
                                        [&store, entries, wanted = std::move(wanted)] {
                                          store.SnapshotIfDue(wanted && wanted() ? 0 : entries);
                                        });
}

}  // namespace headpond::master
