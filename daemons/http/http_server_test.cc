#include "http/http_server.h"

#include <curl/curl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace headpond::http {
namespace {

using ::testing::HasSubstr;

struct Answer {
  long status = 0;
  std::string body;
};

Answer Fetch(int port, const std::string& path, const char* post_body = nullptr) {
  Answer answer;
  CURL* curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, fmt::format("http://127.0.0.1:{}{}", port, path).c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
  if (post_body != nullptr) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* body) {
        static_cast<std::string*>(body)->append(data, size * count);
        return size * count;
      });
  EXPECT_EQ(curl_easy_perform(curl), CURLE_OK);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_easy_cleanup(curl);
  return answer;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Handle("GET", "/api/v1/echo", [](const Request& request) -> Result<Response> {
      const auto it = request.query.find("text");
      return Response{.body = JsonString(it == request.query.end() ? "" : it->second)};
    });
    server_.Handle("GET", "/api/v1/fails",
                   [](const Request&) -> Result<Response> { return NotFound("no \"x\""); });
    server_.Handle("GET", "/static/*", [](const Request& request) -> Result<Response> {
      return Response{.content_type = "text/plain", .body = request.path};
    });
    server_.Handle("POST", "/api/v1/set", [](const Request& request) -> Result<Response> {
      return Response{.body = JsonString(request.body)};
    });
    auto port = server_.Start();
    ASSERT_TRUE(port.ok()) << port.status().ToString();
    port_ = *port;
  }

  HttpServer server_{{.max_body_bytes = 1000}};
  int port_ = 0;
};

TEST_F(HttpServerTest, DecodesTheQueryAndAnswers) {
  const Answer answer = Fetch(port_, "/api/v1/echo?text=a%20%22b%22");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"("a \"b\"")");
}

TEST_F(HttpServerTest, AFailedHandlerIs500WithTheCodeAndTheMessage) {
  const Answer answer = Fetch(port_, "/api/v1/fails");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, R"({"message":"no \"x\"","statusCode":"NOT_FOUND"})");
}

TEST_F(HttpServerTest, UnknownPathsAreJettys404WithTheNameEscaped) {
  const Answer answer = Fetch(port_, "/no%3Cscript%3E");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("<title>Error 404 Not Found</title>"));
  EXPECT_THAT(answer.body, HasSubstr("&lt;script&gt;"));
}

TEST_F(HttpServerTest, TheWrongMethodIs405) {
  EXPECT_EQ(Fetch(port_, "/api/v1/echo", "x").status, 405);
  EXPECT_EQ(Fetch(port_, "/api/v1/set").status, 405);
  EXPECT_EQ(Fetch(port_, "/api/v1/set", "x").body, "\"x\"");
}

TEST_F(HttpServerTest, ATrailingStarMatchesWhatFollows) {
  EXPECT_EQ(Fetch(port_, "/static/a/b.css").body, "/static/a/b.css");
}

TEST_F(HttpServerTest, RefusesABodyOverTheLimit) {
  const std::string body(2000, 'x');
  EXPECT_EQ(Fetch(port_, "/api/v1/set", body.c_str()).status, 413);
}

TEST_F(HttpServerTest, ATakenPortIsNamedWithItsHolderAndTheRemedy) {
  HttpServer second({.port = port_, .port_key = "alluxio.master.web.port"});
  const auto port = second.Start();
  ASSERT_FALSE(port.ok());
  EXPECT_THAT(port.status().message(),
              HasSubstr(fmt::format("127.0.0.1:{} for HTTP: it is taken by process {} (", port_,
                                    getpid())));
  EXPECT_THAT(port.status().message(), HasSubstr("alluxio.master.web.port"));
}

// A server for everything: echoes what it got, and streams.
class HandleAllTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.HandleAll([](const Request& request) -> Result<Response> {
      if (request.path == "/stream") {
        auto left = std::make_shared<int>(3);
        return Response{.content_type = "text/plain;stream=test",
                        .stream = [left]() -> std::optional<std::string> {
                          if (--*left < 0) return std::nullopt;
                          return *left == 1 ? "" : std::to_string(*left);
                        }};
      }
      const auto header = request.headers.find("x-test");
      return Response{.status = request.body_too_large ? 413 : 202,
                      .body = fmt::format("{} {} {} {}", request.method, request.path, request.body,
                                          header == request.headers.end() ? "" : header->second)};
    });
    auto port = server_.Start();
    ASSERT_TRUE(port.ok()) << port.status().ToString();
    port_ = *port;
  }

  Answer Send(const char* method, const std::string& path, const char* body) {
    Answer answer;
    CURL* curl = curl_easy_init();
    curl_slist* headers = curl_slist_append(nullptr, "X-Test: yes");
    curl_easy_setopt(curl, CURLOPT_URL, fmt::format("http://127.0.0.1:{}{}", port_, path).c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    if (body != nullptr) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(
        curl, CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* to) {
          static_cast<std::string*>(to)->append(data, size * count);
          return size * count;
        });
    EXPECT_EQ(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return answer;
  }

  HttpServer server_{{.max_body_bytes = 1000}};
  int port_ = 0;
};

TEST_F(HandleAllTest, TakesEveryMethodWithItsBodyAndHeaders) {
  for (const char* const method : {"POST", "PUT", "PATCH", "DELETE"})
    EXPECT_EQ(Send(method, "/a/b", "body").body, fmt::format("{} /a/b body yes", method));
  EXPECT_EQ(Send("GET", "/", nullptr).body, "GET /  yes");
  EXPECT_EQ(Send("DELETE", "/a", nullptr).body, "DELETE /a  yes");
}

TEST_F(HandleAllTest, SaysThatABodyWasTooLarge) {
  EXPECT_EQ(Send("PUT", "/a", std::string(2000, 'x').c_str()).status, 413);
}

TEST_F(HandleAllTest, RefusesEndlessPaths) {
  EXPECT_EQ(Send("GET", "/" + std::string(4000, 'x'), nullptr).status, 414);
}

TEST_F(HandleAllTest, StreamsPiecesUntilTheEnd) {
  EXPECT_EQ(Send("GET", "/stream", nullptr).body, "20");
}

TEST(HtmlTest, EscapesWhatHtmlActsOn) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  EXPECT_EQ(JsonString("\xff<"), "\"\xEF\xBF\xBD<\"");
}

}  // namespace
}  // namespace headpond::http
