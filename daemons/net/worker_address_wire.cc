#include "net/worker_address_wire.h"

#include "proto/common.pb.h"

namespace headpond::net {

WorkerAddress FromWire(const ::alluxio::grpc::WorkerNetAddress& wire) {
  WorkerAddress address{.host = wire.host(),
                        .rpc_port = wire.rpcport(),
                        .data_port = wire.dataport(),
                        .web_port = wire.webport(),
                        .domain_socket_path = wire.domainsocketpath(),
                        .container_host = wire.containerhost()};
  for (const auto& tier : wire.tieredidentity().tiers())
    address.locality.emplace_back(tier.tiername(), tier.value());
  return address;
}

void ToWire(const WorkerAddress& address, ::alluxio::grpc::WorkerNetAddress* out) {
  out->set_host(address.host);
  out->set_rpcport(address.rpc_port);
  out->set_dataport(address.data_port);
  out->set_webport(address.web_port);
  out->set_domainsocketpath(address.domain_socket_path);
  out->set_containerhost(address.container_host);
  const auto add_tier = [out](const std::string& name, const std::string& value) {
    auto* tier = out->mutable_tieredidentity()->add_tiers();
    tier->set_tiername(name);
    if (!value.empty()) tier->set_value(value);  // stock's null
  };
  for (const auto& [name, value] : address.locality) add_tier(name, value);
  if (address.locality.empty()) add_tier("node", address.host);
}

}  // namespace headpond::net
