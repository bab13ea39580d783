#include "master/store_setup.h"

#include <chrono>

#include "base/log.h"

namespace headpond::master {
namespace {

constexpr std::chrono::seconds kSnapshotLook{1};
constexpr const char* kBackup = "alluxio.master.journal.init.from.backup";

Result<std::unique_ptr<RestoredState>> ReadBackupAt(const std::string& uri,
                                                    meta::NamespaceOptions options) {
  const size_t name = uri.rfind('/') + 1;  // npos + 1 == 0
  if (name == 0 || name == uri.size()) return InvalidArgument("is no path of a file");
  ASSIGN_OR_RETURN(const auto store, ufs::OpenUfs(uri.substr(0, name), {}));
  ASSIGN_OR_RETURN(const auto file, store->Open(uri));
  return RestoredState::Read(*file, std::move(options));
}

}  // namespace

Result<std::unique_ptr<RestoredState>> ReadConfiguredBackup(const Config& config) {
  if (!config.IsSet(kBackup)) return std::unique_ptr<RestoredState>();
  const std::string uri = config.GetString(kBackup);
  auto state = ReadBackupAt(uri, NamespaceOptionsOf(config));
  if (!state.ok())
    return state.status().WithContext(
        fmt::format("{}={} can't be restored, and nothing was changed (name a whole backup that "
                    "this user can read, or unset it to begin with an empty namespace)",
                    kBackup, uri));
  LogInfo("master", "the new journal begins with the {} inodes of {}", (*state)->inodes(), uri);
  return state;
}

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
