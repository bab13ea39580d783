// What a lane does with messages of any kind: one stream, driven by hand.

#include "net/lane_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/mutex.h"
#include "net/lane.h"
#include "net/raw_message.h"
#include "proto/lane.pb.h"
#include "proto/version.pb.h"
#include "testing/fake_call.h"
#include "testing/status_matchers.h"

namespace headpond::net {
namespace {

namespace version = ::alluxio::grpc::version;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Call = FakeCall<::grpc::ByteBuffer, ::grpc::ByteBuffer>;

constexpr char kVersionMethod[] = "/headpond.test.Versions/Get";

class NoGroups final : public UserGroups {
 public:
  Result<std::vector<std::string>> Groups(const std::string&) override {
    return std::vector<std::string>{};
  }
};

// A service as any other, of which one handler is served on lanes too.
class Versions {
 public:
  ::grpc::ServerUnaryReactor* Get(::grpc::CallbackServerContext* context,
                                  const version::GetServiceVersionPRequest* request,
                                  version::GetServiceVersionPResponse* response) {
    response->set_version(static_cast<int>(request->servicetype()) + 100);
    LaneCall::Of(*context)->Finish(Status::Ok());
    return nullptr;
  }
};

class LaneServiceTest : public ::testing::Test {
 protected:
  enum Methods : uint32_t { kEcho, kHold, kVersion, kNoSuchMethod };

  LaneServiceTest() {
    LaneMethods methods;
    methods.Add("/echo", [](LaneCall::Origin origin, std::string_view request) {
      origin.replies->Reply(origin.id, Status::Ok(), std::string(request));
    });
    methods.Add("/hold", [this](LaneCall::Origin origin, std::string_view) {
      MutexLock lock(mutex_);
      held_.emplace(origin.id, origin.replies);
    });
    methods.Add(kVersionMethod, versions_, &Versions::Get);
    lanes_ = std::make_unique<LaneService>(authenticator_, std::move(methods));
    call_.Start(lanes_->Open(&context_));
  }

  ~LaneServiceTest() override {
    call_.Cancel();
    call_.AwaitEnd();
  }

  static void Add(lane::LaneCalls& calls, uint64_t id, uint32_t method, std::string request = "") {
    auto* const call = calls.add_calls();
    call->set_id(id);
    call->set_method(method);
    call->set_request(std::move(request));
  }
  void Send(const lane::LaneCalls& calls) { call_.Send(SerializeMessage(calls)); }
  void Send(uint64_t id, uint32_t method, std::string request = "") {
    lane::LaneCalls calls;
    Add(calls, id, method, std::move(request));
    Send(calls);
  }

  lane::LaneReplies Receive() {
    lane::LaneReplies replies;
    const auto message = call_.Receive();
    EXPECT_TRUE(message.has_value()) << "the lane ended";
    if (message) {
      EXPECT_OK(ParseMessage(*message, replies));
    }
    return replies;
  }
  // The next reply, which comes alone.
  lane::LaneReply ReceiveOne() {
    const lane::LaneReplies replies = Receive();
    EXPECT_THAT(replies.replies(), SizeIs(1));
    return replies.replies_size() == 1 ? replies.replies(0) : lane::LaneReply();
  }
  void SkipGreeting() { EXPECT_GT(Receive().methods_size(), 0); }

  size_t held() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return held_.size();
  }
  // Ends the held call.
  void Release(uint64_t id, const Status& status = Status::Ok()) EXCLUDES(mutex_) {
    std::shared_ptr<LaneCall::Replies> replies;
    {
      MutexLock lock(mutex_);
      const auto found = held_.find(id);
      ASSERT_NE(found, held_.end());
      replies = std::move(found->second);
      held_.erase(found);
    }
    replies->Reply(id, status, "held");
  }

  Mutex mutex_;
  std::map<uint64_t, std::shared_ptr<LaneCall::Replies>> held_ GUARDED_BY(mutex_);
  Versions versions_;
  NoGroups groups_;
  ManualClock clock_;
  Authenticator authenticator_{{.type = AuthType::kNoSasl, .process_user = "me"}, groups_, clock_};
  std::unique_ptr<LaneService> lanes_;
  ::grpc::CallbackServerContext context_;
  Call call_;
};

TEST_F(LaneServiceTest, TheFirstMessageNamesTheMethods) {
  EXPECT_THAT(Receive().methods(), ElementsAre("/echo", "/hold", kVersionMethod));
}

TEST_F(LaneServiceTest, CallsOfOneMessageThatEndAtOnceAreAnsweredByOneMessage) {
  SkipGreeting();
  lane::LaneCalls calls;
  for (uint64_t id = 1; id <= 100; ++id) Add(calls, id, kEcho, std::to_string(id));
  Send(calls);
  const lane::LaneReplies replies = Receive();
  ASSERT_THAT(replies.replies(), SizeIs(100));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(replies.replies(i).id(), static_cast<uint64_t>(i + 1));
    EXPECT_EQ(replies.replies(i).response(), std::to_string(i + 1));
    EXPECT_EQ(replies.replies(i).code(), 0);
  }
}

