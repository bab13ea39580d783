#include "operator/cli/render.h"

#include <gmock/gmock.h>

namespace headpond::operator_cli {
namespace {

TEST(RenderTest, ColumnsAreAlignedWithoutTrailingBlanks) {
  EXPECT_EQ(Table({{"A", "LONG", "C"}, {"long", "b", ""}}), "A     LONG  C\nlong  b\n");
}

TEST(RenderTest, AgesReadLikeKubectls) {
  EXPECT_EQ(Age(-5), "0s");
  EXPECT_EQ(Age(119'000), "119s");
  EXPECT_EQ(Age(423'000), "7m3s");
  EXPECT_EQ(Age(5 * 3'600'000 + 12 * 60'000), "5h12m");
  EXPECT_EQ(Age(76 * 3'600'000LL), "3d4h");
}

TEST(RenderTest, DetailsNameWhatIsWrong) {
  controller::ClusterStatus status{.phase = "Degraded"};
  status.daemons = {{.name = "c-master-0",
                     .role = "master",
                     .state = "Failed",
                     .crashes = 1,
                     .address = "localhost:1",
                     .web = "http://localhost:2",
                     .logs = "/logs"}};
  status.endpoints = {{"masterRpc", "localhost:1"}};
  status.conditions = {{"Ready", "False", "NoMasterServes", "no master serves", "", 1},
                       {"Progressing", "False", "AsDesired", "", "", 1},
                       {"Degraded", "True", "PortInUse", "port 1 is held by pid 3 (x)", "", 1}};
  api::CacheCluster cluster;
  cluster.metadata.name = "c";
  EXPECT_EQ(ClusterDetails(cluster, status),
            "cluster c: Degraded\n"
            "  DAEMON      STATE   PID  ADDRESS      WEB                 CRASHES\n"
            "  c-master-0  Failed  -    localhost:1  http://localhost:2  1\n"
            "  clients connect to alluxio://localhost:1\n"
            "  logs         /logs\n"
            "  Ready=False NoMasterServes: no master serves\n"
            "  Degraded=True PortInUse: port 1 is held by pid 3 (x)\n");
}

}  // namespace
}  // namespace headpond::operator_cli
