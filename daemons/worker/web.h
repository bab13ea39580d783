#pragma once

#include "base/config.h"
#include "base/metrics.h"
#include "base/worker_address.h"
#include "cache/block_store.h"
#include "http/http_server.h"

namespace headpond::worker {

// What a worker tells of itself; complete once it has started.
struct WorkerIdentity {
  WorkerAddress address;
  int64_t start_ms = 0;
};

struct WebDeps {
  cache::BlockStore& store;
  MetricsRegistry& metrics;
  const Config& config;
  const WorkerIdentity& identity;
};

// Adds the overview page and stock's REST answers (compat/rest.md): /,
// /api/v1/worker/{info,webui_init,webui_overview, webui_config,operations},
// /metrics/{json,prometheus}.
void AddWorkerPages(http::HttpServer& server, WebDeps deps);

}  // namespace headpond::worker
