#include "image/engine.h"

#include <gmock/gmock.h>

#include "http/http_server.h"
#include "testing/status_matchers.h"

namespace headpond::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineTest : public ::testing::Test {
 protected:
  // An engine that gives one answer to everything, and keeps what it was asked.
  Engine Serve(int status, const std::string& body) {
    server_.HandleAll([=, this](const http::Request& request) -> Result<http::Response> {
      asked_ = request;
      return http::Response{.status = status, .body = body};
    });
    const auto port = server_.Start();
    EXPECT_TRUE(port.ok()) << port.status().ToString();
    return Engine({.base_url = fmt::format("http://127.0.0.1:{}", port.value_or(0))});
  }

  http::Request asked_;
  http::HttpServer server_{{}};
};

TEST_F(EngineTest, ListsImagesWithTheirNames) {
  Engine engine = Serve(200, R"([{"Id":"sha256:1","RepoTags":["a:1","b:2"],"Size":5,"Created":7},
                                 {"Id":"sha256:2","RepoTags":null},
                                 {"Id":"sha256:3","RepoTags":["<none>:<none>"]}, 4])");
  ASSERT_OK_AND_ASSIGN(const auto images, engine.List());
  ASSERT_EQ(images.size(), 3u);
  EXPECT_THAT(images[0].tags, ElementsAre("a:1", "b:2"));
  EXPECT_EQ(images[0].size_bytes, 5);
  EXPECT_EQ(images[0].created_ms, 7000);
  EXPECT_THAT(images[1].tags, IsEmpty());
  EXPECT_THAT(images[2].tags, IsEmpty());
}

TEST_F(EngineTest, PushesAndTellsHowFarAndTheDigest) {
  Engine engine =
      Serve(200,
            "{\"status\":\"Preparing\",\"id\":\"l1\"}\r\n"
            R"({"status":"Pushing","progressDetail":{"current":10,"total":100},"id":"l1"})"
            "\r\n"
            R"({"status":"Pushing","progressDetail":{"current":7},"id":"l2"})"
            "\r\n"
            R"({"status":"Pushed","progressDetail":{},"id":"l1"})"
            "\r\n"
            R"({"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:d","Size":3}})");
  std::vector<std::pair<int64_t, int64_t>> steps;
  ASSERT_OK_AND_ASSIGN(const Reference what, ParseReference("127.0.0.1:5000/a/b:1"));
  // The last line has no end of line: nothing is lost of the others.
  ASSERT_OK_AND_ASSIGN(
      const std::string digest,
      engine.Push(what, Credentials{.user = "me", .password = "p"}, [&](const LayerProgress& now) {
        steps.emplace_back(now.done_bytes, now.total_bytes);
      }));
  EXPECT_EQ(asked_.method, "POST");
  EXPECT_EQ(asked_.path, "/images/127.0.0.1:5000/a/b/push");
  EXPECT_EQ(asked_.query.at("tag"), "1");
  EXPECT_EQ(asked_.headers.at("x-registry-auth"),
            EngineAuthorization(Credentials{.user = "me", .password = "p"}, "127.0.0.1:5000"));
  using Step = std::pair<int64_t, int64_t>;
  EXPECT_THAT(steps, ElementsAre(Step(10, 100), Step(17, 107), Step(107, 107)));
  EXPECT_EQ(digest, "sha256:d");
}

TEST_F(EngineTest, PullsByTagOrDigest) {
  Engine engine = Serve(200, "{\"status\":\"Digest: sha256:e\"}\n{\"status\":\"Status: new\"}\n");
  ASSERT_OK_AND_ASSIGN(const Reference what,
                       ParseReference("r.example/a@sha256:" + std::string(64, 'f')));
  EXPECT_EQ(*engine.Pull(what, std::nullopt, nullptr), "sha256:e");
  EXPECT_EQ(asked_.query.at("fromImage"), "r.example/a");
  EXPECT_EQ(asked_.query.at("tag"), what.digest);
}

TEST_F(EngineTest, AnErrorInsideTheStreamFailsWithItsTextAndTheRemedy) {
  Engine engine = Serve(
      200,
      "{\"status\":\"Trying\"}\n"
      R"({"errorDetail":{"message":"http: server gave HTTP response to HTTPS client"},"error":"x"})"
      "\n");
  ASSERT_OK_AND_ASSIGN(const Reference what, ParseReference("r.example/a"));
  EXPECT_THAT(engine.Pull(what, std::nullopt, nullptr),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("HTTPS client"), HasSubstr("insecure-registries"))));
}

