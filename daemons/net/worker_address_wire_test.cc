#include "net/worker_address_wire.h"

#include <gmock/gmock.h>

#include "proto/common.pb.h"

namespace headpond::net {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

WorkerAddress OverTheWire(const WorkerAddress& address) {
  ::alluxio::grpc::WorkerNetAddress wire;
  ToWire(address, &wire);
  return FromWire(wire);
}

TEST(WorkerAddressWireTest, EveryFieldSurvivesTheWire) {
  const WorkerAddress address{.host = "host",
                              .rpc_port = 1,
                              .data_port = 2,
                              .web_port = 3,
                              .domain_socket_path = "/socket",
                              .container_host = "container",
                              .locality = {{"node", "host"}, {"rack", "r1"}}};
  EXPECT_EQ(OverTheWire(address), address);
}

TEST(WorkerAddressWireTest, AnUnknownRackIsLeftOutRatherThanEmpty) {
  ::alluxio::grpc::WorkerNetAddress wire;
  ToWire({.host = "host", .locality = {{"node", "host"}, {"rack", ""}}}, &wire);
  ASSERT_EQ(wire.tieredidentity().tiers_size(), 2);
  EXPECT_FALSE(wire.tieredidentity().tiers(1).has_value());
}

TEST(WorkerAddressWireTest, AnAddressWithoutLocalityGetsItsHostAsNode) {
  EXPECT_THAT(OverTheWire({.host = "host"}).locality, ElementsAre(Pair("node", "host")));
}

}  // namespace
}  // namespace headpond::net
