// Our end of a lane, against servers over loopback.

#include "net/lane_client.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "net/auth.h"
#include "net/lane.h"
#include "net/lane_service.h"
#include "net/sasl_service.h"
#include "net/server.h"
#include "proto/version.grpc.pb.h"
#include "testing/fake_call.h"
#include "testing/status_matchers.h"

namespace headpond::net {
namespace {

namespace version = ::alluxio::grpc::version;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr seconds kPatience{20};
constexpr char kEcho[] = "/test/echo";
constexpr char kWho[] = "/test/who";
constexpr char kHold[] = "/test/hold";

class NoGroups final : public UserGroups {
 public:
  Result<std::vector<std::string>> Groups(const std::string&) override {
    return std::vector<std::string>{};
  }
};

// Requests and responses are messages with one number in them.
version::GetServiceVersionPResponse Message(int64_t number) {
  version::GetServiceVersionPResponse message;
  message.set_version(number);
  return message;
}
int64_t NumberIn(const std::string& bytes) {
  version::GetServiceVersionPResponse message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message.version();
}

class TestServer {
 public:
  explicit TestServer(bool with_lanes = true, int port = 0)
      : server_({.bind_host = "127.0.0.1", .port = port}) {
    LaneMethods methods;
    methods.Add(kEcho, [](LaneCall::Origin origin, std::string_view request) {
      origin.replies->Reply(origin.id, Status::Ok(), std::string(request));
    });
    methods.Add(kWho, [this](LaneCall::Origin origin, std::string_view) {
      const auto user = authenticator_.Authenticate(origin.lane, kWho);
      origin.replies->Reply(origin.id, user.status(), user.ok() ? user->name : "");
    });
    methods.Add(kHold, [this](LaneCall::Origin origin, std::string_view) {
      MutexLock lock(mutex_);
      held_.push_back(std::move(origin));
    });
    lanes_ = std::make_unique<LaneService>(authenticator_, std::move(methods));
    server_.AddSasl(sasl_);
    if (with_lanes) server_.AddLanes(*lanes_);
    EXPECT_OK(server_.Start());
  }
  ~TestServer() {
    Stop(milliseconds(0));
    ReleaseAll();
    executor_.Shutdown();
  }

  void Stop(milliseconds grace) { server_.Stop(grace); }
  size_t held() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return held_.size();
  }
  void ReleaseAll() EXCLUDES(mutex_) {
    std::vector<LaneCall::Origin> held;
    {
      MutexLock lock(mutex_);
      for (LaneCall::Origin& origin : held_) held.push_back(std::move(origin));
      held_.clear();
    }
    for (const LaneCall::Origin& origin : held) origin.replies->Reply(origin.id, Status::Ok(), "");
  }
  int port() const { return server_.port(); }
  LaneService& lanes() { return *lanes_; }
  Authenticator& authenticator() { return authenticator_; }
  ManualClock& clock() { return clock_; }

 private:
  Mutex mutex_;
  std::deque<LaneCall::Origin> held_ GUARDED_BY(mutex_);
  ManualClock clock_;
  NoGroups groups_;
  ThreadPool executor_{"auth", 2, 100};
  Authenticator authenticator_{{.type = AuthType::kSimple}, groups_, clock_};
  SaslService sasl_{authenticator_, executor_, clock_};
  std::unique_ptr<LaneService> lanes_;
  GrpcServer server_;
};

class LaneClientTest : public ::testing::Test {
 protected:
  void Connect(int port) {
    client_.reset();
    channel_ = std::make_unique<AuthenticatedChannel>(
        ChannelOptions{.target = "127.0.0.1:" + std::to_string(port),
                       .user = "alice",
                       .auth_timeout = seconds(10),
                       .own_connection = true},
        Random::FromSystem());
    client_ = std::make_unique<LaneClient>(*channel_);
  }
  void ConnectAndOpen(int port) {
    Connect(port);
    ASSERT_TRUE(Eventually([&] { return Echo(1).has_value(); }));
  }
  std::optional<Result<std::string>> Echo(int64_t number) {
    return client_->Call(kEcho, Message(number), kPatience);
  }
  // Starts a call that waits for the server; the thread ends with it.
  std::jthread StartHeldCall(Status& outcome) {
    return std::jthread([this, &outcome] {
      const auto reply = client_->Call(kHold, Message(0), kPatience);
      outcome = reply ? reply->status() : Internal("the lane did not take the call");
    });
  }

