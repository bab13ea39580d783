#include "worker/read_stream.h"

#include "net/block_framing.h"
#include "net/raw_message.h"
#include "worker/wire.h"
#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::grpc::ByteBuffer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace blockpb = ::alluxio::grpc::block;

constexpr BlockId kBlock = 5 << 24;
constexpr size_t kChunk = 4096;
// Of one stream: a chunk on its way to the client, one read ahead, and one for each of the four
// threads that may be about to let go what it read.
constexpr size_t kChunksInFlight = 6;

using Call = FakeCall<ByteBuffer, ByteBuffer>;

class ReadStreamTest : public WorkerDataTest {
 protected:
  static blockpb::ReadRequest Request(int64_t offset, int64_t length, int64_t chunk_size = kChunk) {
    blockpb::ReadRequest request;
    request.set_block_id(kBlock);
    request.set_offset(offset);
    request.set_length(length);
    request.set_chunk_size(chunk_size);
    return request;
  }
  // `length` bytes of the file "file", from `offset_in_file` on, are the block.
  blockpb::ReadRequest UfsRequest(int64_t offset, int64_t length, int64_t block_size,
                                  int64_t offset_in_file = 0) const {
    blockpb::ReadRequest request = Request(offset, length);
    auto* ufs = request.mutable_open_ufs_block_options();
    ufs->set_ufs_path(UfsPath("file"));
    ufs->set_offset_in_file(offset_in_file);
    ufs->set_block_size(block_size);
    ufs->set_mountid(kMount);
    return request;
  }

  std::unique_ptr<Call> Start(Status authenticated = Status::Ok()) {
    auto call = std::make_unique<Call>();
    const auto abort = [this, held = call.get()](const Status& status) {
      {
        MutexLock lock(mutex_);
        aborted_.push_back(status);
      }
      held->Cancel();
    };
    call->Start(new ReadStream(deps(), abort, std::move(authenticated), /*local_socket=*/false));
    return call;
  }
  std::unique_ptr<Call> Ask(const blockpb::ReadRequest& request) {
    auto call = Start();
    call->Send(net::SerializeMessage(request));
    return call;
  }
  static std::optional<std::string> NextChunk(Call& call) {
    const auto message = call.Receive();
    if (!message) return std::nullopt;
    const auto chunk = net::ParseReadResponse(*message);
    EXPECT_OK(chunk);
    return chunk.ok() ? chunk->ToString() : "";
  }
  static std::string Drain(Call& call) {
    std::string data;
    while (const auto chunk = NextChunk(call)) data += *chunk;
    return data;
  }
  // What streams were ended with by the watch over them.
  std::vector<Status> aborted() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return aborted_;
  }
  // Time passes, and the worker looks each second.
  void Pass(std::chrono::seconds duration) {
    for (auto passed = duration; passed > duration.zero(); --passed) {
      clock_.Advance(std::chrono::seconds(1));
      readers_.Tick();
    }
  }
  // Whether the budget is all held and all but `rest` of the calls wait for their clients.
  bool AllStandStill(const std::vector<std::unique_ptr<Call>>& calls, size_t rest) const {
    size_t ready = 0;
    for (const auto& call : calls) ready += call->ready() ? 1 : 0;
    return ready + rest >= calls.size() && budget_.held() == kBudget && budget_.contended();
  }
  std::vector<Status> aborted_ GUARDED_BY(mutex_);

  Status Outcome(const blockpb::ReadRequest& request) { return FromGrpc(Ask(request)->AwaitEnd()); }
};

TEST_F(ReadStreamTest, SendsTheRangeInChunksOfTheSizeAskedFor) {
  const std::string content = Content(kBlock, 2500);
  PutBlock(kBlock, content);
  const auto call = Ask(Request(100, 2000, 512));
  for (const size_t from : {100, 612, 1124}) EXPECT_EQ(NextChunk(*call), content.substr(from, 512));
  EXPECT_EQ(NextChunk(*call), content.substr(1636, 464));
  EXPECT_EQ(NextChunk(*call), std::nullopt);
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
}

