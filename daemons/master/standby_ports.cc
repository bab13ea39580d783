#include "master/standby_ports.h"

namespace headpond::master {

Status StandbyPorts::Hold() {
  ASSIGN_OR_RETURN(
      port_, net::RejectingPort::Open({.name = "master RPC server",
                                       .bind_host = config_.GetString("alluxio.master.bind.host"),
                                       .port = rpc_port(),
                                       .bind_host_property = "alluxio.master.bind.host",
                                       .port_property = "alluxio.master.rpc.port"}));
  if (!config_.GetBool("alluxio.standby.master.web.enabled")) return Status::Ok();
  // Closes connections, for its end must not hold up the one who is about to lead.
  web_ = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{.bind_host = config_.GetString("alluxio.master.web.bind.host"),
                                .port = web_port(),
                                .requests_per_connection = 1,
                                .port_key = "alluxio.master.web.port"});
  AddQuorumPage(*web_, look_);
  return web_->Start().status();
}

void StandbyPorts::Free() {
  port_.reset();
  web_.reset();
}

int StandbyPorts::rpc_port() const {
  return static_cast<int>(config_.GetInt("alluxio.master.rpc.port"));
}
int StandbyPorts::web_port() const {
  return static_cast<int>(config_.GetInt("alluxio.master.web.port"));
}

}  // namespace headpond::master
