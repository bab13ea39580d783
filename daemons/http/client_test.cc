#include "http/client.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "http/http_server.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::http {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

// Answers what it was asked: the method, the path, a header and the body.
Result<Response> Echo(const Request& request) {
  if (request.path == "/missing") return Response{.status = 404, .body = "none such"};
  if (request.path == "/large") return Response{.body = std::string(5000, 'x')};
  if (request.path == "/endless")
    return Response{.content_type = "text/plain; charset=utf-8",
                    .stream = [] { return std::optional<std::string>("tick\n"); }};
  if (request.path == "/silent")
    return Response{.content_type = "text/plain; charset=utf-8",
                    .stream = [] { return std::optional<std::string>(""); }};
  const auto header = request.headers.find("x-word");
  return Response{
      .body = fmt::format("{} {} {} {}", request.method, request.path,
                          header == request.headers.end() ? "-" : header->second, request.body),
      .headers = {{"X-Version", "1.41"}}};
}

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.HandleAll(Echo);
    ASSERT_OK(server_.Start().status());
  }
  Client NewClient(size_t max_body = 1000) {
    return Client({.unix_socket = directory_.path() + "/server", .max_body_bytes = max_body});
  }

  TempDirectory directory_;
  HttpServer server_{{.unix_socket = directory_.path() + "/server"}};
};

TEST_F(HttpClientTest, SendsMethodHeadersAndBodyAndReadsStatusHeadersAndBody) {
  Client client = NewClient();
  ASSERT_OK_AND_ASSIGN(
      const auto posted,
      client.Call(
          {.method = "POST", .path = "/a?b=1", .headers = {{"X-Word", "w"}}, .body = "text"}));
  EXPECT_EQ(posted.status, 200);
  EXPECT_EQ(posted.body, "POST /a w text");
  EXPECT_THAT(posted.headers, Contains(Pair("x-version", "1.41")));
  ASSERT_OK_AND_ASSIGN(const auto deleted, client.Call({.method = "DELETE", .path = "/a"}));
  EXPECT_EQ(deleted.body, "DELETE /a - ");
  ASSERT_OK_AND_ASSIGN(const auto head, client.Call({.method = "HEAD", .path = "/a"}));
  EXPECT_EQ(head.body, "");
  ASSERT_OK_AND_ASSIGN(const auto got, client.Call({.path = "/a"}));
  EXPECT_EQ(got.body, "GET /a - ");
}

TEST_F(HttpClientTest, AnErrorAnswerIsAnAnswerEvenWithASink) {
  Client client = NewClient();
  ASSERT_OK_AND_ASSIGN(const auto answer,
                       client.Call({.path = "/missing", .sink = [](std::string_view) {
                                      return Internal("not for the sink");
                                    }}));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "none such");
}

TEST_F(HttpClientTest, ABodyComesFromASourcePieceByPiece) {
  Client client = NewClient();
  int left = 3;
  ASSERT_OK_AND_ASSIGN(
      const auto answer,
      client.Call({.method = "PUT", .path = "/a", .source = [&]() -> Result<std::string> {
                     return std::string(left-- > 0 ? "piece " : "");
                   }}));
  EXPECT_EQ(answer.body, "PUT /a - piece piece piece ");
  EXPECT_THAT(client
                  .Call({.method = "PUT",
                         .path = "/a",
                         .source = []() -> Result<std::string> { return DataLoss("torn"); }})
                  .status(),
              StatusIs(Code::kDataLoss, "torn"));
}

TEST_F(HttpClientTest, AStreamGoesToTheSinkUntilItSaysNo) {
  Client client = NewClient();
  std::string seen;
  const auto take = [&](std::string_view piece) {
    seen += piece;
    return seen.size() < 50 ? Status::Ok() : Aborted("enough");
  };
  const Status ended = client.Call({.path = "/endless", .sink = take, .timeout = {}}).status();
  EXPECT_THAT(ended, StatusIs(Code::kAborted, "enough"));
  EXPECT_THAT(seen, HasSubstr("tick\ntick\n"));
}

TEST_F(HttpClientTest, ACancelledOrSilentCallEnds) {
  Client client = NewClient();
  EXPECT_THAT(
      client.Call({.path = "/silent", .timeout = {}, .cancelled = [] { return true; }}).status(),
      StatusIs(Code::kCancelled, HasSubstr("cancelled")));
  EXPECT_THAT(
      client.Call({.path = "/silent", .timeout = std::chrono::milliseconds(50)}).status(),
      StatusIs(Code::kDeadlineExceeded, AllOf(HasSubstr("GET unix://"), HasSubstr("/silent"))));
}

TEST_F(HttpClientTest, AWaitingCallIsWokenToSeeThatItIsCancelled) {
  Client client = NewClient();
  std::atomic<bool> accepted = false, cancelled = false;
  std::thread canceller([&] {
    EXPECT_TRUE(Eventually([&] { return accepted.load(); }));
    cancelled = true;
    client.Wake();
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(client
                  .Call({.path = "/silent",
                         .sink = [](std::string_view) { return Status::Ok(); },
                         .accepted = [&] { accepted = true; },
                         .timeout = {},
                         .cancelled = [&] { return cancelled.load(); }})
                  .status(),
              StatusIs(Code::kCancelled));
  canceller.join();
  // Unwoken it would be asked after a second.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
}

TEST_F(HttpClientTest, MoreThanAllowedIsRefused) {
  Client client = NewClient(4999);
  EXPECT_THAT(client.Call({.path = "/large"}).status(),
              StatusIs(Code::kResourceExhausted, HasSubstr("4999")));
  Client larger = NewClient(5000);
  EXPECT_OK(larger.Call({.path = "/large"}).status());
}

TEST_F(HttpClientTest, AServerThatIsNotThereOrAWrongUrlIsNamed) {
  Client nobody({.unix_socket = directory_.path() + "/nobody"});
  EXPECT_THAT(nobody.Call({.path = "/a"}).status(),
              StatusIs(Code::kUnavailable, HasSubstr("/nobody/a")));
  Client ftp({.base_url = "ftp://localhost"});
  EXPECT_THAT(ftp.Call({.path = "/a"}).status(),
              StatusIs(Code::kInvalidArgument, HasSubstr("ftp://localhost")));
}

TEST(PercentEncodeTest, KeepsWhatNeedsNoCode) {
  EXPECT_EQ(PercentEncode("a-b_c.d~e"), "a-b_c.d~e");
  EXPECT_EQ(PercentEncode("{\"a\": [1/2]}"), "%7B%22a%22%3A%20%5B1%2F2%5D%7D");
  EXPECT_EQ(PercentEncode(std::string_view("\0ü", 3)), "%00%C3%BC");
}

}  // namespace
}  // namespace headpond::http
