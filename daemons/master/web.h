#pragma once

#include "http/http_server.h"
#include "master/meta_service.h"

namespace headpond::master {

struct WebDeps {
  ServiceDeps services;
  UfsPool& ufs;
  const MasterIdentity& identity;
  const Config& config;
  const ReportedConfig& reported;
};

// Adds the overview page and stock's REST answers (compat/rest.md): /,
// /api/v1/master/{info,webui_init,webui_overview,
// webui_workers,webui_mounttable,webui_config,webui_browse}, /metrics/{json,prometheus}.
void AddMasterPages(http::HttpServer& server, WebDeps deps);

}  // namespace headpond::master
