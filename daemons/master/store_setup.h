#pragma once

#include <functional>
#include <memory>

#include "base/config.h"
#include "base/executor.h"
#include "master/metadata_store.h"
#include "master/restored_state.h"

// What every master does with its namespace, whether it is the only one or one of several.
namespace headpond::master {

meta::NamespaceOptions NamespaceOptionsOf(const Config& config);

// What alluxio.master.journal.init.from.backup names, for a journal that is blank; nothing when it
// is not set. Blocks on I/O. Errors name the property, the file and the remedy.
Result<std::unique_ptr<RestoredState>> ReadConfiguredBackup(const Config& config);

// Takes a snapshot whenever alluxio.master.journal.checkpoint.period.entries have come since the
// last, and when `wanted` says so (may be null). `store` outlives it.
std::unique_ptr<PeriodicTask> StartSnapshots(const Config& config, MetadataStore& store,
                                             std::function<bool()> wanted = nullptr);

}  // namespace headpond::master