TEST_F(EngineTest, ErrorsComeAsJsonOrPlainText) {
  EXPECT_THAT(Serve(404, R"({"message":"no such image: a"})").List(),
              StatusIs(Code::kNotFound, "no such image: a"));
}

TEST_F(EngineTest, OldEnginesErrorsArePlainText) {
  EXPECT_THAT(Serve(400, "client is too old").List(),
              StatusIs(Code::kInvalidArgument, "client is too old"));
}

TEST_F(EngineTest, SavesAndLoadsStreams) {
  Engine engine = Serve(200, "{\"stream\":\"Loaded image: a:1\\n\"}\n");
  std::string saved;
  EXPECT_OK(engine.Save({"a:1", "b:2"}, [&](std::string_view piece) {
    saved += piece;
    return Status::Ok();
  }));
  EXPECT_EQ(asked_.path, "/images/get");
  EXPECT_THAT(saved, HasSubstr("Loaded"));
  std::string left = "the archive";
  ASSERT_OK_AND_ASSIGN(const auto said, engine.Load([&]() -> Result<std::string> {
    return std::exchange(left, {});
  }));
  EXPECT_EQ(asked_.body, "the archive");
  EXPECT_THAT(said, ElementsAre("Loaded image: a:1"));
}

TEST(ProgressStreamTest, TakesLinesInAnyPieces) {
  const std::string lines =
      "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"l\"}\n"
      "\n{\"status\":\"Digest: sha256:a\"}\n";
  for (size_t size = 1; size <= lines.size(); ++size) {
    ProgressStream stream(nullptr);
    for (size_t at = 0; at < lines.size(); at += size)
      ASSERT_OK(stream.Take(std::string_view(lines).substr(at, size)));
    EXPECT_OK(stream.Finish());
    EXPECT_EQ(stream.digest(), "sha256:a");
  }
}

TEST(ProgressStreamTest, RefusesWhatIsNoJsonAndLinesWithoutEnd) {
  EXPECT_THAT(ProgressStream(nullptr).Take("<html>\n"), StatusIs(Code::kDataLoss));
  EXPECT_THAT(ProgressStream(nullptr).Take(std::string(2 << 20, 'x')), StatusIs(Code::kDataLoss));
}

TEST(ProgressStreamTest, AbsurdNumbersDoNoHarm) {
  ProgressStream stream([](const LayerProgress& now) { EXPECT_GE(now.done_bytes, 0); });
  EXPECT_OK(stream.Take(
      "{\"status\":\"Pushing\",\"id\":\"l\",\"progressDetail\":{\"current\":-5,\"total\":-1}}\n"
      "{\"status\":\"Pushing\",\"id\":\"l\",\"progressDetail\":{\"current\":1e300}}\n"
      "{\"status\":\"Pushing\",\"id\":\"l\",\"progressDetail\":[]}\n"
      "{\"status\":\"Pushing\",\"id\":\"m\",\"progressDetail\":{\"total\":9223372036854775807}}\n"
      "{\"status\":\"Pushing\",\"id\":\"n\",\"progressDetail\":{\"total\":9223372036854775807}}\n"
      "{\"status\":5,\"id\":{},\"error\":7,\"errorDetail\":\"x\",\"stream\":[]}\n"));
  EXPECT_OK(stream.Finish());
}

TEST(EngineAddressTest, IsWhatTheDockerCommandWouldUse) {
  EXPECT_EQ(EngineAddress({})->unix_socket, "/var/run/docker.sock");
  EXPECT_EQ(EngineAddress({{"DOCKER_HOST", "unix:///a/b.sock"}})->unix_socket, "/a/b.sock");
  EXPECT_EQ(EngineAddress({{"DOCKER_HOST", "tcp://h:2375"}})->base_url, "http://h:2375");
  const auto tls = EngineAddress(
      {{"DOCKER_HOST", "tcp://h:2376"}, {"DOCKER_TLS_VERIFY", "1"}, {"DOCKER_CERT_PATH", "/c"}});
  EXPECT_EQ(tls->base_url, "https://h:2376");
  EXPECT_EQ(tls->ca_file, "/c/ca.pem");
  EXPECT_FALSE(tls->insecure);
  EXPECT_THAT(EngineAddress({{"DOCKER_HOST", "ssh://h"}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("DOCKER_HOST=ssh://h")));
}

}  // namespace
}  // namespace headpond::image
