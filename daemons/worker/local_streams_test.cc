#include "worker/local_streams.h"

#include "net/raw_message.h"
#include "proto/block_worker.pb.h"
#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace blockpb = ::alluxio::grpc::block;

constexpr BlockId kBlock = 8 << 24;

// The streams take bytes; tests speak in messages.
template <typename Request, typename Response>
class MessageCall {
 public:
  void Start(RawReactor* reactor) { call_.Start(reactor); }
  void Send(const Request& request) { call_.Send(net::SerializeMessage(request)); }
  void SendBytes(const std::string& bytes) {
    const ::grpc::Slice slice(bytes);
    call_.Send(::grpc::ByteBuffer(&slice, 1));
  }
  std::optional<Response> Receive() {
    const auto bytes = call_.Receive();
    if (!bytes) return std::nullopt;
    Response response;
    EXPECT_OK(net::ParseMessage(*bytes, response));
    return response;
  }
  void HalfClose() { call_.HalfClose(); }
  void Cancel() { call_.Cancel(); }
  bool cancelled() const { return call_.cancelled(); }
  ::grpc::Status AwaitEnd() { return call_.AwaitEnd(); }

 private:
  FakeCall<::grpc::ByteBuffer, ::grpc::ByteBuffer> call_;
};
using OpenCall = MessageCall<blockpb::OpenLocalBlockRequest, blockpb::OpenLocalBlockResponse>;
using CreateCall = MessageCall<blockpb::CreateLocalBlockRequest, blockpb::CreateLocalBlockResponse>;

