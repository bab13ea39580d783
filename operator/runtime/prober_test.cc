#include "operator/runtime/prober.h"

#include <gmock/gmock.h>

#include "http/http_server.h"
#include "operator/testing/free_ports.h"
#include "testing/status_matchers.h"

namespace headpond::runtime {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ProberTest, ServingMeansBothPortsAnswer) {
  http::HttpServer server({.port_key = "test"});
  server.Handle("GET", "/good", [](const http::Request&) -> Result<http::Response> {
    return http::Response{.body = R"({"workers":[{},{}]})"};
  });
  server.Handle("GET", "/odd", [](const http::Request&) -> Result<http::Response> {
    return http::Response{.body = "not JSON"};
  });
  server.Handle("GET", "/bad", [](const http::Request&) -> Result<http::Response> {
    return http::Response{.status = 503};
  });
  ASSERT_OK_AND_ASSIGN(const int port, server.Start());
  const int closed = testing_operator::FreePorts(1).at(0);

  Prober prober;
  const auto results = prober.ProbeAll({{"127.0.0.1", port, port, "/good"},
                                        {"127.0.0.1", port, port, "/odd"},
                                        {"127.0.0.1", port, port, "/bad"},
                                        {"127.0.0.1", closed, port, "/good"},
                                        {"127.0.0.1", port, closed, "/good"}},
                                       milliseconds(5000));
  ASSERT_EQ(results.size(), 5u);
  EXPECT_TRUE(results[0].serving) << results[0].message;
  EXPECT_EQ(results[0].live_workers, 2);
  EXPECT_TRUE(results[1].serving);
  EXPECT_EQ(results[1].live_workers, std::nullopt);
  EXPECT_FALSE(results[2].serving);
  EXPECT_THAT(results[2].message, HasSubstr("answers /bad with status 503"));
  EXPECT_FALSE(results[3].serving);
  EXPECT_THAT(results[3].message, HasSubstr(std::to_string(closed)));
  EXPECT_FALSE(results[4].serving);
  EXPECT_TRUE(prober.ProbeAll({}, milliseconds(1)).empty());
  EXPECT_TRUE(
      prober.ProbeAll({{"127.0.0.1", port, port, "/good"}}, milliseconds(5000)).at(0).serving);
}

TEST(ProberTest, OneOfSeveralMastersSaysHowItStands) {
  http::HttpServer server({.port_key = "test"});
  const auto answer = [&](const char* path, int status, const char* body) {
    server.Handle("GET", path, [=](const http::Request&) -> Result<http::Response> {
      return http::Response{.status = status, .body = body};
    });
  };
  answer("/leads", 200,
         R"({"role":"LEADER","term":7,"leader":"m-1:19200","sequence":42,"liveWorkers":2,"members":[
             {"address":"m-1:19200","votes":true,"available":true},{"address":"m-2:19200"}]})");
  answer("/follows", 200, R"({"role":"STANDBY","term":7,"leader":"m-1:19200","sequence":40})");
  answer("/elects", 503,
         R"({"role":"ELECTING","term":8,"leader":"","sequence":40,"members":[{"address":"a:1"}]})");
  answer("/odd", 200, R"({"role":"STANDBY","term":-1,"leader":5,"sequence":"x","liveWorkers":-3,
             "members":[{"address":"a:1"},{"address":7},3]})");
  ASSERT_OK_AND_ASSIGN(const int port, server.Start());
  Prober prober;
  std::vector<plan::Probe> probes;
  for (const char* path : {"/leads", "/follows", "/elects", "/odd"})
    probes.push_back({"127.0.0.1", port, port, path});
  const auto results = prober.ProbeAll(probes, milliseconds(5000));
  const plan::QuorumView leads{.leads = true, .term = 7, .leader = "m-1:19200", .sequence = 42};
  EXPECT_TRUE(results[0].serving);
  EXPECT_EQ(results[0].quorum, leads);
  EXPECT_EQ(results[0].live_workers, 2);
  EXPECT_EQ(results[0].rpc_address, "127.0.0.1:" + std::to_string(port));
  EXPECT_THAT(results[0].members, ElementsAre(plan::QuorumMember{"m-1:19200", true, true},
                                              plan::QuorumMember{"m-2:19200", false, false}));
  EXPECT_TRUE(results[1].serving);
  EXPECT_FALSE(results[1].quorum->leads);
  EXPECT_EQ(results[1].live_workers, std::nullopt);
  EXPECT_FALSE(results[2].serving);
  EXPECT_EQ(results[2].quorum, std::nullopt);
  EXPECT_THAT(results[2].message, HasSubstr("ELECTING"));
  EXPECT_THAT(results[2].members, ElementsAre(plan::QuorumMember{"a:1", false, false}));
  EXPECT_EQ(results[3].quorum, plan::QuorumView());
  EXPECT_TRUE(results[3].members.empty());
}

}  // namespace
}  // namespace headpond::runtime
