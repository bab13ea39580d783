#include "image/registry.h"

#include <gmock/gmock.h>

#include "http/http_server.h"
#include "testing/status_matchers.h"

namespace headpond::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const Credentials kMe{.user = "me", .password = "secret"};

// A registry of three repositories on two pages; "c" has had all its tags deleted.
class RegistryTest : public ::testing::Test {
 protected:
  enum class Login { kNone, kBasic, kBearer };

  Registry Serve(Login login, std::optional<Credentials> credentials = std::nullopt) {
    login_ = login;
    server_.HandleAll([this](const http::Request& request) { return Answer(request); });
    const auto port = server_.Start();
    EXPECT_TRUE(port.ok()) << port.status().ToString();
    host_ = fmt::format("127.0.0.1:{}", port.value_or(0));
    return Registry({.host = host_, .credentials = std::move(credentials)});
  }

  http::Response Challenge(const std::string& scope) const {
    http::Response response{.status = 401,
                            .body = R"({"errors":[{"message":"authentication required"}]})"};
    response.headers.emplace(
        "WWW-Authenticate",
        login_ == Login::kBasic
            ? "Basic realm=\"r\""
            : fmt::format(R"(Bearer realm="http://{}/token",service="s v",scope="{}")", host_,
                          scope));
    return response;
  }

  Result<http::Response> Answer(const http::Request& request) {
    const auto header = request.headers.find("authorization");
    const std::string authorization = header == request.headers.end() ? "" : header->second;
    if (request.path == "/token") {
      EXPECT_EQ(request.query.at("service"), "s v");
      if (authorization != BasicAuthorization(kMe)) return Challenge("");
      return http::Response{.body =
                                fmt::format(R"({{"token":"t-{}"}})", request.query.at("scope"))};
    }
    const std::string scope = request.path.ends_with("/list")
                                  ? fmt::format("repository:{}:pull", request.path.substr(4, 1))
                                  : "registry:catalog:*";
    if (login_ == Login::kBasic && authorization != BasicAuthorization(kMe)) return Challenge("");
    if (login_ == Login::kBearer && authorization != "Bearer t-" + scope) return Challenge(scope);
    return Content(request);
  }

  static http::Response Content(const http::Request& request) {
    if (request.path == "/v2/") return http::Response{.body = "{}"};
    if (request.path == "/v2/a/tags/list") return http::Response{.body = R"({"tags":["1","2"]})"};
    if (request.path == "/v2/b/tags/list") return http::Response{.body = R"({"tags":null})"};
    if (request.path != "/v2/_catalog")
      return http::Response{.status = 404, .body = R"({"errors":[{"message":"name unknown"}]})"};
    if (request.query.contains("last")) return http::Response{.body = R"({"repositories":["c"]})"};
    return http::Response{
        .body = R"({"repositories":["a","b"]})",
        .headers = {{"Link", R"(<http://elsewhere.example/v2/_catalog?last=b&n=2>; rel="next")"}}};
  }

  Login login_ = Login::kNone;
  std::string host_;
  http::HttpServer server_{{}};
};

TEST_F(RegistryTest, ListsAllPagesOfTheCatalogueAndTags) {
  Registry registry = Serve(Login::kNone);
  EXPECT_THAT(*registry.Repositories(100), ElementsAre("a", "b", "c"));
  EXPECT_THAT(*registry.Repositories(1), ElementsAre("a"));
  EXPECT_THAT(*registry.Tags("a"), ElementsAre("1", "2"));
  EXPECT_THAT(*registry.Tags("b"), IsEmpty());
  EXPECT_THAT(registry.Tags("c"), StatusIs(Code::kNotFound, HasSubstr("name unknown")));
}

TEST_F(RegistryTest, LogsInWithAPassword) {
  Registry registry = Serve(Login::kBasic, kMe);
  EXPECT_THAT(*registry.Repositories(100), ElementsAre("a", "b", "c"));
}

TEST_F(RegistryTest, FetchesATokenForEachScope) {
  Registry registry = Serve(Login::kBearer, kMe);
  EXPECT_THAT(*registry.Repositories(100), ElementsAre("a", "b", "c"));
  EXPECT_THAT(*registry.Tags("a"), ElementsAre("1", "2"));
}

TEST_F(RegistryTest, WithoutThePasswordSaysWhatToGive) {
  for (const Login login : {Login::kBasic}) {
    Registry registry = Serve(login);
    EXPECT_THAT(registry.Repositories(100),
                StatusIs(Code::kUnauthenticated,
                         AllOf(HasSubstr("authentication required"), HasSubstr("--user"))));
  }
}

TEST_F(RegistryTest, AWrongPasswordIsNotRepeatedInTheError) {
  Registry registry = Serve(Login::kBearer, Credentials{.user = "me", .password = "wrong-one"});
  EXPECT_THAT(registry.Repositories(100),
              StatusIs(Code::kUnauthenticated, Not(HasSubstr("wrong-one"))));
}

TEST(RegistryAddressTest, NobodyThereIsUnavailable) {
  Registry registry({.host = "127.0.0.1:1"});
  EXPECT_THAT(registry.Repositories(1), StatusIs(Code::kUnavailable, HasSubstr("127.0.0.1:1")));
}

TEST(ChallengeTest, IsReadWithAndWithoutQuotes) {
  EXPECT_THAT(ParseChallenge(R"(Bearer realm="https://a/b?c=d",service="s, t", scope=x)"),
              UnorderedElementsAre(Pair("", "bearer"), Pair("realm", "https://a/b?c=d"),
                                   Pair("service", "s, t"), Pair("scope", "x")));
  EXPECT_THAT(ParseChallenge(""), ElementsAre(Pair("", "")));
  EXPECT_THAT(ParseChallenge("Basic realm=\"unclosed"),
              UnorderedElementsAre(Pair("", "basic"), Pair("realm", "unclosed")));
}

TEST(NextPageTest, StaysOnTheHost) {
  EXPECT_EQ(NextPage(R"(</v2/_catalog?last=x&n=1>; rel="next")"), "/v2/_catalog?last=x&n=1");
  EXPECT_EQ(NextPage(R"(<https://other/v2/a>; rel="next")"), "/v2/a");
  for (const char* const link :
       {"", "<", "</v2/a>; rel=\"prev\"", "</other>; rel=\"next\"", ">/v2/<; rel=\"next\""})
    EXPECT_EQ(NextPage(link), "") << link;
}

}  // namespace
}  // namespace headpond::image