std::string FileContent(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class OpenLocalTest : public WorkerDataTest {
 protected:
  std::unique_ptr<OpenCall> Open(BlockId block) {
    auto call = std::make_unique<OpenCall>();
    call->Start(NewOpenLocalStream(deps(), Status::Ok()));
    call->Send(Request(block));
    return call;
  }
  static blockpb::OpenLocalBlockRequest Request(BlockId block) {
    blockpb::OpenLocalBlockRequest request;
    request.set_block_id(block);
    return request;
  }
};

TEST_F(OpenLocalTest, TheBlocksFileStaysUntilTheClientIsDoneWithIt) {
  PutBlock(kBlock, "content");
  const auto call = Open(kBlock);
  const auto answer = call->Receive();
  ASSERT_TRUE(answer);
  EXPECT_OK(store_->Remove(kBlock));
  EXPECT_EQ(FileContent(answer->path()), "content");
  EXPECT_EQ(UsedBytes(), 7);
  call->HalfClose();
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  EXPECT_FALSE(std::filesystem::exists(answer->path()));
  EXPECT_EQ(UsedBytes(), 0);
}

TEST_F(OpenLocalTest, AnOpenBlockIsNotEvicted) {
  PutBlock(kBlock, "content");
  const auto call = Open(kBlock);
  ASSERT_TRUE(call->Receive());
  EXPECT_THAT(store_->Create(NewSessionId(), kBlock + 1, {}, kCapacity),
              StatusIs(Code::kResourceExhausted));
  call->Cancel();
  call->AwaitEnd();
  EXPECT_OK(store_->Create(NewSessionId(), kBlock + 1, {}, kCapacity));
}

TEST_F(OpenLocalTest, RefusesWhatIsNotThereAndWhatIsNoProperRequest) {
  EXPECT_THAT(FromGrpc(Open(kBlock)->AwaitEnd()), StatusIs(Code::kNotFound));
  EXPECT_THAT(FromGrpc(Open(-1)->AwaitEnd()),
              StatusIs(Code::kInvalidArgument, HasSubstr("block_id is -1")));
  PutBlock(kBlock, "content");
  const auto twice = Open(kBlock);
  ASSERT_TRUE(twice->Receive());
  twice->Send(Request(kBlock));
  EXPECT_THAT(FromGrpc(twice->AwaitEnd()),
              StatusIs(Code::kInvalidArgument, HasSubstr("takes one request")));
  OpenCall stranger;
  stranger.Start(NewOpenLocalStream(deps(), Unauthenticated("who?")));
  EXPECT_THAT(FromGrpc(stranger.AwaitEnd()), StatusIs(Code::kUnauthenticated));
}

class CreateLocalTest : public WorkerDataTest {
 protected:
  static blockpb::CreateLocalBlockRequest Request(int64_t space_to_reserve) {
    blockpb::CreateLocalBlockRequest request;
    request.set_block_id(kBlock);
    request.set_space_to_reserve(space_to_reserve);
    return request;
  }
  static blockpb::CreateLocalBlockRequest Grow(int64_t by) {
    blockpb::CreateLocalBlockRequest request = Request(by);
    request.set_only_reserve_space(true);
    return request;
  }
  std::unique_ptr<CreateCall> Create(const blockpb::CreateLocalBlockRequest& request) {
    auto call = std::make_unique<CreateCall>();
    call->Start(NewCreateLocalStream(
        deps(), [call = call.get()] { return call->cancelled(); }, Status::Ok()));
    call->Send(request);
    return call;
  }
};

TEST_F(CreateLocalTest, WhatTheClientWroteIsTheBlock) {
  const auto call = Create(Request(1000));
  const auto answer = call->Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(UsedBytes(), 1000);
  call->Send(Grow(500));
  ASSERT_TRUE(call->Receive());
  EXPECT_EQ(UsedBytes(), 1500);
  std::ofstream(answer->path(), std::ios::binary) << Content(kBlock, 1200);
  call->HalfClose();
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  EXPECT_EQ(BlockContent(kBlock), Content(kBlock, 1200));
  EXPECT_EQ(UsedBytes(), 1200);
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(CreateLocalTest, ABrokenMessageDoesNotCommitTheBlock) {
  const auto call = Create(Request(1000));
  const auto answer = call->Receive();
  ASSERT_TRUE(answer);
  std::ofstream(answer->path(), std::ios::binary) << "half of it";
  call->SendBytes("\x0b");
  EXPECT_THAT(FromGrpc(call->AwaitEnd()),
              StatusIs(Code::kInvalidArgument, HasSubstr("CreateLocalBlockRequest")));
  EXPECT_FALSE(store_->Contains(kBlock));
  EXPECT_THAT(committed(), IsEmpty());
}

TEST_F(CreateLocalTest, ACancelledBlockLeavesNothing) {
  const auto call = Create(Request(1000));
  const auto answer = call->Receive();
  ASSERT_TRUE(answer);
  std::ofstream(answer->path(), std::ios::binary) << "half of it";
  call->Cancel();
  call->AwaitEnd();
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_FALSE(store_->Contains(kBlock));
  EXPECT_EQ(UsedBytes(), 0);
  EXPECT_THAT(committed(), IsEmpty());
}

TEST_F(CreateLocalTest, SpaceThatIsNotThereEndsTheWrite) {
  EXPECT_THAT(FromGrpc(Create(Request(kCapacity + 1))->AwaitEnd()),
              StatusIs(Code::kResourceExhausted));
  const auto call = Create(Request(1000));
  ASSERT_TRUE(call->Receive());
  call->Send(Grow(kCapacity));
  EXPECT_THAT(FromGrpc(call->AwaitEnd()), StatusIs(Code::kResourceExhausted));
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(UsedBytes(), 0);
}

TEST_F(CreateLocalTest, RefusesWhatIsNoProperRequest) {
  const auto is_invalid = [](const char* text) {
    return StatusIs(Code::kInvalidArgument, HasSubstr(text));
  };
  EXPECT_THAT(FromGrpc(Create(Grow(1))->AwaitEnd()), is_invalid("before the block was created"));
  EXPECT_THAT(FromGrpc(Create(Request(-1))->AwaitEnd()), is_invalid("space_to_reserve is -1"));
  auto negative = Request(1);
  negative.set_block_id(-1);
  EXPECT_THAT(FromGrpc(Create(negative)->AwaitEnd()), is_invalid("block_id is -1"));
  const auto twice = Create(Request(1));
  ASSERT_TRUE(twice->Receive());
  twice->Send(Request(1));
  EXPECT_THAT(FromGrpc(twice->AwaitEnd()), is_invalid("creates one block"));
  CreateCall silent;
  silent.Start(NewCreateLocalStream(
      deps(), [] { return false; }, Status::Ok()));
  silent.HalfClose();
  EXPECT_THAT(FromGrpc(silent.AwaitEnd()), is_invalid("before its first request"));
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

}  // namespace
}  // namespace headpond::worker
