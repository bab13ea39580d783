// The server, the authentication service and the client channel together, over loopback and a
// domain socket.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/auth.h"
#include "net/channel.h"
#include "net/grpc_status.h"
#include "net/retry.h"
#include "net/sasl_plain.h"
#include "net/sasl_service.h"
#include "net/server.h"
#include "net/version_service.h"
#include "proto/metric_master.grpc.pb.h"
#include "proto/sasl_server.grpc.pb.h"
#include "proto/version.grpc.pb.h"

namespace headpond::net {
namespace {

namespace metric = ::alluxio::grpc::metric;
namespace sasl = ::alluxio::grpc::sasl;
namespace version = ::alluxio::grpc::version;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kMethod[] = "alluxio.grpc.metric.MetricsMasterClientService/GetMetrics";
constexpr seconds kPatience{20};

// Waits until `condition` holds; false when it does not within kPatience.
bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Pause pause;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (!pause.For(milliseconds(2)).ok()) return false;
  }
  return true;
}

// A service like any other: it asks the authenticator who calls, and reports it.
class WhoAmI final : public metric::MetricsMasterClientService::CallbackService {
 public:
  explicit WhoAmI(const Authenticator& authenticator) : authenticator_(authenticator) {}

  ::grpc::ServerUnaryReactor* GetMetrics(::grpc::CallbackServerContext* context,
                                         const metric::GetMetricsPOptions*,
                                         metric::GetMetricsPResponse* response) override {
    auto* reactor = context->DefaultReactor();
    const auto user = authenticator_.Authenticate(*context, kMethod);
    if (user.ok()) {
      (*response->mutable_metrics())["user"].set_stringvalue(user->name);
      (*response->mutable_metrics())["connection"].set_stringvalue(user->connection_user);
    }
    reactor->Finish(ToGrpc(user.status()));
    return reactor;
  }

 private:
  const Authenticator& authenticator_;
};

class NoGroups final : public UserGroups {
 public:
  Result<std::vector<std::string>> Groups(const std::string& user) override {
    if (user == "carol") return std::vector<std::string>{"hdfs-users"};
    return std::vector<std::string>{};
  }
};

// Everything one process serves, in the order a composition root builds it.
class TestServer {
 public:
  explicit TestServer(AuthType type = AuthType::kSimple, GrpcServerOptions options = {})
      : authenticator_(AuthOptions(type), groups_, clock_),
        sasl_(authenticator_, executor_, clock_),
        versions_({version::META_MASTER_CLIENT_SERVICE}, [this] { return primary_.load(); }),
        who_am_i_(authenticator_),
        server_(WithHost(std::move(options))) {
    if (type != AuthType::kNoSasl) server_.AddSasl(sasl_);
    server_.AddService(versions_.service());
    server_.AddService(who_am_i_);
    const auto port = server_.Start();
    EXPECT_TRUE(port.ok()) << port.status().ToString();
  }
  ~TestServer() {
    server_.Stop(milliseconds(0));
    executor_.Shutdown();
  }

  std::string target() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  ManualClock& clock() { return clock_; }
  SaslService& sasl() { return sasl_; }
  Authenticator& authenticator() { return authenticator_; }
  GrpcServer& server() { return server_; }
  void set_primary(bool primary) { primary_ = primary; }

 private:
  static Authenticator::Options AuthOptions(AuthType type) {
    return {.type = type,
            .process_user = "headpond",
            .impersonation = ImpersonationRules::FromProperties(
                {{"alluxio.master.security.impersonation.yarn.users", "bob"},
                 {"alluxio.master.security.impersonation.yarn.groups", "hdfs-users"}})};
  }
  static GrpcServerOptions WithHost(GrpcServerOptions options) {
    options.bind_host = "127.0.0.1";
    return options;
  }

  ManualClock clock_;
  NoGroups groups_;
  ThreadPool executor_{"auth", 2, 100};
  Authenticator authenticator_;
  SaslService sasl_;
  std::atomic<bool> primary_{true};
  VersionService versions_;
  WhoAmI who_am_i_;
  GrpcServer server_;
};

