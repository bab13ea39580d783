#include "operator/apiserver/listeners.h"

#include <curl/curl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "io/env.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kNamespaces = "/api/v1/namespaces";

struct Answer {
  CURLcode outcome = CURLE_OK;
  long status = 0;
  std::string body;
};

class ListenersTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }

  void Start() {
    auto started = EmbeddedApi::Start({.folder = directory_ / "api"}, Clock::System());
    ASSERT_OK(started);
    api_ = *std::move(started);
  }

  std::string File(const char* name) { return directory_ / (std::string("api/") + name); }
  std::string Token() {
    return io::ReadWholeFile(io::Env::Posix(), File("token"), 1000).value_or("");
  }

  using Sink = std::function<bool(std::string_view)>;  // false ends the transfer

  // Over TLS with the given token, or over the socket when `token` is null.
  Answer Ask(const char* method, const std::string& target, const std::string* token,
             const Sink& sink = {}) {
    Answer answer;
    const Sink append = [&](std::string_view piece) {
      answer.body += piece;
      return sink ? sink(piece) : true;
    };
    CURL* curl = curl_easy_init();
    curl_slist* headers = nullptr;
    const std::string authorization = token ? "Authorization: Bearer " + *token : "";
    const std::string socket = api_->socket_path();
    const std::string url = token ? fmt::format("https://127.0.0.1:{}{}", api_->port(), target)
                                  : "http://localhost" + target;
    const std::string certificate = File("server.crt");
    if (token)
      headers = curl_slist_append(headers, authorization.c_str());
    else
      curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");  // all that the library knows
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &append);
    curl_easy_setopt(
        curl, CURLOPT_WRITEFUNCTION,
        +[](char* data, size_t size, size_t count, void* to) -> size_t {
          return (*static_cast<const Sink*>(to))({data, size * count}) ? size * count : 0;
        });
    answer.outcome = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return answer;
  }

  TempDirectory directory_;
  std::unique_ptr<EmbeddedApi> api_;
};

TEST_F(ListenersTest, TheTokenOpensTheDoorOverTls) {
  const std::string token = Token();
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(Ask("GET", kNamespaces, &token).status, 200);
  for (const std::string& bad :
       {std::string(), token.substr(1), token + "x", std::string(64, '0')}) {
    const Answer refused = Ask("GET", kNamespaces, &bad);
    EXPECT_EQ(refused.status, 401);
    EXPECT_THAT(refused.body, HasSubstr("\"Unauthorized\""));
  }
}

TEST_F(ListenersTest, TheSocketNeedsNoTokenAndIsItsOwners) {
  const Answer answer = Ask("GET", kNamespaces, nullptr);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body)["items"][0]["metadata"]["name"], "default");
  for (const char* const name : {"api.sock", "token", "server.key", "kubeconfig"}) {
    struct stat status {};
    ASSERT_EQ(::stat(File(name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(ListenersTest, ARestartKeepsObjectsTokenAndCertificate) {
  const std::string token = Token();
  const auto certificate = io::ReadWholeFile(io::Env::Posix(), File("server.crt"), 10'000);
  api_.reset();
  Start();
  EXPECT_EQ(Token(), token);
  EXPECT_EQ(*io::ReadWholeFile(io::Env::Posix(), File("server.crt"), 10'000), *certificate);
  EXPECT_EQ(Ask("GET", std::string(kNamespaces) + "/default", &token).status, 200);
}

TEST_F(ListenersTest, AWatchIsSentAsItHappensAndEndsWithItsTimeout) {
  const std::string token = Token();
  std::string seen;
  std::thread writer;
  const Answer answer =
      Ask("GET", std::string(kNamespaces) + "?watch=true&timeoutSeconds=20", &token,
          [&](std::string_view piece) {
            seen += piece;
            // Only after the first event has arrived: it was not held back for a second one.
            if (!writer.joinable() && seen.find("\"ADDED\"") != std::string::npos)
              writer = std::thread([this] { Ask("DELETE", "/api/v1/namespaces/late", nullptr); });
            return seen.find('\n') == std::string::npos;
          });
  EXPECT_EQ(answer.outcome, CURLE_WRITE_ERROR) << "ended by the test after the first line";
  EXPECT_EQ(answer.status, 200);
  if (writer.joinable()) writer.join();
  const Answer ended =
      Ask("GET", std::string(kNamespaces) + "?watch=true&timeoutSeconds=1", &token);
  EXPECT_EQ(ended.outcome, CURLE_OK);
  EXPECT_THAT(ended.body, HasSubstr("\"ADDED\""));
}

TEST_F(ListenersTest, AStopEndsWatches) {
  const std::string token = Token();
  std::thread watcher(
      [&] { EXPECT_EQ(Ask("GET", std::string(kNamespaces) + "?watch=true", &token).status, 200); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (api_->server().watch_count() == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(api_->server().watch_count(), 1);
  api_.reset();
  watcher.join();
}

}  // namespace
}  // namespace headpond::apiserver