TEST_F(ReadStreamTest, ACallIsActiveFromItsStartToItsEnd) {
  PutBlock(kBlock, Content(kBlock, 2500));
  {
    const auto call = Start();
    EXPECT_EQ(active_.reads, 1);
    call->Send(net::SerializeMessage(Request(0, 2500)));
    Drain(*call);
    EXPECT_OK(FromGrpc(call->AwaitEnd()));
  }
  EXPECT_TRUE(Eventually([&] { return active_.reads == 0; }));
}

TEST_F(ReadStreamTest, ARangeBeyondTheBlockEndsWithIt) {
  PutBlock(kBlock, Content(kBlock, 2500));
  const auto call = Ask(Request(2000, 1 << 20));
  EXPECT_EQ(Drain(*call), Content(kBlock, 2500).substr(2000));
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
}

TEST_F(ReadStreamTest, AcknowledgementsAreTakenAndChangeNothing) {
  const std::string content = Content(kBlock, 4 * kChunk);
  PutBlock(kBlock, content);
  const auto call = Ask(Request(0, 4 * kChunk));
  std::string data;
  while (const auto chunk = NextChunk(*call)) {
    data += *chunk;
    blockpb::ReadRequest ack;
    ack.set_offset_received(static_cast<int64_t>(data.size()));
    call->Send(net::SerializeMessage(ack));
  }
  EXPECT_EQ(data, content);
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
}

TEST_F(ReadStreamTest, RefusesWhatIsNoProperRequest) {
  PutBlock(kBlock, Content(kBlock, 100));
  const auto refused = [&](const std::function<void(blockpb::ReadRequest&)>& spoil) {
    blockpb::ReadRequest request = Request(0, 100);
    spoil(request);
    return Outcome(request);
  };
  using R = blockpb::ReadRequest;
  const auto is_invalid = [](const char* text) {
    return StatusIs(Code::kInvalidArgument, HasSubstr(text));
  };
  EXPECT_THAT(refused([](R& r) { r.set_block_id(-1); }), is_invalid("block_id is -1"));
  EXPECT_THAT(refused([](R& r) { r.set_offset(-1); }), is_invalid("offset is -1"));
  EXPECT_THAT(refused([](R& r) { r.set_length(0); }), is_invalid("length is 0"));
  EXPECT_THAT(refused([](R& r) { r.set_chunk_size(-1); }), is_invalid("chunk_size is -1"));
  EXPECT_THAT(refused([](R& r) {
                r.set_offset(2);
                r.set_length(std::numeric_limits<int64_t>::max() - 1);
              }),
              is_invalid("out of range"));
  EXPECT_THAT(refused([](R& r) {
                r.mutable_open_ufs_block_options()->set_ufs_path("/f");
                r.mutable_open_ufs_block_options()->set_block_size(-5);
              }),
              is_invalid("block_size is -5"));

  const auto garbage = Start();
  const ::grpc::Slice bytes("\xff\xff\xff");
  garbage->Send(ByteBuffer(&bytes, 1));
  EXPECT_THAT(FromGrpc(garbage->AwaitEnd()),
              is_invalid("malformed alluxio.grpc.block.ReadRequest"));

  const auto silent = Start();
  silent->HalfClose();
  EXPECT_THAT(FromGrpc(silent->AwaitEnd()), is_invalid("before its request"));
}

TEST_F(ReadStreamTest, AStrangerIsTurnedAwayBeforeItsRequestIsRead) {
  const auto call = Start(Unauthenticated("who are you?"));
  EXPECT_THAT(FromGrpc(call->AwaitEnd()), StatusIs(Code::kUnauthenticated));
  EXPECT_EQ(call->taken(), 0u);
}

TEST_F(ReadStreamTest, ABlockThatIsNowhereIsNotFound) {
  EXPECT_THAT(Outcome(Request(0, 10)), StatusIs(Code::kNotFound));
}