TEST_F(LaneServiceTest, RepliesGatherWhileOneIsBeingSent) {
  SkipGreeting();
  lane::LaneCalls calls;
  for (uint64_t id = 1; id <= 5; ++id) Add(calls, id, kHold);
  Send(calls);
  ASSERT_TRUE(Eventually([&] { return held() == 5; }));
  Release(1);
  ASSERT_TRUE(Eventually([&] { return call_.ready(); }));
  for (uint64_t id = 2; id <= 5; ++id) Release(id);
  EXPECT_EQ(ReceiveOne().id(), 1u);
  EXPECT_THAT(Receive().replies(), SizeIs(4));
}

TEST_F(LaneServiceTest, ASlowCallDoesNotHoldUpOthers) {
  SkipGreeting();
  lane::LaneCalls calls;
  Add(calls, 1, kHold);
  Add(calls, 2, kEcho);
  Send(calls);
  EXPECT_EQ(ReceiveOne().id(), 2u);
  Send(3, kEcho);
  EXPECT_EQ(ReceiveOne().id(), 3u);
  Release(1);
  EXPECT_EQ(ReceiveOne().id(), 1u);
}

TEST_F(LaneServiceTest, AnErrorIsAReplyAndItsTextMadeSafe) {
  SkipGreeting();
  Send(1, kHold);
  ASSERT_TRUE(Eventually([&] { return held() == 1; }));
  Release(1, NotFound("no \xff such file"));
  const lane::LaneReply reply = ReceiveOne();
  EXPECT_EQ(reply.code(), static_cast<int>(Code::kNotFound));
  EXPECT_EQ(reply.message(), "no \xef\xbf\xbd such file");
  EXPECT_FALSE(reply.has_response());
}

TEST_F(LaneServiceTest, AHandlerOfAnOrdinaryServiceIsCalledWithItsMessages) {
  SkipGreeting();
  version::GetServiceVersionPRequest request;
  request.set_servicetype(version::BLOCK_MASTER_CLIENT_SERVICE);
  Send(1, kVersion, request.SerializeAsString());
  version::GetServiceVersionPResponse response;
  ASSERT_TRUE(response.ParseFromString(ReceiveOne().response()));
  EXPECT_EQ(response.version(), 104);
}

TEST_F(LaneServiceTest, ARequestThatIsNoneIsRefusedByNameAndTheLaneGoesOn) {
  SkipGreeting();
  Send(1, kVersion, "\xff\xff\xff");
  const lane::LaneReply refused = ReceiveOne();
  EXPECT_EQ(refused.code(), static_cast<int>(Code::kInvalidArgument));
  EXPECT_THAT(refused.message(), HasSubstr(kVersionMethod));
  Send(2, kEcho);
  EXPECT_EQ(ReceiveOne().code(), 0);
}

