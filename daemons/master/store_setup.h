#pragma once

#include <functional>
#include <memory>

#include "base/config.h"
#include "base/executor.h"
#include "master/metadata_store.h"

// What every master does with its namespace, whether it is the only one or one of several.
namespace headpond::master {

meta::NamespaceOptions NamespaceOptionsOf(const Config& config);

// Takes a snapshot whenever alluxio.master.journal.checkpoint.period.entries have come since the
// last, and when `wanted` says so (may be null). `store` outlives it.
std::unique_ptr<PeriodicTask> StartSnapshots(const Config& config, MetadataStore& store,
                                             std::function<bool()> wanted = nullptr);

}  // namespace headpond::master