TEST_F(ReadStreamTest, AClientThatDoesNotReadHoldsFewChunks) {
  const std::string content = Content(kBlock, 40 * kChunk);
  PutBlock(kBlock, content);
  const auto call = Ask(Request(0, 40 * kChunk));
  std::string data;
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(Eventually([&] { return budget_.held() > 0; }));
    EXPECT_LE(budget_.held(), kChunksInFlight * kChunk);
    data += NextChunk(*call).value_or("");
  }
  EXPECT_EQ(data, content);
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  Quiesce();
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(ReadStreamTest, AnyNumberOfReadersStaysWithinTheBudget) {
  constexpr int kReaders = 300;
  constexpr size_t kBig = 64 << 10;
  const std::string content = Content(kBlock, 4 * kBig);
  PutBlock(kBlock, content);
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < kReaders; ++i) calls.push_back(Ask(Request(0, 4 * kBig, kBig)));
  EXPECT_TRUE(Eventually([&] { return budget_.held() == kBudget; }));
  // As they are read, each gets its turn.
  size_t open = calls.size();
  EXPECT_TRUE(Eventually([&] {
    EXPECT_LE(budget_.held(), kBudget);
    for (auto& call : calls) {
      if (!call || !call->ready() || NextChunk(*call)) continue;
      EXPECT_OK(FromGrpc(call->AwaitEnd()));
      call.reset();
      --open;
    }
    return open == 0;
  }));
  Quiesce();
  EXPECT_EQ(budget_.held(), 0u);
}

