#include "worker/range_read.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <atomic>

#include "net/lane.h"
#include "net/raw_message.h"
#include "proto/lane.pb.h"
#include "testing/fake_call.h"
#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::grpc::ByteBuffer;
using ::testing::HasSubstr;

namespace blockpb = ::alluxio::grpc::block;
using Call = FakeCall<ByteBuffer, ByteBuffer>;

constexpr BlockId kBlock = 5 << 24;

// Reads over a lane of a worker whose only method they are.
class RangeReadTest : public WorkerDataTest {
 protected:
  void Open() { Open(deps()); }
  void Open(const BlockServiceDeps& deps) {
    net::LaneMethods methods;
    AddRangeReads(deps, methods);
    lanes_ = std::make_unique<net::LaneService>(authenticator_, std::move(methods), &readers_);
    call_ = std::make_unique<Call>();
    call_->Start(lanes_->Open(&context_, [this](const Status& status) {
      aborted_ = status;
      call_->Cancel();
    }));
    EXPECT_THAT(Receive().methods(), ::testing::ElementsAre(net::kReadRangeMethod));
  }
  ~RangeReadTest() override {
    call_->Cancel();
    call_->AwaitEnd();
    Quiesce();
  }

  static blockpb::ReadRequest Request(int64_t offset, int64_t length) {
    blockpb::ReadRequest request;
    request.set_block_id(kBlock);
    request.set_offset(offset);
    request.set_length(length);
    return request;
  }
  void Send(const std::vector<std::string>& requests) {
    lane::LaneCalls calls;
    for (const std::string& request : requests) {
      calls.add_calls()->set_id(++last_id_);
      calls.mutable_calls()->rbegin()->set_request(request);
    }
    call_->Send(net::SerializeMessage(calls));
  }
  lane::LaneReplies Receive() {
    lane::LaneReplies replies;
    const auto message = call_->Receive();
    EXPECT_TRUE(message.has_value()) << "the lane ended";
    if (message) {
      EXPECT_OK(net::ParseMessage(*message, replies));
    }
    return replies;
  }
  Result<std::string> Read(const std::string& request) {
    Send({request});
    const lane::LaneReplies replies = Receive();
    if (replies.replies_size() != 1) return Internal("{} replies", replies.replies_size());
    const lane::LaneReply& reply = replies.replies(0);
    if (reply.code() != 0) return Status(static_cast<Code>(reply.code()), reply.message());
    return reply.response();
  }
  Result<std::string> Read(const blockpb::ReadRequest& request) {
    return Read(request.SerializePartialAsString());
  }

  std::unique_ptr<net::LaneService> lanes_;
  ::grpc::CallbackServerContext context_;
  std::unique_ptr<Call> call_;
  uint64_t last_id_ = 0;
  Status aborted_;  // what the watch over readers ended the lane with
};

