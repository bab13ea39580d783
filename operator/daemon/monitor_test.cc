#include "operator/daemon/monitor.h"

#include <gmock/gmock.h>

#include "http/client.h"
#include "testing/status_matchers.h"

namespace headpond::operator_daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class MonitorTest : public ::testing::Test {
 protected:
  http::ClientResponse Get(const std::string& path) {
    http::Client client({.base_url = "http://127.0.0.1:" + std::to_string(monitor_.port())});
    auto response = client.Call({.path = path});
    EXPECT_OK(response);
    return *std::move(response);
  }

  ManualClock clock_;
  Monitor monitor_{clock_};
};

TEST_F(MonitorTest, TellsWhetherTheLoopTurnsAndKnowsItsClusters) {
  ASSERT_OK(monitor_.Serve("127.0.0.1", 0));
  EXPECT_EQ(Get("/readyz").status, 503);
  monitor_.SetReady();
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Get("/healthz").status, 200);
  monitor_.PassBegins();
  clock_.Advance(Monitor::kStuck);
  EXPECT_EQ(Get("/healthz").status, 503);
  monitor_.PassEnds();
  EXPECT_EQ(Get("/healthz").body, "ok");
  monitor_.Stop();
}

TEST_F(MonitorTest, MetricsHaveTheNamesThatDashboardsKnow) {
  ASSERT_OK(monitor_.Serve("127.0.0.1", 0));
  monitor_.clusters().Record(true, std::chrono::milliseconds(7));
  monitor_.tasks().Record(false, std::chrono::milliseconds(7));
  monitor_.SetLeads(true);
  monitor_.Answered("GET", 200);
  monitor_.Answered("GET", 200);
  monitor_.Answered("PATCH", 0);
  const http::ClientResponse metrics = Get("/metrics");
  EXPECT_THAT(metrics.body,
              AllOf(HasSubstr("controller_runtime_reconcile_total{controller=\"cachecluster\","
                              "result=\"success\"} 1\n"),
                    HasSubstr("controller_runtime_reconcile_total{controller=\"containertask\","
                              "result=\"error\"} 1\n"),
                    HasSubstr("leader_election_master_status{name=\"headpond-operator\"} 1\n"),
                    HasSubstr("rest_client_requests_total{code=\"200\",method=\"GET\"} 2\n"),
                    HasSubstr("rest_client_requests_total{code=\"<error>\",method=\"PATCH\"} 1\n"),
                    HasSubstr("process_resident_memory_bytes ")));
  EXPECT_THAT(metrics.headers.at("content-type"), HasSubstr("version=0.0.4"));
  monitor_.Stop();
}

}  // namespace
}  // namespace headpond::operator_daemon