// As many as it takes to hold the whole budget, none of which takes anything.
TEST_F(ReadStreamTest, ReadersThatStandStillMakeRoomForOneThatReads) {
  const std::string content = Content(kBlock, 8 * kChunk);
  PutBlock(kBlock, content);
  std::vector<std::unique_ptr<Call>> stalled;
  // One whose last message is on its way holds it just the same.
  stalled.push_back(Ask(Request(0, kChunk)));
  ASSERT_TRUE(Eventually([&] { return stalled.front()->ready(); }));
  for (size_t i = 0; i < kBudget / (2 * kChunk); ++i)
    stalled.push_back(Ask(Request(0, 8 * kChunk)));
  // One chunk more is asked for than fits.
  ASSERT_TRUE(Eventually([&] { return AllStandStill(stalled, 1); }));

  const auto reader = Ask(Request(0, 8 * kChunk));
  Pass(kReaderLimit - std::chrono::seconds(1));
  EXPECT_THAT(aborted(), IsEmpty());
  EXPECT_FALSE(reader->ready());
  Pass(std::chrono::seconds(2));
  EXPECT_EQ(Drain(*reader), content);
  EXPECT_OK(FromGrpc(reader->AwaitEnd()));
  EXPECT_THAT(aborted(), Contains(StatusIs(Code::kUnavailable, HasSubstr("took no message"))));
  EXPECT_GE(metrics_.counter("Worker.StalledReadersEnded").value(),
            static_cast<int64_t>(stalled.size()) - 1);
  EXPECT_TRUE(stalled.front()->cancelled());
  for (const auto& call : stalled) call->Cancel();
  for (const auto& call : stalled) call->AwaitEnd();
  Quiesce();
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(ReadStreamTest, ASlowReaderIsNotCutOffBesideOnesThatStandStill) {
  const std::string content = Content(kBlock, 8 * kChunk);
  PutBlock(kBlock, content);
  const auto slow = Ask(Request(0, 8 * kChunk));
  ASSERT_TRUE(Eventually([&] { return slow->ready() && budget_.held() == 2 * kChunk; }));
  std::vector<std::unique_ptr<Call>> stalled;
  for (size_t i = 0; i <= kBudget / (2 * kChunk); ++i)
    stalled.push_back(Ask(Request(0, 8 * kChunk)));
  // Four chunks more are asked for than fit.
  ASSERT_TRUE(Eventually([&] { return AllStandStill(stalled, 4); }));
  std::string data;
  do {
    ASSERT_TRUE(Eventually([&] { return slow->ready(); }));
    Pass(kReaderLimit - std::chrono::seconds(1));
    data += NextChunk(*slow).value_or("");
  } while (data.size() < content.size());
  EXPECT_EQ(data, content);
  EXPECT_OK(FromGrpc(slow->AwaitEnd()));
  EXPECT_THAT(aborted(), Not(IsEmpty()));
  for (const auto& call : stalled) call->Cancel();
  for (const auto& call : stalled) call->AwaitEnd();
}

TEST_F(ReadStreamTest, AReaderThatStandsStillAndDisturbsNobodyHasALongTime) {
  PutBlock(kBlock, Content(kBlock, 8 * kChunk));
  const auto call = Ask(Request(0, 8 * kChunk));
  ASSERT_TRUE(Eventually([&] { return call->ready(); }));
  clock_.Advance(kReaderIdleLimit - std::chrono::seconds(1));
  readers_.Tick();
  EXPECT_THAT(aborted(), IsEmpty());
  Pass(std::chrono::seconds(2));
  EXPECT_THAT(aborted(), ElementsAre(StatusIs(Code::kUnavailable, HasSubstr("3600 s"))));
  call->AwaitEnd();
}

TEST_F(ReadStreamTest, AChunkIsNeverLargerThanTheWorkerAllows) {
  PutBlock(kBlock, Content(kBlock, 3 * kChunk));
  const_cast<BlockServiceDeps&>(deps()).max_chunk_bytes = kChunk;
  const auto call = Ask(Request(0, 3 * kChunk, 1 << 30));
  EXPECT_EQ(NextChunk(*call)->size(), kChunk);
  EXPECT_EQ(Drain(*call).size(), 2 * kChunk);
}

TEST_F(ReadStreamTest, ACancelledReadGivesEverythingBack) {
  PutBlock(kBlock, Content(kBlock, 40 * kChunk));
  const auto call = Ask(Request(0, 40 * kChunk));
  EXPECT_TRUE(NextChunk(*call));
  call->Cancel();
  call->AwaitEnd();
  Quiesce();
  EXPECT_EQ(budget_.held(), 0u);
  EXPECT_OK(store_->Remove(kBlock));
  EXPECT_EQ(UsedBytes(), 0);
}

TEST_F(ReadStreamTest, AHalfCloseEndsTheRead) {
  PutBlock(kBlock, Content(kBlock, 40 * kChunk));
  const auto call = Ask(Request(0, 40 * kChunk));
  EXPECT_TRUE(NextChunk(*call));
  call->HalfClose();
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  Quiesce();
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(ReadStreamTest, ABlockRemovedWhileItIsReadIsReadToItsEnd) {
  const std::string content = Content(kBlock, 10 * kChunk);
  PutBlock(kBlock, content);
  const auto call = Ask(Request(0, 10 * kChunk));
  std::string data = NextChunk(*call).value_or("");
  EXPECT_OK(store_->Remove(kBlock));
  EXPECT_THAT(Outcome(Request(0, 10)), StatusIs(Code::kNotFound));
  data += Drain(*call);
  EXPECT_EQ(data, content);
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  Quiesce();
  EXPECT_EQ(UsedBytes(), 0);
}

TEST_F(ReadStreamTest, ReadersWritersAndRemovalsOfOneBlockDoNotDisturbEachOther) {
  constexpr int kRounds = 30;
  const std::string content = Content(kBlock, 8 * kChunk);
  PutUfsFile("file", content);
  deps();  // made before there are threads
  std::vector<std::thread> clients;
  for (int t = 0; t < 3; ++t)
    clients.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto call = Ask(UfsRequest(0, 8 * kChunk, 8 * kChunk));
        if ((i + t) % 4 == 0) {
          NextChunk(*call);
          call->Cancel();
          call->AwaitEnd();
          continue;
        }
        EXPECT_EQ(Drain(*call), content);
        EXPECT_OK(FromGrpc(call->AwaitEnd()));
      }
    });
  std::thread remover([&] {
    for (int i = 0; i < kRounds; ++i) {
      (void)store_->Remove(kBlock);
      (void)store_->TakeChanges();
    }
  });
  for (std::thread& client : clients) client.join();
  remover.join();
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(budget_.held(), 0u);
  EXPECT_EQ(UsedBytes(), store_->Contains(kBlock) ? static_cast<int64_t>(content.size()) : 0);
}

// ------------------------------------------------------------------------------ under-store