  TestServer server_;
  std::unique_ptr<AuthenticatedChannel> channel_;
  std::unique_ptr<LaneClient> client_;
};

TEST_F(LaneClientTest, TheFirstCallIsMadeWithoutALane) {
  Connect(server_.port());
  EXPECT_EQ(Echo(1), std::nullopt);
  EXPECT_EQ(server_.lanes().open_lanes(), 0u);
  EXPECT_TRUE(Eventually([&] { return Echo(2).has_value(); }));
  EXPECT_EQ(server_.lanes().open_lanes(), 1u);
}

TEST_F(LaneClientTest, EveryThreadGetsItsOwnReplies) {
  constexpr int kThreads = 8;
  ConnectAndOpen(server_.port());
  std::vector<std::jthread> threads;
  for (int64_t t = 0; t < kThreads; ++t)
    threads.emplace_back([this, t] {
      for (int64_t i = 0; i < 200; ++i) {
        const auto reply = Echo(t * 1'000 + i);
        ASSERT_TRUE(reply.has_value());
        ASSERT_OK(*reply);
        EXPECT_EQ(NumberIn(**reply), t * 1'000 + i);
      }
    });
  threads.clear();
  EXPECT_EQ(server_.lanes().open_lanes(), 1u);
}

TEST_F(LaneClientTest, CallsAreMadeByTheUserOfTheChannel) {
  ConnectAndOpen(server_.port());
  const auto reply = client_->Call(kWho, Message(0), kPatience);
  ASSERT_TRUE(reply.has_value());
  EXPECT_OK(*reply);
  EXPECT_EQ(**reply, "alice");
}

TEST_F(LaneClientTest, TakesNeitherUnknownMethodsNorLargeRequests) {
  ConnectAndOpen(server_.port());
  EXPECT_EQ(client_->Call("/test/other", Message(0), kPatience), std::nullopt);
  version::GetServiceVersionPResponse large;
  large.GetReflection()->MutableUnknownFields(&large)->AddLengthDelimited(
      99, std::string(kMaxLaneRequestBytes, 'x'));
  EXPECT_EQ(client_->Call(kEcho, large, kPatience), std::nullopt);
}

TEST_F(LaneClientTest, ACallEndsAtItsDeadlineAndTheLaneGoesOn) {
  ConnectAndOpen(server_.port());
  const auto reply = client_->Call(kHold, Message(0), milliseconds(20));
  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(*reply, StatusIs(Code::kDeadlineExceeded, HasSubstr("20 ms")));
  ASSERT_TRUE(Eventually([&] { return server_.held() == 1; }));
  server_.ReleaseAll();  // a reply that nobody waits for
  const auto next = Echo(7);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(NumberIn(**next), 7);
}

TEST_F(LaneClientTest, AStoppedServerFailsCallsUnderWayAsUnavailable) {
  ConnectAndOpen(server_.port());
  Status outcome;
  {
    const auto caller = StartHeldCall(outcome);
    ASSERT_TRUE(Eventually([&] { return server_.held() == 1; }));
    const auto start = std::chrono::steady_clock::now();
    server_.Stop(milliseconds(100));
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  }
  EXPECT_THAT(outcome, StatusIs(Code::kUnavailable, HasSubstr("127.0.0.1")));
  server_.ReleaseAll();  // its handler ends after the server
  EXPECT_EQ(Echo(1), std::nullopt);
}

TEST_F(LaneClientTest, ALaneThatBrokeIsOpenedAgain) {
  auto first = std::make_unique<TestServer>();
  const int port = first->port();
  ConnectAndOpen(port);
  first.reset();
  TestServer second(/*with_lanes=*/true, port);
  EXPECT_TRUE(Eventually([&] {
    const auto reply = Echo(3);
    return reply && reply->ok() && NumberIn(**reply) == 3;
  }));
}

TEST_F(LaneClientTest, AServerWithoutLanesIsNotAskedAgain) {
  TestServer stock(/*with_lanes=*/false);
  Connect(stock.port());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Echo(i), std::nullopt);
}

TEST_F(LaneClientTest, AServerThatForgotTheChannelIsAuthenticatedToAnew) {
  ConnectAndOpen(server_.port());
  server_.clock().Advance(std::chrono::hours(73));
  EXPECT_EQ(server_.authenticator().channels().TakeStale().size(), 1u);
  EXPECT_EQ(client_->Call(kWho, Message(0), kPatience), std::nullopt);
  EXPECT_TRUE(Eventually([&] {
    const auto reply = client_->Call(kWho, Message(0), kPatience);
    return reply && reply->ok() && **reply == "alice";
  }));
}

TEST_F(LaneClientTest, MoreCallsThanALaneTakesAreLeftToTheCaller) {
  ConnectAndOpen(server_.port());
  std::atomic<size_t> refused = 0;
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < kMaxLaneCallsInFlight + 8; ++i)
    threads.emplace_back([&] {
      if (!client_->Call(kHold, Message(0), kPatience)) ++refused;
    });
  ASSERT_TRUE(Eventually([&] { return refused == 8 && server_.held() == kMaxLaneCallsInFlight; }));
  server_.ReleaseAll();
}

// Counts the messages that a server receives.
class MessageCounter final : public ::grpc::experimental::Interceptor {
 public:
  class Factory final : public ::grpc::experimental::ServerInterceptorFactoryInterface {
   public:
    explicit Factory(std::atomic<int>& count) : count_(count) {}
    ::grpc::experimental::Interceptor* CreateServerInterceptor(
        ::grpc::experimental::ServerRpcInfo*) override {
      return new MessageCounter(count_);
    }