std::unique_ptr<AuthenticatedChannel> Connect(const std::string& target, const std::string& user,
                                              const std::string& impersonated_user = "",
                                              AuthType auth = AuthType::kSimple) {
  return std::make_unique<AuthenticatedChannel>(
      ChannelOptions{.target = target,
                     .auth = auth,
                     .user = user,
                     .impersonated_user = impersonated_user,
                     .auth_timeout = seconds(10),
                     .own_connection = true},
      Random::FromSystem());
}

// "user/connection user", or the error.
std::string WhoIs(AuthenticatedChannel& channel) {
  const auto stub = metric::MetricsMasterClientService::NewStub(channel.channel());
  metric::GetMetricsPResponse response;
  const Status status = channel.Call(kPatience, [&](::grpc::ClientContext& context) {
    return stub->GetMetrics(&context, {}, &response);
  });
  if (!status.ok()) return status.ToString();
  return response.metrics().at("user").stringvalue() + "/" +
         response.metrics().at("connection").stringvalue();
}

TEST(RpcAuthTest, ACallIsMadeByTheUserWhoAuthenticatedTheChannel) {
  TestServer server;
  const auto alice = Connect(server.target(), "alice");
  const auto bob = Connect(server.target(), "bob");
  EXPECT_EQ(WhoIs(*alice), "alice/alice");
  EXPECT_EQ(WhoIs(*bob), "bob/bob");
  EXPECT_EQ(WhoIs(*alice), "alice/alice");
  EXPECT_EQ(server.authenticator().channels().size(), 2u) << "each channel authenticates once";
}

TEST(RpcAuthTest, ImpersonationFollowsTheRules) {
  TestServer server;
  EXPECT_EQ(WhoIs(*Connect(server.target(), "yarn", "bob")), "bob/yarn");
  EXPECT_EQ(WhoIs(*Connect(server.target(), "yarn", "carol")), "carol/yarn");
  EXPECT_THAT(WhoIs(*Connect(server.target(), "yarn", "dave")),
              AllOf(StartsWith("UNAUTHENTICATED"), HasSubstr("yarn may not act as user dave")));
  EXPECT_THAT(WhoIs(*Connect(server.target(), "alice", "bob")), StartsWith("UNAUTHENTICATED"));
}

TEST(RpcAuthTest, ACallWithoutAKnownChannelIdIsUnauthenticated) {
  TestServer server;
  const auto stub = metric::MetricsMasterClientService::NewStub(
      MakeChannel({.target = server.target(), .own_connection = true}));
  metric::GetMetricsPResponse response;
  {
    ::grpc::ClientContext context;
    EXPECT_EQ(FromGrpc(stub->GetMetrics(&context, {}, &response)),
              Unauthenticated("Channel Id is missing for call: {}.", kMethod));
  }
  ::grpc::ClientContext context;
  context.AddMetadata(kChannelIdKey, "no-such-id");
  EXPECT_EQ(FromGrpc(stub->GetMetrics(&context, {}, &response)),
            Unauthenticated("Channel: no-such-id is not authenticated for call: {}", kMethod));
}

TEST(RpcAuthTest, WithoutSaslEveryCallIsTheProcessUsers) {
  TestServer server(AuthType::kNoSasl);
  EXPECT_EQ(WhoIs(*Connect(server.target(), "alice", "", AuthType::kNoSasl)), "headpond/headpond");
  EXPECT_THAT(WhoIs(*Connect(server.target(), "alice")),
              AllOf(StartsWith("UNAUTHENTICATED"), HasSubstr("authentication.type=NOSASL")));
}

TEST(RpcAuthTest, ARestartedServerIsAuthenticatedToAnew) {
  auto server = std::make_unique<TestServer>();
  const int port = server->server().port();
  const auto channel = Connect(server->target(), "alice");
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
  server.reset();
  EXPECT_THAT(WhoIs(*channel), StartsWith("UNAVAILABLE"));
  server = std::make_unique<TestServer>(AuthType::kSimple, GrpcServerOptions{.port = port});
  EXPECT_TRUE(Eventually([&] { return WhoIs(*channel) == "alice/alice"; }));
}

TEST(RpcAuthTest, AServerThatForgotTheChannelIsAuthenticatedToAnew) {
  TestServer server;
  const auto channel = Connect(server.target(), "alice");
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
  server.clock().Advance(std::chrono::hours(73));
  EXPECT_EQ(server.authenticator().channels().TakeStale().size(), 1u);
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
}

