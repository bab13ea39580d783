#include "operator/runtime/docker/engine_client.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "http/http_server.h"
#include "operator/runtime/docker/engine.h"
#include "operator/testing/fake_engine.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::runtime {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing_operator::FakeEngine;

TEST(EngineClientTest, SpeaksTheNewestVersionThatBothKnow) {
  const std::pair<const char*, const char*> cases[] = {
      {"1.41", "1.41"}, {"1.44", "1.44"}, {"1.52", "1.52"}, {"1.60", "1.52"}};
  for (const auto& [engine_speaks, spoken] : cases) {
    FakeEngine engine({.api_version = engine_speaks});
    EngineClient client(engine.endpoint());
    EXPECT_EQ(client.Version().value_or({}).ToString(), spoken);
    EXPECT_OK(client.Do({.path = "/volumes"}));
  }
}

TEST(EngineClientTest, AnEngineThatIsTooOldIsSaidSo) {
  FakeEngine engine({.api_version = "1.40"});
  EngineClient client(engine.endpoint());
  EXPECT_THAT(client.Do({.path = "/volumes"}),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr("1.40"), HasSubstr("1.41"), HasSubstr("20.10"))));
}

// Engines refuse a version as JSON when it is too new and as plain text when it is too old.
TEST(EngineClientTest, ARefusedVersionIsExplainedInTheEnginesWords) {
  FakeEngine engine({.api_version = "1.47", .min_api_version = "1.44"});
  Endpoint endpoint = engine.endpoint();
  endpoint.api_version = "1.52";
  EXPECT_THAT(EngineClient(endpoint).Do({.path = "/volumes"}),
              StatusIs(Code::kFailedPrecondition,
                       HasSubstr("client version 1.52 is too new. Maximum supported API version "
                                 "is 1.47")));
  endpoint.api_version = "1.41";
  EXPECT_THAT(EngineClient(endpoint).Do({.path = "/volumes"}),
              StatusIs(Code::kFailedPrecondition,
                       HasSubstr("client version 1.41 is too old. Minimum supported API version "
                                 "is 1.44")));
  endpoint.api_version = "newest";
  EXPECT_THAT(EngineClient(endpoint).Do({.path = "/volumes"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("DOCKER_API_VERSION")));
}

TEST(EngineClientTest, ErrorsCarryTheEnginesMessage) {
  FakeEngine engine;
  Engine calls(engine.endpoint());
  EXPECT_THAT(calls.InspectByName("nobody"),
              StatusIs(Code::kNotFound, "No such container: nobody"));
  EXPECT_THAT(calls.CreateContainer("a", {{"Image", "missing:1"}}),
              StatusIs(Code::kNotFound, "No such image: missing:1"));
}

TEST(EngineClientTest, ANewEngineAfterTheOldOneIsAskedForItsVersionAgain) {
  FakeEngine engine;
  EngineClient client(engine.endpoint());
  ASSERT_OK(client.Version());
  engine.GoAway();
  EXPECT_THAT(client.Do({.path = "/volumes"}), StatusIs(Code::kUnavailable));
  engine.ComeBack();
  EXPECT_OK(client.Do({.path = "/volumes"}));
}

// A server that answers as told, on a socket file.
class OddEngine {
 public:
  explicit OddEngine(http::Handler handler) : server_({.unix_socket = directory_ / "docker.sock"}) {
    server_.HandleAll(
        [handler = std::move(handler)](const http::Request& request) -> Result<http::Response> {
          if (request.path == "/_ping")
            return http::Response{.body = "OK", .headers = {{"Api-Version", "1.41"}}};
          return handler(request);
        });
    EXPECT_OK(server_.Start());
  }
  Endpoint endpoint() const { return {.name = "unix://odd", .socket = directory_ / "docker.sock"}; }

 private:
  TempDirectory directory_;
  http::HttpServer server_;
};

TEST(EngineClientTest, AnEngineThatIsEndingCountsAsAway) {
  const auto refuse_with = [](std::string words) {
    OddEngine engine([words](const http::Request&) -> Result<http::Response> {
      return http::Response{.status = 500, .body = nlohmann::json{{"message", words}}.dump()};
    });
    return Engine(engine.endpoint()).InspectVolume("demo").status().code();
  };
  EXPECT_EQ(refuse_with("get demo: database not open"), Code::kUnavailable);
  EXPECT_EQ(refuse_with("no space left on device"), Code::kInternal);
}

TEST(EngineClientTest, RepliesThatAreNoneAreSaidSo) {
  for (const char* body : {"", "{", "[1]", "null", "{\"Volumes\": 7}", "{\"Volumes\": [{}]}"}) {
    OddEngine engine([body](const http::Request&) -> Result<http::Response> {
      return http::Response{.body = body};
    });
    Engine calls(engine.endpoint());
    const auto volumes = calls.ListVolumes({});
    if (volumes.ok())
      EXPECT_TRUE(volumes->empty()) << body;
    else
      EXPECT_EQ(volumes.status().code(), Code::kDataLoss) << body;
    EXPECT_THAT(calls.InspectByName("a"), StatusIs(Code::kDataLoss)) << body;
    EXPECT_THAT(calls.CreateContainer("a", {}), StatusIs(Code::kDataLoss)) << body;
  }
}

TEST(EngineClientTest, AStreamEndsWithCancel) {
  FakeEngine engine;
  EngineClient client(engine.endpoint());
  EXPECT_THAT(client.Do({.path = "/events",
                         .timeout = milliseconds(0),
                         .on_data = [](std::string_view) { return true; },
                         .on_accepted = [&] { client.Cancel(); }}),
              StatusIs(Code::kCancelled));
  EXPECT_THAT(client.Do({.path = "/volumes"}), StatusIs(Code::kCancelled));
}

TEST(EngineClientTest, ACallEndsWithItsDeadline) {
  FakeEngine engine;
  EngineClient client(engine.endpoint());
  EXPECT_THAT(client.Do({.path = "/events",
                         .timeout = milliseconds(50),
                         .on_data = [](std::string_view) { return true; }}),
              StatusIs(Code::kDeadlineExceeded));
}

TEST(EngineTest, TimesOfTheEngineAreReadToTheMillisecond) {
  EXPECT_EQ(ParseEngineTime("0001-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseEngineTime("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(ParseEngineTime("1970-01-01T00:00:01.5Z"), 1500);
  EXPECT_EQ(ParseEngineTime("1970-01-01T00:00:01.123456789Z"), 1123);
  EXPECT_EQ(ParseEngineTime("yesterday"), 0);
  EXPECT_EQ(ParseEngineTime(""), 0);
}

}  // namespace
}  // namespace headpond::runtime