TEST_F(ReadStreamTest, AWholeReadFromTheUnderStoreKeepsTheBlock) {
  const std::string file = Content(kBlock, 5 * kChunk);
  PutUfsFile("file", file);
  const auto call = Ask(UfsRequest(0, 3 * kChunk, 3 * kChunk, /*offset_in_file=*/kChunk));
  EXPECT_EQ(Drain(*call), file.substr(kChunk, 3 * kChunk));
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  EXPECT_EQ(BlockContent(kBlock), file.substr(kChunk, 3 * kChunk));
  EXPECT_THAT(committed(), ElementsAre(kBlock));
}

TEST_F(ReadStreamTest, APartialOrUncachedReadKeepsNothing) {
  PutUfsFile("file", Content(kBlock, 3 * kChunk));
  const auto part = Ask(UfsRequest(kChunk, kChunk, 3 * kChunk));
  EXPECT_EQ(Drain(*part), Content(kBlock, 3 * kChunk).substr(kChunk, kChunk));
  part->AwaitEnd();
  blockpb::ReadRequest uncached = UfsRequest(0, 3 * kChunk, 3 * kChunk);
  uncached.mutable_open_ufs_block_options()->set_no_cache(true);
  const auto whole = Ask(uncached);
  EXPECT_EQ(Drain(*whole), Content(kBlock, 3 * kChunk));
  whole->AwaitEnd();
  EXPECT_FALSE(store_->Contains(kBlock));
  EXPECT_THAT(committed(), IsEmpty());
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(ReadStreamTest, AFullTierDoesNotKeepAnyoneFromReading) {
  FillStore();
  PutUfsFile("file", Content(kBlock, 3 * kChunk));
  const auto call = Ask(UfsRequest(0, 3 * kChunk, 3 * kChunk));
  EXPECT_EQ(Drain(*call), Content(kBlock, 3 * kChunk));
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  EXPECT_FALSE(store_->Contains(kBlock));
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
}

TEST_F(ReadStreamTest, AReadGoesOnWhenTheMasterDoesNotTakeTheCopy) {
  RefuseCommits(Unavailable("no master"));
  PutUfsFile("file", Content(kBlock, 3 * kChunk));
  const auto call = Ask(UfsRequest(0, 3 * kChunk, 3 * kChunk));
  EXPECT_EQ(Drain(*call), Content(kBlock, 3 * kChunk));
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
}

TEST_F(ReadStreamTest, AReadThatIsCancelledOnTheWayLeavesNoTemporaryBlock) {
  PutUfsFile("file", Content(kBlock, 40 * kChunk));
  const auto call = Ask(UfsRequest(0, 40 * kChunk, 40 * kChunk));
  EXPECT_TRUE(NextChunk(*call));
  call->Cancel();
  call->AwaitEnd();
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(UsedBytes(), 0);
  EXPECT_THAT(committed(), IsEmpty());
}

TEST_F(ReadStreamTest, FailuresOfTheUnderStoreReachTheReader) {
  EXPECT_THAT(Outcome(UfsRequest(0, kChunk, kChunk)), StatusIs(Code::kNotFound));
  PutUfsFile("file", Content(kBlock, kChunk));
  faults_->Fail(ufs::UfsOperation::kRead, Unavailable("the disk is gone"));
  EXPECT_THAT(Outcome(UfsRequest(0, kChunk, kChunk)),
              StatusIs(Code::kUnavailable, HasSubstr("the disk is gone")));
  faults_->Clear();
  EXPECT_THAT(Outcome(UfsRequest(0, 2 * kChunk, 2 * kChunk)),
              StatusIs(Code::kFailedPrecondition, HasSubstr("reload its metadata")));
  blockpb::ReadRequest unmounted = UfsRequest(0, kChunk, kChunk);
  unmounted.mutable_open_ufs_block_options()->set_mountid(kMount + 1);
  EXPECT_THAT(Outcome(unmounted), StatusIs(Code::kNotFound, HasSubstr("no mount has id")));
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(UsedBytes(), 0);
  EXPECT_EQ(budget_.held(), 0u);
}

}  // namespace
}  // namespace headpond::worker
