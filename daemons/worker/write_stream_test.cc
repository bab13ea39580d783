#include "worker/write_stream.h"

#include <atomic>

#include "net/block_framing.h"
#include "net/raw_message.h"
#include "worker/wire.h"
#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

using ::grpc::ByteBuffer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace blockpb = ::alluxio::grpc::block;

constexpr BlockId kBlock = 6 << 24;

using Call = FakeCall<ByteBuffer, ByteBuffer>;

ByteBuffer Data(const std::string& data) {
  const ::grpc::Slice slice(data);
  return net::FrameWriteChunk({&slice, 1});
}

class WriteStreamTest : public WorkerDataTest {
 protected:
  static blockpb::WriteRequestCommand BlockCommand() {
    blockpb::WriteRequestCommand command;
    command.set_type(blockpb::ALLUXIO_BLOCK);
    command.set_id(kBlock);
    command.set_space_to_reserve(1000);
    return command;
  }
  blockpb::WriteRequestCommand FileCommand(const std::string& name) const {
    blockpb::WriteRequestCommand command;
    command.set_type(blockpb::UFS_FILE);
    command.set_id(-1);
    auto* options = command.mutable_create_ufs_file_options();
    options->set_ufs_path(UfsPath(name));
    options->set_mode(0640);
    options->set_mount_id(kMount);
    return command;
  }
  static blockpb::WriteRequestCommand Flush(int64_t offset) {
    blockpb::WriteRequestCommand command = BlockCommand();
    command.set_offset(offset);
    command.set_flush(true);
    return command;
  }

  std::unique_ptr<Call> Start(Status authenticated = Status::Ok()) {
    auto call = std::make_unique<Call>();
    call->Start(new WriteStream(
        deps(),
        [this, call = call.get()](const Status& status) {
          aborted_ = status;
          call->Cancel();
        },
        [call = call.get()] { return call->cancelled(); }, std::move(authenticated),
        /*local_socket=*/false));
    return call;
  }
  std::unique_ptr<Call> Begin(const blockpb::WriteRequestCommand& command) {
    auto call = Start();
    call->Send(net::FrameWriteCommand(command));
    return call;
  }
  static std::optional<blockpb::WriteResponse> Answer(Call& call) {
    const auto message = call.Receive();
    blockpb::WriteResponse response;
    if (!message || !net::ParseMessage(*message, response).ok()) return std::nullopt;
    return response;
  }
  static Status HalfCloseAndAwait(Call& call) {
    call.HalfClose();
    return FromGrpc(call.AwaitEnd());
  }
  // The call's outcome, while `held` works on this thread.
  static Status AwaitEndWhileRunning(HeldExecutor& held, Call& call) {
    std::atomic<bool> over{false};
    Status outcome;
    std::thread client([&] {
      outcome = FromGrpc(call.AwaitEnd());
      over = true;
    });
    EXPECT_TRUE(Eventually([&] {
      held.RunAll();
      return over.load();
    }));
    client.join();
    return outcome;
  }
  // Time passes, and the worker looks each second.
  void Pass(std::chrono::seconds duration) {
    for (auto passed = duration; passed > duration.zero(); --passed) {
      clock_.Advance(std::chrono::seconds(1));
      writers_.Tick();
    }
  }
  Status aborted_;  // what the watch over writers ended a call with

  void ExpectNothingLeft() {
    Quiesce();
    EXPECT_THAT(TemporaryFiles(), IsEmpty());
    EXPECT_THAT(UfsFiles(), IsEmpty());
    EXPECT_FALSE(store_->Contains(kBlock));
    EXPECT_THAT(committed(), IsEmpty());
  }
};