TEST_F(RangeReadTest, AnswersWithTheBytes) {
  const std::string content = Content(kBlock, 100'000);
  PutBlock(kBlock, content);
  Open();
  EXPECT_EQ(*Read(Request(0, 10)), content.substr(0, 10));
  EXPECT_EQ(*Read(Request(70'001, 4096)), content.substr(70'001, 4096));
  EXPECT_EQ(*Read(Request(1, net::kMaxLaneReadBytes)), content.substr(1, net::kMaxLaneReadBytes));
}

TEST_F(RangeReadTest, ARangeBeyondTheBlockEndsWithIt) {
  const std::string content = Content(kBlock, 2500);
  PutBlock(kBlock, content);
  Open();
  EXPECT_EQ(*Read(Request(2000, 4096)), content.substr(2000));
  EXPECT_EQ(*Read(Request(9999, 10)), "");
}

TEST_F(RangeReadTest, RefusesWhatReadBlockRefusesAndWhatIsTooLong) {
  PutBlock(kBlock, Content(kBlock, 100));
  Open();
  const auto refused = [&](const std::function<void(blockpb::ReadRequest&)>& spoil) {
    blockpb::ReadRequest request = Request(0, 100);
    spoil(request);
    return Read(request).status();
  };
  using R = blockpb::ReadRequest;
  const auto is_invalid = [](const char* text) {
    return StatusIs(Code::kInvalidArgument, HasSubstr(text));
  };
  EXPECT_THAT(refused([](R& r) { r.set_block_id(-1); }), is_invalid("block_id is -1"));
  EXPECT_THAT(refused([](R& r) { r.set_offset(-1); }), is_invalid("offset is -1"));
  EXPECT_THAT(refused([](R& r) { r.set_length(0); }), is_invalid("length is 0"));
  EXPECT_THAT(refused([](R& r) { r.set_length(net::kMaxLaneReadBytes + 1); }),
              is_invalid("use ReadBlock"));
  EXPECT_THAT(refused([](R& r) { r.set_length(INT64_MAX); }), is_invalid("length is 9"));
  EXPECT_THAT(refused([](R& r) {
                r.mutable_open_ufs_block_options()->set_ufs_path("/a");
                r.mutable_open_ufs_block_options()->set_block_size(-1);
              }),
              is_invalid("block_size"));
  EXPECT_THAT(Read(std::string("\xff\xff")).status(), is_invalid("ReadRequest"));
  EXPECT_THAT(refused([](R& r) { r.set_block_id(kBlock + 1); }), StatusIs(Code::kNotFound));
  EXPECT_OK(Read(Request(0, 100)));
}

TEST_F(RangeReadTest, ABlockThatIsNotHereIsReadFromTheUnderStore) {
  const std::string content = Content(kBlock, 9000);
  PutUfsFile("file", content);
  Open();
  blockpb::ReadRequest request = Request(100, 500);
  auto* const ufs = request.mutable_open_ufs_block_options();
  ufs->set_ufs_path(UfsPath("file"));
  ufs->set_offset_in_file(1000);
  ufs->set_block_size(8000);
  ufs->set_mountid(kMount);
  EXPECT_EQ(*Read(request), content.substr(1100, 500));
  EXPECT_FALSE(store_->Contains(kBlock)) << "only a whole block is kept";
}

TEST_F(RangeReadTest, IsCountedAsAnyRead) {
  PutBlock(kBlock, Content(kBlock, 9000));
  Open();
  EXPECT_OK(Read(Request(0, 4096)));
  EXPECT_OK(Read(Request(8000, 4096)));
  EXPECT_EQ(metrics_.counter("Worker.BlocksAccessed").value(), 2);
  EXPECT_EQ(metrics_.counter("Worker.BytesReadRemote").value(), 4096 + 1000);
  EXPECT_EQ(metrics_.counter("Worker.BytesReadCache").value(), 4096 + 1000);
}

// Counts what it is given to run.
class CountingExecutor final : public Executor {
 public:
  explicit CountingExecutor(Executor& other) : other_(other) {}
  Status Submit(std::function<void()> task) override {
    ++submitted;
    return other_.Submit(std::move(task));
  }
  std::atomic<int> submitted = 0;

 private:
  Executor& other_;
};

TEST_F(RangeReadTest, ABlockKnownToBeInMemoryIsReadWithoutAnotherThread) {
  struct statfs info {};
  if (statfs("/dev/shm", &info) != 0 || info.f_type != TMPFS_MAGIC)
    GTEST_SKIP() << "NOT TESTED: /dev/shm is no tmpfs here";
  const TempDirectory folder("/dev/shm");
  auto opened = cache::OpenTieredBlockStore(
      {.tiers = {
           {.alias = "MEM", .directories = {{.path = folder.path(), .quota_bytes = 1 << 20}}}}});
  ASSERT_OK(opened);
  const std::unique_ptr<cache::BlockStore> store = *std::move(opened);
  BlockInputs inputs(*store, mounts_, commit_);
  CountingExecutor io(io_);
  const BlockServiceDeps in_memory{.store = *store,
                                   .inputs = inputs,
                                   .mounts = mounts_,
                                   .caching = caching(),
                                   .commit = commit_,
                                   .authenticator = authenticator_,
                                   .metrics = metrics_,
                                   .io = io,
                                   .budget = budget_,
                                   .readers = readers_,
                                   .writers = writers_,
                                   .active = active_};
  const std::string content = Content(kBlock, 9000);
  {
    auto writer = store->Create(NewSessionId(), kBlock, {}, 0);
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->Append(content));
    ASSERT_OK((*writer)->Commit(/*pin=*/false));
  }
  Open(in_memory);
  for (const int64_t offset : {0, 4000, 8000})
    EXPECT_EQ(*Read(Request(offset, 500)), content.substr(static_cast<size_t>(offset), 500));
  EXPECT_EQ(io.submitted, 1);
  EXPECT_EQ(metrics_.counter("Worker.BlocksAccessed").value(), 3);
  // Gone: looked for on the other threads again, as the under-store might have it.
  ASSERT_OK(store->Remove(kBlock));
  EXPECT_THAT(Read(Request(0, 500)), StatusIs(Code::kNotFound));
  EXPECT_EQ(io.submitted, 2);
  call_->Cancel();
  call_->AwaitEnd();
}

TEST_F(RangeReadTest, BuffersCountInTheBudgetUntilTheClientHasThem) {
  PutBlock(kBlock, Content(kBlock, 100'000));
  Open();
  constexpr size_t kReads = 3 * kBudget / net::kMaxLaneReadBytes;
  const std::vector<std::string> requests(kReads,
                                          Request(0, net::kMaxLaneReadBytes).SerializeAsString());
  Send(requests);
  ASSERT_TRUE(Eventually([&] { return budget_.held() == kBudget; }));
  size_t answered = 0;
  while (answered < kReads) {
    const lane::LaneReplies replies = Receive();
    ASSERT_GT(replies.replies_size(), 0);
    for (const auto& reply : replies.replies()) {
      EXPECT_EQ(reply.code(), 0);
      EXPECT_EQ(reply.response().size(), net::kMaxLaneReadBytes);
    }
    answered += static_cast<size_t>(replies.replies_size());
    EXPECT_LE(budget_.held(), kBudget);
  }
  EXPECT_TRUE(Eventually([&] { return budget_.held() == 0; }));
}

TEST_F(RangeReadTest, AClientThatTakesNoReplyIsCutOffWhenOthersWait) {
  PutBlock(kBlock, Content(kBlock, 100'000));
  Open();
  Send(std::vector<std::string>(100, Request(0, net::kMaxLaneReadBytes).SerializeAsString()));
  ASSERT_TRUE(Eventually(
      [&] { return call_->ready() && budget_.held() == kBudget && budget_.contended(); }));
  for (auto passed = std::chrono::seconds(0); passed <= kReaderLimit; ++passed) {
    EXPECT_OK(aborted_);
    clock_.Advance(std::chrono::seconds(1));
    readers_.Tick();
  }
  EXPECT_THAT(aborted_, StatusIs(Code::kUnavailable));
  call_->AwaitEnd();
  EXPECT_TRUE(Eventually([&] { return budget_.held() == 0; }));
}

TEST_F(RangeReadTest, AClientThatLeavesGivesItsBuffersBack) {
  PutBlock(kBlock, Content(kBlock, 100'000));
  Open();
  Send(std::vector<std::string>(100, Request(0, net::kMaxLaneReadBytes).SerializeAsString()));
  ASSERT_TRUE(Eventually([&] { return budget_.held() == kBudget; }));
  call_->Cancel();
  call_->AwaitEnd();
  EXPECT_TRUE(Eventually([&] { return budget_.held() == 0; }));
}

}  // namespace
}  // namespace headpond::worker