   private:
    std::atomic<int>& count_;
  };

  explicit MessageCounter(std::atomic<int>& count) : count_(count) {}
  void Intercept(::grpc::experimental::InterceptorBatchMethods* batch) override {
    using Point = ::grpc::experimental::InterceptionHookPoints;
    if (batch->QueryInterceptionHookPoint(Point::POST_RECV_MESSAGE)) ++count_;
    batch->Proceed();
  }

 private:
  std::atomic<int>& count_;
};

TEST(LaneClientMessagesTest, CallsOfManyThreadsShareMessages) {
  constexpr int kThreads = 16;
  constexpr int kCalls = 250;  // of each
  NoGroups groups;
  ManualClock clock;
  const Authenticator authenticator({.type = AuthType::kNoSasl, .process_user = "me"}, groups,
                                    clock);
  LaneMethods methods;
  methods.Add(kEcho, [](LaneCall::Origin origin, std::string_view request) {
    origin.replies->Reply(origin.id, Status::Ok(), std::string(request));
  });
  LaneService lanes(authenticator, std::move(methods));
  std::atomic<int> messages = 0;
  int port = 0;
  ::grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&lanes.service());
  std::vector<std::unique_ptr<::grpc::experimental::ServerInterceptorFactoryInterface>> counters;
  counters.push_back(std::make_unique<MessageCounter::Factory>(messages));
  builder.experimental().SetInterceptorCreators(std::move(counters));
  const auto server = builder.BuildAndStart();
  {
    AuthenticatedChannel channel(
        {.target = "127.0.0.1:" + std::to_string(port), .auth = AuthType::kNoSasl},
        Random::FromSystem());
    LaneClient client(channel);
    ASSERT_TRUE(Eventually([&] { return client.Call(kEcho, Message(0), kPatience).has_value(); }));
    messages = 0;
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < kCalls; ++i)
          EXPECT_TRUE(client.Call(kEcho, Message(i), kPatience).has_value());
      });
  }
  EXPECT_LT(messages, kThreads * kCalls * 3 / 4);
  lanes.CloseAll(Unavailable("stopping"));
  server->Shutdown(std::chrono::system_clock::now());
}

}  // namespace
}  // namespace headpond::net