TEST(RpcAuthTest, TheSweepEndsIdleChannels) {
  TestServer server;
  const auto channel = Connect(server.target(), "alice");
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
  server.clock().Advance(std::chrono::hours(73));
  server.sasl().Sweep();
  EXPECT_EQ(server.authenticator().channels().size(), 0u);
  EXPECT_TRUE(Eventually([&] { return server.sasl().open_streams() == 0; }));
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
}

TEST(RpcAuthTest, ClosingAChannelForgetsItsId) {
  TestServer server;
  auto channel = Connect(server.target(), "alice");
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
  channel.reset();
  EXPECT_TRUE(Eventually([&] { return server.authenticator().channels().size() == 0; }));
  EXPECT_TRUE(Eventually([&] { return server.sasl().open_streams() == 0; }));
}

TEST(RpcAuthTest, ManyThreadsShareOneChannel) {
  TestServer server;
  const auto channel = Connect(server.target(), "alice");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) EXPECT_EQ(WhoIs(*channel), "alice/alice");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server.authenticator().channels().size(), 1u);
}

TEST(RpcAuthTest, AnUnreachableServerIsUnavailable) {
  std::string target;
  {
    TestServer server;
    target = server.target();
  }
  EXPECT_THAT(WhoIs(*Connect(target, "alice")), StartsWith("UNAVAILABLE"));
}

// The raw stream, to send what our own client never would.
class SaslStreamTest : public testing::Test {
 protected:
  using Stream = ::grpc::ClientReaderWriter<sasl::SaslMessage, sasl::SaslMessage>;

  static sasl::SaslMessage Challenge(const std::string& id, const std::string& user) {
    sasl::SaslMessage message;
    message.set_messagetype(sasl::CHALLENGE);
    message.set_authenticationscheme(sasl::SIMPLE);
    message.set_clientid(id);
    message.set_message(FormatPlain({user, user, std::string(kNoPassword)}));
    return message;
  }
  std::unique_ptr<Stream> Open(::grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return stub_->authenticate(&context);
  }
  // What the server ends a stream with whose only message is `message`.
  Status Outcome(const sasl::SaslMessage& message) {
    ::grpc::ClientContext context;
    const auto stream = Open(context);
    stream->Write(message);
    sasl::SaslMessage reply;
    while (stream->Read(&reply)) {
    }
    return FromGrpc(stream->Finish());
  }

  TestServer server_;
  std::unique_ptr<sasl::SaslAuthenticationService::Stub> stub_ =
      sasl::SaslAuthenticationService::NewStub(MakeChannel({.target = server_.target()}));
};

TEST_F(SaslStreamTest, StaysOpenAfterSuccessAndHalfCloseDropsTheId) {
  ::grpc::ClientContext context;
  const auto stream = Open(context);
  ASSERT_TRUE(stream->Write(Challenge("my-id", "alice")));
  sasl::SaslMessage reply;
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_EQ(reply.messagetype(), sasl::SUCCESS);
  EXPECT_FALSE(reply.has_message());
  EXPECT_EQ(server_.authenticator().channels().Find("my-id")->name, "alice");

  ASSERT_TRUE(stream->WritesDone());
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(server_.authenticator().channels().size(), 0u);
}

TEST_F(SaslStreamTest, ABrokenStreamDropsTheId) {
  ::grpc::ClientContext context;
  const auto stream = Open(context);
  ASSERT_TRUE(stream->Write(Challenge("my-id", "alice")));
  sasl::SaslMessage reply;
  ASSERT_TRUE(stream->Read(&reply));
  context.TryCancel();
  EXPECT_TRUE(Eventually([&] { return server_.authenticator().channels().size() == 0; }));
  stream->Finish();
}