TEST_F(WriteStreamTest, WritesABlockThatIsKnownToTheMasterWhenTheCallEnds) {
  const auto call = Begin(BlockCommand());
  const std::string content = Content(kBlock, 30'000);
  for (size_t i = 0; i < content.size(); i += 1000) call->Send(Data(content.substr(i, 1000)));
  EXPECT_OK(HalfCloseAndAwait(*call));
  EXPECT_EQ(BlockContent(kBlock), content);
  EXPECT_THAT(committed(), ElementsAre(kBlock));
  EXPECT_EQ(UsedBytes(), 30'000);
}

TEST_F(WriteStreamTest, AnEmptyBlockIsABlock) {
  const auto call = Begin(BlockCommand());
  EXPECT_OK(HalfCloseAndAwait(*call));
  EXPECT_THAT(store_->LengthOf(kBlock), IsOkAndHolds(0));
}

TEST_F(WriteStreamTest, AFlushIsAnsweredWithThePosition) {
  const auto call = Begin(BlockCommand());
  call->Send(Data(Content(kBlock, 700)));
  call->Send(net::FrameWriteCommand(Flush(700)));
  EXPECT_EQ(Answer(*call)->offset(), 700);
  call->Send(Data("more"));
  call->Send(net::FrameWriteCommand(Flush(704)));
  EXPECT_EQ(Answer(*call)->offset(), 704);
  EXPECT_OK(HalfCloseAndAwait(*call));
}

TEST_F(WriteStreamTest, AnOffsetThatIsNotThePositionEndsTheWrite) {
  const auto call = Begin(BlockCommand());
  call->Send(Data("seven b"));
  call->Send(net::FrameWriteCommand(Flush(8)));
  EXPECT_THAT(FromGrpc(call->AwaitEnd()),
              StatusIs(Code::kInvalidArgument, HasSubstr("offset is 8, but 7 bytes")));
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, RefusesWhatIsNoProperWrite) {
  const auto is_invalid = [](const char* text) {
    return StatusIs(Code::kInvalidArgument, HasSubstr(text));
  };
  const auto data_first = Start();
  data_first->Send(Data("data"));
  EXPECT_THAT(FromGrpc(data_first->AwaitEnd()), is_invalid("a command must come first"));

  const auto garbage = Begin(BlockCommand());
  const ::grpc::Slice bytes("\xff\xff\xff");
  garbage->Send(ByteBuffer(&bytes, 1));
  EXPECT_THAT(FromGrpc(garbage->AwaitEnd()), StatusIs(Code::kInvalidArgument));

  EXPECT_THAT(HalfCloseAndAwait(*Start()), is_invalid("before its first command"));

  auto negative = BlockCommand();
  negative.set_id(-1);
  EXPECT_THAT(FromGrpc(Begin(negative)->AwaitEnd()), is_invalid("id is -1"));
  negative = BlockCommand();
  negative.set_space_to_reserve(-1);
  EXPECT_THAT(FromGrpc(Begin(negative)->AwaitEnd()), is_invalid("space_to_reserve is -1"));

  auto no_options = FileCommand("f");
  no_options.clear_create_ufs_file_options();
  EXPECT_THAT(FromGrpc(Begin(no_options)->AwaitEnd()), is_invalid("create_ufs_file_options"));

  EXPECT_THAT(FromGrpc(Start(Unauthenticated("who?"))->AwaitEnd()),
              StatusIs(Code::kUnauthenticated));
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, ACancelledWriteLeavesNothingAndTheIdIsFreeAgain) {
  const auto call = Begin(BlockCommand());
  call->Send(Data(Content(kBlock, 5000)));
  call->Send(net::FrameWriteCommand(Flush(5000)));
  ASSERT_TRUE(Answer(*call));
  EXPECT_FALSE(TemporaryFiles().empty());
  call->Cancel();
  call->AwaitEnd();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(UsedBytes(), 0);
  const auto again = Begin(BlockCommand());
  again->Cancel();
  again->AwaitEnd();
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, AResetStreamIsNotTakenForAFinishedOne) {
  // gRPC reports the end of reading before it reports the cancellation.
  HeldExecutor held;
  executor_ = &held;
  const auto call = Begin(BlockCommand());
  call->Send(Data("half of it"));
  ASSERT_TRUE(Eventually([&] { return call->taken() == 2; }));
  call->HalfClose();
  call->Cancel();
  EXPECT_THAT(AwaitEndWhileRunning(held, *call), StatusIs(Code::kCancelled));
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, AClientFasterThanTheDiskIsStopped) {
  HeldExecutor held;
  executor_ = &held;
  const auto call = Begin(BlockCommand());
  const std::string content = Content(kBlock, 100 * 1000);
  for (size_t i = 0; i < content.size(); i += 1000) call->Send(Data(content.substr(i, 1000)));
  call->HalfClose();
  EXPECT_TRUE(Eventually([&] { return call->taken() == WriteStream::kMaxQueued; }));
  EXPECT_OK(AwaitEndWhileRunning(held, *call));
  EXPECT_EQ(BlockContent(kBlock), content);
}

TEST_F(WriteStreamTest, AFullTierEndsTheWriteAndGivesItsSpaceBack) {
  const auto call = Begin(BlockCommand());
  for (int64_t sent = 0; sent <= kCapacity; sent += 64 << 10)
    call->Send(Data(std::string(64 << 10, 'x')));
  EXPECT_THAT(FromGrpc(call->AwaitEnd()), StatusIs(Code::kResourceExhausted));
  EXPECT_EQ(UsedBytes(), 0);
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, ABlockIsWrittenOnce) {
  const auto first = Begin(BlockCommand());
  first->Send(net::FrameWriteCommand(Flush(0)));
  ASSERT_TRUE(Answer(*first));
  EXPECT_THAT(FromGrpc(Begin(BlockCommand())->AwaitEnd()), StatusIs(Code::kAlreadyExists));
  EXPECT_OK(HalfCloseAndAwait(*first));
  EXPECT_THAT(FromGrpc(Begin(BlockCommand())->AwaitEnd()), StatusIs(Code::kAlreadyExists));
}

TEST_F(WriteStreamTest, ABlockTheMasterDoesNotTakeIsAFailedWrite) {
  RefuseCommits(Unavailable("no master"));
  const auto call = Begin(BlockCommand());
  call->Send(Data("data"));
  EXPECT_THAT(HalfCloseAndAwait(*call), StatusIs(Code::kUnavailable, HasSubstr("no master")));
}

TEST_F(WriteStreamTest, AClientThatIgnoresAnAnswerAndGoesAwayHoldsNothing) {
  const auto call = Begin(Flush(0));
  call->Send(net::FrameWriteCommand(Flush(0)));
  ASSERT_TRUE(Eventually([&] { return !TemporaryFiles().empty(); }));
  call->Cancel();
  call->AwaitEnd();
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, AClientThatDoesNotTakeItsAnswerKeepsNoThread) {
  std::vector<std::unique_ptr<Call>> calls;
  for (BlockId i = 0; i < 8; ++i) {  // more than there are threads
    blockpb::WriteRequestCommand command = Flush(0);
    command.set_id(kBlock + i);
    calls.push_back(Begin(command));
    ASSERT_TRUE(Eventually([&] { return calls.back()->ready(); }));
    calls.back()->Send(Data("after the answer"));
  }
  blockpb::WriteRequestCommand other = BlockCommand();
  other.set_id(kBlock + 100);
  EXPECT_OK(HalfCloseAndAwait(*Begin(other)));
  for (const auto& call : calls) {
    EXPECT_EQ(Answer(*call)->offset(), 0);
    EXPECT_OK(HalfCloseAndAwait(*call));
  }
  EXPECT_EQ(BlockContent(kBlock), "after the answer");
}

TEST_F(WriteStreamTest, AWriterThatStandsStillIsLeftAloneWhileThereIsRoom) {
  const auto call = Begin(BlockCommand());
  call->Send(Data("some"));
  ASSERT_TRUE(Eventually([&] { return call->taken() == 2; }));
  Pass(kWriterLimit * 10);
  EXPECT_OK(aborted_);
  call->Send(Data(" more"));
  EXPECT_OK(HalfCloseAndAwait(*call));
  EXPECT_EQ(BlockContent(kBlock), "some more");
}

TEST_F(WriteStreamTest, AWriterThatStandsStillMakesRoomForThoseWhoGetNone) {
  blockpb::WriteRequestCommand hog = BlockCommand();
  hog.set_space_to_reserve(kCapacity);
  const auto call = Begin(hog);
  ASSERT_TRUE(Eventually([&] { return UsedBytes() == kCapacity; }));
  blockpb::WriteRequestCommand other = BlockCommand();
  other.set_id(kBlock + 1);
  const auto refused = [&] { return HalfCloseAndAwait(*Begin(other)); };
  for (auto passed = std::chrono::seconds(0); passed <= kWriterLimit && aborted_.ok();
       passed += std::chrono::seconds(30)) {
    EXPECT_THAT(refused(), StatusIs(Code::kResourceExhausted));
    Pass(std::chrono::seconds(30));
  }
  EXPECT_THAT(aborted_, StatusIs(Code::kUnavailable, HasSubstr("sent nothing")));
  call->AwaitEnd();
  EXPECT_TRUE(Eventually([&] { return UsedBytes() == 0; }));
  EXPECT_OK(refused());
}

TEST_F(WriteStreamTest, ManyWritersOfWhichSomeGoAwayShareTheStore) {
  constexpr int kWriters = 4;
  constexpr int kRounds = 25;
  deps();  // made before there are threads
  std::vector<std::thread> clients;
  for (int t = 0; t < kWriters; ++t)
    clients.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const BlockId block = static_cast<BlockId>(t * kRounds + i + 1) << 24;
        auto command = BlockCommand();
        command.set_id(block);
        const auto call = Begin(command);
        const std::string content = Content(block, 9000);
        for (size_t at = 0; at < content.size(); at += 1000)
          call->Send(Data(content.substr(at, 1000)));
        if (i % 3 == 0) {
          call->Cancel();
          call->AwaitEnd();
          EXPECT_FALSE(store_->Contains(block));
          continue;
        }
        EXPECT_OK(HalfCloseAndAwait(*call));
        EXPECT_EQ(BlockContent(block), content);
        if (i % 3 == 1) {
          EXPECT_OK(store_->Remove(block));
        }
      }
    });
  for (std::thread& client : clients) client.join();
  Quiesce();
  EXPECT_THAT(TemporaryFiles(), IsEmpty());
  EXPECT_EQ(UsedBytes(), 9000 * store_->block_count());
}

