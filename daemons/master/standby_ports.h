#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/config.h"
#include "http/http_server.h"
#include "master/quorum_page.h"
#include "net/rejecting_port.h"

namespace headpond::master {

// The ports of a master that does not serve now: the RPC port ends every connection at once, so
// that clients ask the next master; with alluxio.standby.master.web.enabled the web port tells how
// this master stands (quorum_page.h), and nothing else. Not thread safe.
class StandbyPorts {
 public:
  // `look` is called from the web server's threads; both arguments outlive this.
  StandbyPorts(const Config& config, std::function<std::optional<QuorumView>()> look)
      : config_(config), look_(std::move(look)) {}

  // Errors: those of a port that is taken, naming its property.
  Status Hold();
  void Free();

  int rpc_port() const;
  int web_port() const;

 private:
  const Config& config_;
  const std::function<std::optional<QuorumView>()> look_;
  std::unique_ptr<net::RejectingPort> port_;
  std::unique_ptr<http::HttpServer> web_;
};

}  // namespace headpond::master