TEST_F(SaslStreamTest, RefusesWhatIsNoPlainChallenge) {
  auto message = Challenge("id", "alice");
  message.set_message("alice");
  EXPECT_THAT(Outcome(message).ToString(),
              AllOf(StartsWith("UNAUTHENTICATED"), HasSubstr("PLAIN")));

  message = Challenge("id", "alice");
  message.set_messagetype(sasl::SUCCESS);
  EXPECT_THAT(Outcome(message).ToString(),
              AllOf(StartsWith("UNAUTHENTICATED"), HasSubstr("CHALLENGE")));

  for (const auto scheme : {sasl::NOSASL, sasl::CUSTOM}) {
    message = Challenge("id", "alice");
    message.set_authenticationscheme(scheme);
    EXPECT_THAT(Outcome(message).ToString(),
                AllOf(StartsWith("UNAUTHENTICATED"), HasSubstr("not supported: use SIMPLE")));
  }
  for (const std::string& id : {std::string(), std::string("a b"), std::string(257, 'x')}) {
    EXPECT_EQ(Outcome(Challenge(id, "alice")).code(), Code::kUnauthenticated) << id;
  }
  EXPECT_EQ(server_.authenticator().channels().size(), 0u);
}

TEST_F(SaslStreamTest, RefusesAnIdThatIsInUse) {
  ::grpc::ClientContext context;
  const auto stream = Open(context);
  ASSERT_TRUE(stream->Write(Challenge("my-id", "alice")));
  sasl::SaslMessage reply;
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_THAT(Outcome(Challenge("my-id", "mallory")).ToString(),
              AllOf(StartsWith("UNAUTHENTICATED"), HasSubstr("my-id")));
  EXPECT_EQ(server_.authenticator().channels().Find("my-id")->name, "alice");
  context.TryCancel();
  stream->Finish();
}

TEST_F(SaslStreamTest, RefusesASecondMessage) {
  ::grpc::ClientContext context;
  const auto stream = Open(context);
  ASSERT_TRUE(stream->Write(Challenge("my-id", "alice")));
  sasl::SaslMessage reply;
  ASSERT_TRUE(stream->Read(&reply));
  stream->Write(Challenge("my-id", "alice"));
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(server_.authenticator().channels().size(), 0u);
}

TEST_F(SaslStreamTest, TheSweepEndsStreamsThatNeverAuthenticate) {
  ::grpc::ClientContext context;
  const auto stream = Open(context);
  ASSERT_TRUE(Eventually([&] { return server_.sasl().open_streams() == 1; }));
  server_.sasl().Sweep();
  EXPECT_EQ(server_.sasl().open_streams(), 1u);
  server_.clock().Advance(SaslService::kFirstMessageTimeout);
  server_.sasl().Sweep();
  sasl::SaslMessage reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::UNAUTHENTICATED);
}

TEST(RpcVersionTest, NeedsNoAuthenticationAndMapsErrors) {
  TestServer server;
  const auto stub =
      version::ServiceVersionClientService::NewStub(MakeChannel({.target = server.target()}));
  const auto ask = [&](version::ServiceType type, bool allowed_on_standby) {
    version::GetServiceVersionPRequest request;
    request.set_servicetype(type);
    if (allowed_on_standby) request.set_allowedonstandbymasters(true);
    version::GetServiceVersionPResponse response;
    ::grpc::ClientContext context;
    const Status status = FromGrpc(stub->getServiceVersion(&context, request, &response));
    return status.ok() ? std::to_string(response.version()) : status.ToString();
  };
  EXPECT_EQ(ask(version::META_MASTER_CLIENT_SERVICE, false), "2");
  EXPECT_EQ(ask(version::JOB_MASTER_CLIENT_SERVICE, false),
            "NOT_FOUND: Service JOB_MASTER_CLIENT_SERVICE is not found.");
  server.set_primary(false);
  EXPECT_EQ(ask(version::META_MASTER_CLIENT_SERVICE, false),
            "UNAVAILABLE: GetServiceVersion is not supported on standby master");
  EXPECT_EQ(ask(version::META_MASTER_CLIENT_SERVICE, true), "2");
}

// A server with one service, to be refused.
class GrpcServerTest : public testing::Test {
 protected:
  Status Start(GrpcServerOptions options) {
    GrpcServer server(std::move(options));
    server.AddService(versions_.service());
    return server.Start().status();
  }

  VersionService versions_{{version::META_MASTER_CLIENT_SERVICE}, nullptr};
};