// ------------------------------------------------------------------------------ under-store

TEST_F(WriteStreamTest, AnUnderStoreFileIsSeenWhenItIsWhole) {
  const auto call = Begin(FileCommand("new/file"));
  call->Send(Data("first "));
  auto flush = FileCommand("new/file");
  flush.set_flush(true);
  call->Send(net::FrameWriteCommand(flush));
  EXPECT_EQ(Answer(*call)->offset(), 6);
  EXPECT_FALSE(std::filesystem::exists(UfsPath("new/file")));
  call->Send(Data("second"));
  call->HalfClose();
  const auto answer = Answer(*call);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->offset(), 12);
  EXPECT_THAT(answer->contenthash(), Not(IsEmpty()));
  EXPECT_OK(FromGrpc(call->AwaitEnd()));
  EXPECT_EQ(UfsContent("new/file"), "first second");
  EXPECT_THAT(committed(), IsEmpty());
}

TEST_F(WriteStreamTest, ACancelledUnderStoreFileLeavesNothing) {
  const auto call = Begin(FileCommand("file"));
  call->Send(Data("first "));
  call->Cancel();
  call->AwaitEnd();
  ExpectNothingLeft();
}

TEST_F(WriteStreamTest, FailuresOfTheUnderStoreReachTheWriter) {
  faults_->Fail(ufs::UfsOperation::kComplete, Unavailable("the disk is gone"));
  const auto call = Begin(FileCommand("file"));
  call->Send(Data("data"));
  EXPECT_THAT(HalfCloseAndAwait(*call), StatusIs(Code::kUnavailable, HasSubstr("disk is gone")));
  ExpectNothingLeft();
}

}  // namespace
}  // namespace headpond::worker