TEST_F(LaneServiceTest, AnUnknownMethodIsUnimplementedAndTheLaneGoesOn) {
  SkipGreeting();
  lane::LaneCalls calls;
  Add(calls, 1, kNoSuchMethod);
  Add(calls, 2, 4'000'000'000u);
  Add(calls, 3, kEcho);
  Send(calls);
  const lane::LaneReplies replies = Receive();
  ASSERT_THAT(replies.replies(), SizeIs(3));
  EXPECT_EQ(replies.replies(0).code(), static_cast<int>(Code::kUnimplemented));
  EXPECT_EQ(replies.replies(1).code(), static_cast<int>(Code::kUnimplemented));
  EXPECT_EQ(replies.replies(2).code(), 0);
}

TEST_F(LaneServiceTest, BytesThatAreNoMessageEndTheLane) {
  SkipGreeting();
  const ::grpc::Slice slice("\xff\xff\xff\xff");
  call_.Send(::grpc::ByteBuffer(&slice, 1));
  EXPECT_THAT(FromGrpc(call_.AwaitEnd()),
              StatusIs(Code::kInvalidArgument, HasSubstr("headpond.lane.LaneCalls")));
}

TEST_F(LaneServiceTest, AMessageBeyondTheLimitEndsTheLane) {
  SkipGreeting();
  Send(1, kEcho, std::string(kMaxLaneCallsBytes, 'x'));
  EXPECT_THAT(FromGrpc(call_.AwaitEnd()),
              StatusIs(Code::kInvalidArgument, HasSubstr(std::to_string(kMaxLaneCallsBytes))));
}

TEST_F(LaneServiceTest, IsReadNoFurtherWhileTooManyCallsAreUnderWay) {
  constexpr uint64_t kPerMessage = 100;
  constexpr uint64_t kMessages = 8;
  static_assert(kPerMessage * kMessages > kMaxLaneCallsInFlight + kPerMessage);
  SkipGreeting();
  uint64_t id = 0;
  for (uint64_t message = 0; message < kMessages; ++message) {
    lane::LaneCalls calls;
    for (uint64_t i = 0; i < kPerMessage; ++i) Add(calls, ++id, kHold);
    Send(calls);
  }
  // The message that crosses the limit is the last one taken.
  constexpr size_t kTaken = (kMaxLaneCallsInFlight + kPerMessage - 1) / kPerMessage;
  ASSERT_TRUE(Eventually([&] { return held() == kTaken * kPerMessage; }));
  EXPECT_EQ(call_.taken(), kTaken);
  for (uint64_t done = 1; done <= id; ++done) {
    ASSERT_TRUE(Eventually([&] {
      MutexLock lock(mutex_);
      return held_.contains(done);
    }));
    Release(done);
    EXPECT_EQ(ReceiveOne().id(), done);
  }
  EXPECT_EQ(call_.taken(), kMessages);
}

TEST_F(LaneServiceTest, AfterHalfClosingTheClientGetsTheRemainingReplies) {
  SkipGreeting();
  Send(1, kHold);
  ASSERT_TRUE(Eventually([&] { return held() == 1; }));
  call_.HalfClose();
  EXPECT_FALSE(call_.ready());
  Release(1);
  EXPECT_EQ(ReceiveOne().id(), 1u);
  EXPECT_OK(FromGrpc(call_.AwaitEnd()));
  EXPECT_EQ(lanes_->open_lanes(), 0u);
}

TEST_F(LaneServiceTest, ClosingAnswersWhatRunsAndTakesNothingNew) {
  SkipGreeting();
  Send(1, kHold);
  ASSERT_TRUE(Eventually([&] { return held() == 1; }));
  lanes_->CloseAll(Unavailable("the server is stopping"));
  Send(2, kHold);
  ASSERT_TRUE(Eventually([&] { return call_.taken() == 2; }));
  Release(1);
  EXPECT_EQ(ReceiveOne().id(), 1u);
  EXPECT_THAT(FromGrpc(call_.AwaitEnd()), StatusIs(Code::kUnavailable, "the server is stopping"));
  EXPECT_EQ(held(), 0u) << "the second call must not have been made";

  ::grpc::CallbackServerContext context;
  Call late;
  late.Start(lanes_->Open(&context));
  EXPECT_THAT(FromGrpc(late.AwaitEnd()), StatusIs(Code::kUnavailable));
}

TEST_F(LaneServiceTest, CallsMayOutliveTheirLane) {
  SkipGreeting();
  lane::LaneCalls calls;
  Add(calls, 1, kHold);
  Add(calls, 2, kHold);
  Send(calls);
  ASSERT_TRUE(Eventually([&] { return held() == 2; }));
  call_.Cancel();
  EXPECT_THAT(FromGrpc(call_.AwaitEnd()), StatusIs(Code::kCancelled));
  EXPECT_EQ(lanes_->open_lanes(), 0u);
  Release(1);
  Release(2, NotFound("too late for anybody to hear"));
}

TEST_F(LaneServiceTest, ManyThreadsMayReplyAtOnce) {
  constexpr int kThreads = 4;
  constexpr uint64_t kCalls = 100;  // of each
  SkipGreeting();
  lane::LaneCalls calls;
  for (uint64_t id = 0; id < kThreads * kCalls; ++id) Add(calls, id, kHold);
  Send(calls);
  ASSERT_TRUE(Eventually([&] { return held() == kThreads * kCalls; }));
  std::vector<std::jthread> threads;
  for (uint64_t t = 0; t < kThreads; ++t)
    threads.emplace_back([this, t] {
      for (uint64_t id = t * kCalls; id < (t + 1) * kCalls; ++id) Release(id);
    });
  std::set<uint64_t> answered;
  while (answered.size() < kThreads * kCalls) {
    const lane::LaneReplies replies = Receive();
    ASSERT_GT(replies.replies_size(), 0);
    for (const auto& reply : replies.replies())
      EXPECT_TRUE(answered.insert(reply.id()).second) << reply.id();
  }
}

TEST(LaneServiceAuthTest, ALaneOfNobodyIsRefused) {
  NoGroups groups;
  ManualClock clock;
  Authenticator authenticator({.type = AuthType::kSimple}, groups, clock);
  LaneService lanes(authenticator, {});
  ::grpc::CallbackServerContext context;
  Call call;
  call.Start(lanes.Open(&context));
  EXPECT_THAT(FromGrpc(call.AwaitEnd()),
              StatusIs(Code::kUnauthenticated, HasSubstr("Channel Id is missing")));
}

}  // namespace
}  // namespace headpond::net