TEST_F(GrpcServerTest, APortInUseIsReportedWithItsHolder) {
  TestServer first;
  const Status status = Start({.name = "master RPC server",
                               .bind_host = "127.0.0.1",
                               .port = first.server().port(),
                               .port_property = "alluxio.master.rpc.port"});
  EXPECT_EQ(status.code(), Code::kAlreadyExists);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("master RPC server"), HasSubstr(first.target()),
                                      HasSubstr("process " + std::to_string(getpid())),
                                      HasSubstr("set alluxio.master.rpc.port")));
}

TEST_F(GrpcServerTest, AWildcardServerDoesNotShareAPortThatIsTaken) {
  TestServer first;
  EXPECT_EQ(Start({.bind_host = "0.0.0.0", .port = first.server().port()}).code(),
            Code::kAlreadyExists);
}

TEST_F(GrpcServerTest, AnAddressThatCannotBeBoundIsReported) {
  // TEST-NET-1: nobody's.
  EXPECT_THAT(Start({.bind_host = "192.0.2.1"}).ToString(),
              AllOf(StartsWith("INVALID_ARGUMENT"), HasSubstr("192.0.2.1 is not an address")));
  EXPECT_THAT(Start({.bind_host = "no such host"}).ToString(),
              AllOf(StartsWith("INVALID_ARGUMENT"), HasSubstr("no such host")));
}

TEST_F(GrpcServerTest, AServerWithoutServicesIsAMistake) {
  EXPECT_EQ(GrpcServer({.bind_host = "127.0.0.1"}).Start().status().code(),
            Code::kFailedPrecondition);
}

TEST_F(GrpcServerTest, StopsAtOnceWhileClientsHoldAuthenticationStreams) {
  TestServer server;
  const auto channel = Connect(server.target(), "alice");
  EXPECT_EQ(WhoIs(*channel), "alice/alice");
  const auto start = std::chrono::steady_clock::now();
  server.server().Stop(std::chrono::minutes(5));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  EXPECT_EQ(server.sasl().open_streams(), 0u);
}

class UnixSocketTest : public GrpcServerTest {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/headpond-net-XXXXXX";
    folder_ = mkdtemp(folder);
    path_ = folder_ + "/rpc.sock";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_, path_;
};

TEST_F(UnixSocketTest, ServesAnyLocalUserNextToTcp) {
  TestServer server(AuthType::kSimple, {.unix_socket_path = path_});
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 0777, 0777u);
  EXPECT_EQ(WhoIs(*Connect("unix:" + path_, "alice")), "alice/alice");
  EXPECT_EQ(WhoIs(*Connect(server.target(), "bob")), "bob/bob");
}

TEST_F(UnixSocketTest, ReplacesADeadSocketButNotALiveOneNorAFile) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(dead);
  {
    TestServer server(AuthType::kSimple, {.unix_socket_path = path_});
    EXPECT_THAT(Start({.bind_host = "127.0.0.1", .unix_socket_path = path_}).ToString(),
                HasSubstr("served by another process"));
  }
  std::filesystem::remove(path_);
  std::ofstream(path_) << "data";
  EXPECT_THAT(Start({.bind_host = "127.0.0.1", .unix_socket_path = path_}).ToString(),
              HasSubstr("is not a socket"));
}

TEST_F(UnixSocketTest, ReportsAPathThatIsTooLongOrHasNoFolder) {
  EXPECT_THAT(
      Start({.bind_host = "127.0.0.1", .unix_socket_path = "/" + std::string(108, 'x')}).ToString(),
      HasSubstr("more than 107"));
  EXPECT_THAT(
      Start({.bind_host = "127.0.0.1", .unix_socket_path = folder_ + "/absent/s"}).ToString(),
      HasSubstr("does its folder exist"));
}

TEST(ParseAuthTypeTest, KnowsTwoTypesAndExplainsTheOthers) {
  EXPECT_EQ(*ParseAuthType("NOSASL"), AuthType::kNoSasl);
  EXPECT_EQ(*ParseAuthType("simple"), AuthType::kSimple);
  EXPECT_THAT(ParseAuthType("CUSTOM").status().ToString(),
              AllOf(StartsWith("INVALID_ARGUMENT"), HasSubstr("Java class"), HasSubstr("SIMPLE")));
  EXPECT_THAT(ParseAuthType("KERBEROS").status().ToString(), HasSubstr("KERBEROS"));
}

}  // namespace
}  // namespace headpond::net
