// Readers and writers against a scripted master and scripted workers: which place is read, what is
// sent, what happens when something fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "client/fake_cluster.h"
#include "client/file_reader.h"
#include "client/file_system.h"
#include "client/file_writer.h"
#include "net/lane.h"
#include "net/worker_address_wire.h"
#include "proto/block_worker.pb.h"
#include "proto/lane.pb.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace wire = alluxio::grpc::file;
namespace block = alluxio::grpc::block;

constexpr int64_t kBlockId = 7 << 24;
constexpr int64_t kBlockSize = 4 << 20;

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>((i * 2654435761u) >> 11);
  return text;
}

// A worker with blocks in memory, over the scripted server.
class FakeWorker {
 public:
  // `host` decides what is local: "test-client" is (see ClientConfig), other names are not.
  explicit FakeWorker(std::string host) : host_(std::move(host)) {
    server_.On(kBlockWorker + "ReadBlock", [this] { return std::make_unique<ReadScript>(*this); });
    server_.On(kBlockWorker + "WriteBlock",
               [this] { return std::make_unique<WriteScript>(*this); });
    server_.OnUnary(kBlockWorker + "Cache",
                    [](const std::string&) { return Result<std::string>(""); });
  }

  WorkerAddress address() const {
    return {.host = host_,
            .rpc_port = server_.port(),
            .data_port = server_.port(),
            .container_host = "127.0.0.1"};
  }
  ScriptedServer& server() { return server_; }
  void AddBlock(int64_t id, std::string data) { blocks_[id] = std::move(data); }
  void FailReads(Status status) {
    MutexLock lock(mutex_);
    read_error_ = std::move(status);
  }
  void FailWrites(Status status) {
    MutexLock lock(mutex_);
    write_error_ = std::move(status);
  }
  void HangReads() { hang_ = true; }
  // From now on short ranges are read over lanes too, as our own workers do.
  void ServeRanges() {
    server_.On(net::kLaneMethod, [this] { return std::make_unique<LaneScript>(*this); });
  }
  // Answered on lanes.
  int ranges() const { return ranges_; }

  struct Written {
    block::WriteRequestCommand command;
    std::string data;
  };
  std::vector<Written> committed() const {
    MutexLock lock(mutex_);
    return committed_;
  }
  int cancelled() const { return cancelled_; }
  int64_t acknowledged() const { return acknowledged_; }

 private:
  class ReadScript final : public ScriptedServer::Script {
   public:
    explicit ReadScript(FakeWorker& worker) : worker_(worker) {}
    ScriptedServer::Reply OnMessage(const std::string& message) override {
      const auto request = ParseAs<block::ReadRequest>(message);
      if (request.has_offset_received()) {
        worker_.acknowledged_ = request.offset_received();
        return {};
      }
      if (worker_.hang_) return {};
      {
        MutexLock lock(worker_.mutex_);
        if (!worker_.read_error_.ok()) return {{}, worker_.read_error_};
      }
      const auto found = worker_.blocks_.find(request.block_id());
      if (found == worker_.blocks_.end()) return {{}, NotFound("no such block")};
      ScriptedServer::Reply reply;
      const auto end = static_cast<size_t>(request.offset() + request.length());
      for (auto at = static_cast<size_t>(request.offset()); at < end; at += 1 << 20) {
        block::ReadResponse response;
        response.mutable_chunk()->set_data(
            found->second.substr(at, std::min<size_t>(1 << 20, end - at)));
        reply.messages.push_back(response.SerializeAsString());
      }
      // As 2.9: the server ends without waiting for the client's half-close, but reads
      // acknowledgements before.
      if (end - static_cast<size_t>(request.offset()) <= 1 << 20) reply.finish = Status::Ok();
      return reply;
    }

   private:
    FakeWorker& worker_;
  };

  class LaneScript final : public ScriptedServer::Script {
   public:
    explicit LaneScript(FakeWorker& worker) : worker_(worker) {}
    ScriptedServer::Reply OnOpen() override {
      lane::LaneReplies greeting;
      greeting.add_methods(net::kReadRangeMethod);
      return {{greeting.SerializeAsString()}, std::nullopt};
    }
    ScriptedServer::Reply OnMessage(const std::string& message) override {
      const auto calls = ParseAs<lane::LaneCalls>(message);
      lane::LaneReplies replies;
      for (const auto& call : calls.calls()) {
        const auto request = ParseAs<block::ReadRequest>(call.request());
        ++worker_.ranges_;
        auto* const reply = replies.add_replies();
        reply->set_id(call.id());
        MutexLock lock(worker_.mutex_);
        reply->set_code(static_cast<int>(worker_.read_error_.code()));
        reply->set_message(worker_.read_error_.message());
        reply->set_response(worker_.blocks_.at(request.block_id())
                                .substr(static_cast<size_t>(request.offset()),
                                        static_cast<size_t>(request.length())));
      }
      return {{replies.SerializeAsString()}, std::nullopt};
    }

   private:
    FakeWorker& worker_;
  };

  class WriteScript final : public ScriptedServer::Script {
   public:
    explicit WriteScript(FakeWorker& worker) : worker_(worker) {}
    ScriptedServer::Reply OnMessage(const std::string& message) override {
      const auto request = ParseAs<block::WriteRequest>(message);
      if (request.has_command()) {
        written_.command = request.command();
        MutexLock lock(worker_.mutex_);
        if (!worker_.write_error_.ok() && written_.command.type() == block::ALLUXIO_BLOCK)
          return {{}, worker_.write_error_};
      } else {
        written_.data += request.chunk().data();
      }
      return {};
    }
    ScriptedServer::Reply OnHalfClose() override {
      if (cancelled_) return {{}, Cancelled("cancelled")};
      MutexLock lock(worker_.mutex_);
      worker_.committed_.push_back(written_);
      ScriptedServer::Reply reply{{}, Status::Ok()};
      if (written_.command.type() == block::UFS_FILE) {
        block::WriteResponse response;
        response.set_contenthash("(len:" + std::to_string(written_.data.size()) + ")");
        reply.messages.push_back(response.SerializeAsString());
      }
      return reply;
    }
    void OnCancel() override {
      cancelled_ = true;
      ++worker_.cancelled_;
    }

   private:
    FakeWorker& worker_;
    Written written_;
    std::atomic<bool> cancelled_ = false;
  };

  const std::string host_;
  ScriptedServer server_;
  std::map<int64_t, std::string> blocks_;
  std::atomic<bool> hang_ = false;
  std::atomic<int> cancelled_ = 0;
  std::atomic<int> ranges_ = 0;
  std::atomic<int64_t> acknowledged_ = 0;
  mutable Mutex mutex_;
  Status read_error_ GUARDED_BY(mutex_);
  Status write_error_ GUARDED_BY(mutex_);
  std::vector<Written> committed_ GUARDED_BY(mutex_);
};

class DataTest : public ::testing::Test {
 protected:
  DataTest() {
    ActAsPrimary(master_);
    master_.OnUnary(kFileService + "CreateFile",
                    [](const std::string& bytes) -> Result<std::string> {
                      const auto request = ParseAs<wire::CreateFilePRequest>(bytes);
                      wire::CreateFilePResponse response;
                      auto* info = response.mutable_fileinfo();
                      info->set_path(request.path());
                      info->set_ufspath("/ufs" + request.path());
                      info->set_blocksizebytes(request.options().blocksizebytes());
                      info->set_mountid(1);
                      info->set_mode(0644);
                      return response.SerializeAsString();
                    });
    master_.OnUnary(kFileService + "GetNewBlockIdForFile",
                    [this](const std::string&) -> Result<std::string> {
                      wire::GetNewBlockIdForFilePResponse response;
                      response.set_id(kBlockId + next_block_++);
                      return response.SerializeAsString();
                    });
    for (const char* method : {"CompleteFile", "Remove"})
      master_.OnUnary(kFileService + method,
                      [](const std::string&) { return Result<std::string>(""); });
  }

  void ListWorkers(const std::vector<const FakeWorker*>& workers) {
    block::GetWorkerInfoListPResponse response;
    for (const FakeWorker* worker : workers) {
      auto* info = response.add_workerinfos();
      net::ToWire(worker->address(), info->mutable_address());
      info->set_capacitybytes(1 << 30);
    }
    master_.OnUnary(kBlockMaster + "GetWorkerInfoList",
                    [bytes = response.SerializeAsString()](const std::string&) {
                      return Result<std::string>(bytes);
                    });
  }

  // Null: nobody has it.
  void MoveBlockTo(const FakeWorker* worker) {
    block::GetBlockInfoPResponse response;
    response.mutable_blockinfo()->set_blockid(kBlockId);
    if (worker)
      net::ToWire(worker->address(),
                  response.mutable_blockinfo()->add_locations()->mutable_workeraddress());
    master_.OnUnary(kBlockMaster + "GetBlockInfo",
                    [bytes = response.SerializeAsString()](const std::string&) {
                      return Result<std::string>(bytes);
                    });
  }

  FileSystem& fs() {
    if (!fs_) {
      Config config = ClientConfig({&master_});
      for (const auto& [key, value] : properties_) EXPECT_OK(config.Set(key, value));
      auto connected = FileSystem::Connect(std::move(config));
      EXPECT_OK(connected);
      fs_ = *std::move(connected);
    }
    return *fs_;
  }

  // A file of one block with copies on these workers.
  static FileInfo FileOf(size_t length, const std::vector<const FakeWorker*>& copies) {
    FileInfo info;
    info.path = "/f";
    info.ufs_path = "/ufs/f";
    info.length = static_cast<int64_t>(length);
    info.block_size = std::max<int64_t>(info.length, 1);
    info.completed = true;
    info.mount_id = 1;
    info.persistence_state = "NOT_PERSISTED";
    FileBlock only;
    only.block.id = kBlockId;
    only.block.length = info.length;
    for (const FakeWorker* worker : copies)
      only.block.locations.push_back({.worker = worker->address()});
    info.blocks.push_back(only);
    return info;
  }

  Result<std::string> ReadAll(const FileInfo& info, const OpenOptions& options = {}) {
    ASSIGN_OR_RETURN(const auto reader, fs().Open(info, options));
    std::string content;
    std::string buffer(300'000, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t some, reader->Read(buffer.size(), buffer.data()));
      if (some == 0) return content;
      content.append(buffer, 0, some);
    }
  }

  std::map<std::string, std::string> properties_;
  ScriptedServer master_;
  FakeWorker near_{"test-client"}, far_{"elsewhere"}, other_{"somewhere"};
  std::atomic<int64_t> next_block_ = 0;
  std::unique_ptr<FileSystem> fs_;
};

TEST_F(DataTest, ReadsASequenceThroughOneStreamAndAcknowledges) {
  const std::string data = Pattern(6'000'000);
  far_.AddBlock(kBlockId, data);
  ListWorkers({});
  EXPECT_EQ(*ReadAll(FileOf(data.size(), {&far_})), data);
  EXPECT_THAT(far_.server().Requests(kBlockWorker + "ReadBlock"), SizeIs(1));
  EXPECT_GE(far_.acknowledged(), 3'000'000);
}

TEST_F(DataTest, APositionedReadAsksForExactlyItsRange) {
  const std::string data = Pattern(500'000);
  far_.AddBlock(kBlockId, data);
  ListWorkers({});
  const auto reader = fs().Open(FileOf(data.size(), {&far_}));
  ASSERT_OK(reader);
  std::string buffer(1000, '\0');
  EXPECT_EQ(*(*reader)->ReadAt(123'456, buffer.size(), buffer.data()), 1000u);
  EXPECT_EQ(buffer, data.substr(123'456, 1000));
  const auto request =
      ParseAs<block::ReadRequest>(far_.server().Requests(kBlockWorker + "ReadBlock").at(0));
  EXPECT_EQ(request.offset(), 123'456);
  EXPECT_EQ(request.length(), 1000);
  EXPECT_TRUE(request.position_short());
  EXPECT_EQ(*(*reader)->ReadAt(499'990, buffer.size(), buffer.data()), 10u);
  EXPECT_EQ(*(*reader)->ReadAt(500'000, buffer.size(), buffer.data()), 0u);
  EXPECT_THAT((*reader)->ReadAt(-1, 1, buffer.data()), StatusIs(Code::kInvalidArgument));
}

// Reads at changing places until `worker` has answered one on its lane.
void ReadUntilOnLane(FileReader& reader, FakeWorker& worker, const std::string& data) {
  std::string buffer(1000, '\0');
  for (int i = 0; worker.ranges() == 0; ++i) {
    ASSERT_LT(i, 10'000) << "the lane is not used";
    const auto offset = static_cast<size_t>(i % 2 == 0 ? 50'000 : 100);
    ASSERT_EQ(*reader.ReadAt(static_cast<int64_t>(offset), buffer.size(), buffer.data()), 1000u);
    ASSERT_EQ(buffer, data.substr(offset, 1000));
  }
}

TEST_F(DataTest, ShortPositionedReadsNeedNoStreamsOnceThereIsALane) {
  const std::string data = Pattern(500'000);
  far_.AddBlock(kBlockId, data);
  far_.ServeRanges();
  ListWorkers({});
  const auto reader = fs().Open(FileOf(data.size(), {&far_}));
  ASSERT_OK(reader);
  ReadUntilOnLane(**reader, far_, data);
  const size_t streams = far_.server().Requests(kBlockWorker + "ReadBlock").size();
  std::string buffer(net::kMaxLaneReadBytes + 1, '\0');
  EXPECT_EQ(*(*reader)->ReadAt(7, net::kMaxLaneReadBytes, buffer.data()), net::kMaxLaneReadBytes);
  EXPECT_EQ(buffer.substr(0, net::kMaxLaneReadBytes), data.substr(7, net::kMaxLaneReadBytes));
  EXPECT_EQ(*(*reader)->ReadAt(499'990, 1000, buffer.data()), 10u);
  EXPECT_EQ(buffer.substr(0, 10), data.substr(499'990));
  EXPECT_THAT(far_.server().Requests(kBlockWorker + "ReadBlock"), SizeIs(streams));
  // A longer one is a stream.
  EXPECT_EQ(*(*reader)->ReadAt(7, buffer.size(), buffer.data()), buffer.size());
  EXPECT_EQ(buffer, data.substr(7, buffer.size()));
  EXPECT_THAT(far_.server().Requests(kBlockWorker + "ReadBlock"), SizeIs(streams + 1));
}

TEST_F(DataTest, ARangeThatFailsIsReadElsewhere) {
  const std::string data = Pattern(100'000);
  far_.AddBlock(kBlockId, data);
  far_.ServeRanges();
  other_.AddBlock(kBlockId, data);
  ListWorkers({});
  const auto alone = fs().Open(FileOf(data.size(), {&far_}));
  ASSERT_OK(alone);
  ReadUntilOnLane(**alone, far_, data);
  far_.FailReads(Unavailable("broken"));
  const auto reader = fs().Open(FileOf(data.size(), {&far_, &other_}));
  ASSERT_OK(reader);
  std::string buffer(1000, '\0');
  for (const int64_t offset : {5'000, 70'000, 300, 42'000, 9'000, 81'000}) {
    EXPECT_EQ(*(*reader)->ReadAt(offset, buffer.size(), buffer.data()), 1000u);
    EXPECT_EQ(buffer, data.substr(static_cast<size_t>(offset), 1000));
  }
}

TEST_F(DataTest, ACopyThatFailsIsPassedOver) {
  const std::string data = Pattern(100'000);
  far_.FailReads(Unavailable("broken"));
  other_.AddBlock(kBlockId, data);
  ListWorkers({});
  for (int i = 0; i < 8; ++i) EXPECT_EQ(*ReadAll(FileOf(data.size(), {&far_, &other_})), data);
}

TEST_F(DataTest, ABlockThatHasMovedIsFoundThroughTheMaster) {
  const std::string data = Pattern(100'000);
  other_.AddBlock(kBlockId, data);  // far_ answers NOT_FOUND
  ListWorkers({});
  MoveBlockTo(&other_);
  EXPECT_EQ(*ReadAll(FileOf(data.size(), {&far_})), data);
}

TEST_F(DataTest, ABlockThatNobodyHasEndsInAnErrorInTime) {
  far_.FailReads(Unavailable("broken"));
  ListWorkers({});
  MoveBlockTo(&far_);
  EXPECT_THAT(ReadAll(FileOf(1000, {&far_})), StatusIs(Code::kUnavailable, "broken"));
  MoveBlockTo(nullptr);
  EXPECT_THAT(ReadAll(FileOf(1000, {})),
              StatusIs(Code::kUnavailable, HasSubstr("unavailable in both Alluxio and UFS")));
}

TEST_F(DataTest, AWorkerThatDoesNotAnswerIsGivenUp) {
  properties_["alluxio.user.streaming.data.read.timeout"] = "100ms";
  const std::string data = Pattern(1000);
  far_.HangReads();
  other_.AddBlock(kBlockId, data);
  ListWorkers({});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(*ReadAll(FileOf(data.size(), {&far_, &other_})), data);
}

TEST_F(DataTest, APersistedBlockWithoutCopiesIsReadThroughAWorker) {
  const std::string data = Pattern(50'000);
  far_.AddBlock(kBlockId, data);
  ListWorkers({&far_});
  FileInfo info = FileOf(data.size(), {});
  info.persisted = true;
  info.persistence_state = "PERSISTED";
  EXPECT_EQ(*ReadAll(info, {.read_type = ReadType::kNoCache}), data);
  const auto request =
      ParseAs<block::ReadRequest>(far_.server().Requests(kBlockWorker + "ReadBlock").at(0));
  EXPECT_EQ(request.open_ufs_block_options().ufs_path(), "/ufs/f");
  EXPECT_EQ(request.open_ufs_block_options().mountid(), 1);
  EXPECT_TRUE(request.open_ufs_block_options().no_cache());
  EXPECT_THAT(far_.server().Requests(kBlockWorker + "Cache"), IsEmpty());
}

TEST_F(DataTest, ReadingFromAfarHasTheLocalWorkerCacheTheBlockOnce) {
  const std::string data = Pattern(300'000);
  far_.AddBlock(kBlockId, data);
  ListWorkers({&far_, &near_});
  const auto reader =
      fs().Open(FileOf(data.size(), {&far_}), {.read_type = ReadType::kCachePromote});
  ASSERT_OK(reader);
  std::string buffer(100, '\0');
  for (const int64_t offset : {200'000, 100, 150'000})
    EXPECT_OK((*reader)->ReadAt(offset, 100, buffer.data()));
  const auto requests = near_.server().Requests(kBlockWorker + "Cache");
  ASSERT_THAT(requests, SizeIs(1));
  const auto request = ParseAs<block::CacheRequest>(requests[0]);
  EXPECT_EQ(request.block_id(), kBlockId);
  EXPECT_EQ(request.source_port(), far_.address().data_port);
  EXPECT_TRUE(request.async());
  EXPECT_TRUE(ParseAs<block::ReadRequest>(far_.server().Requests(kBlockWorker + "ReadBlock").at(0))
                  .promote());
}

TEST_F(DataTest, NoCacheReadsAskNobodyToCache) {
  const std::string data = Pattern(1000);
  far_.AddBlock(kBlockId, data);
  ListWorkers({&far_, &near_});
  EXPECT_EQ(*ReadAll(FileOf(data.size(), {&far_}), {.read_type = ReadType::kNoCache}), data);
  EXPECT_THAT(near_.server().Requests(kBlockWorker + "Cache"), IsEmpty());
}

// Answers with a path and keeps the stream open until the reader half-closes.
class OpenLocalScript final : public ScriptedServer::Script {
 public:
  explicit OpenLocalScript(std::string path) : path_(std::move(path)) {}
  ScriptedServer::Reply OnMessage(const std::string&) override {
    block::OpenLocalBlockResponse response;
    response.set_path(path_);
    return {{response.SerializeAsString()}, std::nullopt};
  }

 private:
  const std::string path_;
};

TEST_F(DataTest, ABlockOnThisMachineIsReadFromItsFile) {
  const TempDirectory directory;
  const std::string data = Pattern(70'000);
  std::ofstream(directory / "block", std::ios::binary) << data;
  near_.server().On(kBlockWorker + "OpenLocalBlock",
                    [&] { return std::make_unique<OpenLocalScript>(directory / "block"); });
  ListWorkers({});
  EXPECT_EQ(*ReadAll(FileOf(data.size(), {&far_, &near_})), data);
  EXPECT_THAT(near_.server().Requests(kBlockWorker + "ReadBlock"), IsEmpty());
  EXPECT_THAT(far_.server().Requests(kBlockWorker + "ReadBlock"), IsEmpty());
}

TEST_F(DataTest, ABlockFileOutOfReachIsReadOverTheWireAndNotTriedAgain) {
  const std::string data = Pattern(70'000);
  near_.AddBlock(kBlockId, data);
  near_.server().On(kBlockWorker + "OpenLocalBlock",
                    [] { return std::make_unique<OpenLocalScript>("/nosuch/place/block"); });
  ListWorkers({});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*ReadAll(FileOf(data.size(), {&near_})), data);
  EXPECT_THAT(near_.server().Requests(kBlockWorker + "OpenLocalBlock"), SizeIs(1));
  EXPECT_THAT(near_.server().Requests(kBlockWorker + "ReadBlock"), SizeIs(3));
}

TEST_F(DataTest, SeveralThreadsReadOneFile) {
  const std::string data = Pattern(2'000'000);
  far_.AddBlock(kBlockId, data);
  ListWorkers({});
  const auto reader = fs().Open(FileOf(data.size(), {&far_}));
  ASSERT_OK(reader);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        std::string buffer(10'000, '\0');
        for (int i = 0; i < 40; ++i) {
          const int64_t offset = t % 2 ? i * 10'000 : (i * 7919 + t) % 1'900'000;
          const auto some = (*reader)->ReadAt(offset, buffer.size(), buffer.data());
          wrong += !some.ok() || buffer != data.substr(static_cast<size_t>(offset), buffer.size());
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(DataTest, FilesThatCannotBeReadAreRefused) {
  FileInfo folder = FileOf(10, {});
  folder.folder = true;
  EXPECT_THAT(fs().Open(folder), StatusIs(Code::kInvalidArgument));
  FileInfo incomplete = FileOf(10, {});
  incomplete.completed = false;
  EXPECT_THAT(fs().Open(incomplete),
              StatusIs(Code::kFailedPrecondition,
                       HasSubstr("Cannot read from /f because it is incomplete")));
}

// --- writing

Status WriteInPieces(FileWriter& writer, const std::string& data) {
  for (size_t i = 0; i < data.size(); i += 700'001)
    RETURN_IF_ERROR(writer.Write(data.substr(i, 700'001)));
  return Status::Ok();
}

TEST_F(DataTest, AFileIsCutIntoBlocksAndCompleted) {
  ListWorkers({&far_});
  const std::string data = Pattern(2 * kBlockSize + 1000);
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache, .block_size = kBlockSize});
  ASSERT_OK(writer);
  EXPECT_OK(WriteInPieces(**writer, data));
  EXPECT_OK((*writer)->Close());
  const auto blocks = far_.committed();
  ASSERT_THAT(blocks, SizeIs(3));
  EXPECT_EQ(blocks[0].data + blocks[1].data + blocks[2].data, data);
  EXPECT_EQ(blocks[1].command.id(), kBlockId + 1);
  EXPECT_EQ(blocks[2].data.size(), 1000u);
  const auto complete =
      ParseAs<wire::CompleteFilePRequest>(master_.Requests(kFileService + "CompleteFile").at(0));
  EXPECT_FALSE(complete.options().has_ufslength());
  EXPECT_FALSE(complete.options().has_asyncpersistoptions());
  EXPECT_TRUE(complete.options().commonoptions().has_operationid());
}

TEST_F(DataTest, AsyncThroughPinsBlocksAndAsksForPersistence) {
  ListWorkers({&far_});
  auto writer = fs().Create("/w", {.write_type = WriteType::kAsyncThrough});
  ASSERT_OK(writer);
  EXPECT_OK((*writer)->Write("data"));
  EXPECT_OK((*writer)->Close());
  EXPECT_TRUE(far_.committed().at(0).command.pin_on_create());
  const auto complete =
      ParseAs<wire::CompleteFilePRequest>(master_.Requests(kFileService + "CompleteFile").at(0));
  EXPECT_TRUE(complete.options().has_asyncpersistoptions());
}

TEST_F(DataTest, CacheThroughWritesBothAndCompletesWithTheUnderStoresAnswer) {
  ListWorkers({&far_});
  const std::string data = Pattern(1'500'000);
  auto writer = fs().Create("/w", {.write_type = WriteType::kCacheThrough});
  ASSERT_OK(writer);
  EXPECT_OK(WriteInPieces(**writer, data));
  EXPECT_OK((*writer)->Close());
  const auto written = far_.committed();
  ASSERT_THAT(written, SizeIs(2));
  for (const auto& one : written) EXPECT_EQ(one.data, data);
  const auto& under_store = written[written[0].command.type() == block::UFS_FILE ? 0 : 1];
  EXPECT_EQ(under_store.command.id(), -1);
  EXPECT_EQ(under_store.command.create_ufs_file_options().ufs_path(), "/ufs/w");
  EXPECT_EQ(under_store.command.create_ufs_file_options().mode(), 0644);
  const auto complete =
      ParseAs<wire::CompleteFilePRequest>(master_.Requests(kFileService + "CompleteFile").at(0));
  EXPECT_EQ(complete.options().ufslength(), 1'500'000);
  EXPECT_EQ(complete.options().contenthash(), "(len:1500000)");
}

TEST_F(DataTest, CacheThroughSurvivesACacheThatIsFull) {
  ListWorkers({&far_});
  far_.FailWrites(ResourceExhausted("no space"));
  const std::string data = Pattern(9'000'000);
  auto writer = fs().Create("/w", {.write_type = WriteType::kCacheThrough});
  ASSERT_OK(writer);
  EXPECT_OK(WriteInPieces(**writer, data));
  EXPECT_OK((*writer)->Close());
  ASSERT_THAT(far_.committed(), SizeIs(1));
  EXPECT_EQ(far_.committed()[0].data, data);
}

TEST_F(DataTest, MustCacheFailsWithTheWorkersReason) {
  ListWorkers({&far_});
  far_.FailWrites(ResourceExhausted("Not enough space left on worker"));
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache});
  ASSERT_OK(writer);
  Status status = WriteInPieces(**writer, Pattern(9'000'000));
  if (status.ok()) status = (*writer)->Close();
  EXPECT_THAT(status, StatusIs(Code::kResourceExhausted,
                               "Failed to cache: Not enough space left on worker"));
}

TEST_F(DataTest, AWorkerOutOfReachIsReplacedByAnother) {
  FakeWorker gone("gone");
  ListWorkers({&gone, &far_});
  gone.server().Stop();
  for (int i = 0; i < 6; ++i) {
    auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache});
    ASSERT_OK(writer);
    EXPECT_OK((*writer)->Write("data"));
    EXPECT_OK((*writer)->Close());
  }
  EXPECT_THAT(far_.committed(), SizeIs(6));
}

TEST_F(DataTest, ALargeBlockWhoseWorkerGoesIsAnError) {
  ListWorkers({&far_, &other_});
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache});
  ASSERT_OK(writer);
  EXPECT_OK((*writer)->Write(Pattern(3'000'000)));
  far_.server().Stop();
  other_.server().Stop();
  Status status = (*writer)->Write(Pattern(3'000'000));
  if (status.ok()) status = (*writer)->Close();
  EXPECT_THAT(status, StatusIs(Code::kUnavailable, HasSubstr("Failed to cache: ")));
}

TEST_F(DataTest, NoWorkerIsToldInTheWordsOf29) {
  ListWorkers({});
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache});
  ASSERT_OK(writer);
  EXPECT_THAT((*writer)->Write("data"),
              StatusIs(Code::kUnavailable, "Failed to cache: No available Alluxio worker found"));
}

TEST_F(DataTest, AWriteWaitsForAWorkerToRegister) {
  ListWorkers({});
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache});
  ASSERT_OK(writer);
  std::thread registers([this] {
    EXPECT_TRUE(Eventually(
        [this] { return master_.Requests(kBlockMaster + "GetWorkerInfoList").size() >= 3; }));
    ListWorkers({&far_});
  });
  EXPECT_OK((*writer)->Write("data"));
  registers.join();
  EXPECT_OK((*writer)->Close());
  EXPECT_THAT(far_.committed(), SizeIs(1));
}

TEST_F(DataTest, CancelDropsTheDataAndRemovesTheFile) {
  ListWorkers({&far_});
  {
    auto writer = fs().Create("/w", {.write_type = WriteType::kCacheThrough});
    ASSERT_OK(writer);
    EXPECT_OK((*writer)->Write(Pattern(3'000'000)));
    // Not closed: destroying it cancels.
  }
  EXPECT_THAT(far_.committed(), IsEmpty());
  const auto removed = master_.Requests(kFileService + "Remove");
  ASSERT_THAT(removed, SizeIs(1));
  EXPECT_EQ(ParseAs<wire::DeletePRequest>(removed[0]).path(), "/w");
  EXPECT_THAT(master_.Requests(kFileService + "CompleteFile"), IsEmpty());
}

// Gives out a path, grants all reservations, commits on half-close.
class CreateLocalScript final : public ScriptedServer::Script {
 public:
  CreateLocalScript(std::string path, std::atomic<int64_t>* reserved, std::atomic<int>* commits)
      : path_(std::move(path)), reserved_(reserved), commits_(commits) {}
  ScriptedServer::Reply OnMessage(const std::string& message) override {
    const auto request = ParseAs<block::CreateLocalBlockRequest>(message);
    *reserved_ += request.space_to_reserve();
    block::CreateLocalBlockResponse response;
    if (!request.only_reserve_space()) response.set_path(path_);
    return {{response.SerializeAsString()}, std::nullopt};
  }
  ScriptedServer::Reply OnHalfClose() override {
    ++*commits_;
    return {{}, Status::Ok()};
  }

 private:
  const std::string path_;
  std::atomic<int64_t>* const reserved_;
  std::atomic<int>* const commits_;
};

TEST_F(DataTest, OnThisMachineTheBlockFileIsWrittenAndItsSpaceReservedAsItGrows) {
  const TempDirectory directory;
  std::atomic<int64_t> reserved = 0;
  std::atomic<int> commits = 0;
  near_.server().On(kBlockWorker + "CreateLocalBlock", [&] {
    return std::make_unique<CreateLocalScript>(directory / "block", &reserved, &commits);
  });
  ListWorkers({&near_, &far_});
  const std::string data = Pattern(5'000'000);
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache, .block_size = 64 << 20});
  ASSERT_OK(writer);
  EXPECT_OK(WriteInPieces(**writer, data));
  EXPECT_OK((*writer)->Close());
  std::ifstream file(directory / "block", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), data);
  EXPECT_EQ(commits, 1);
  EXPECT_GE(reserved, 5'000'000);
  EXPECT_LE(reserved, 16 << 20);
  EXPECT_THAT(near_.committed(), IsEmpty());
}

TEST_F(DataTest, ABlockFileOutOfReachIsWrittenOverTheWire) {
  std::atomic<int64_t> reserved = 0;
  std::atomic<int> commits = 0;
  near_.server().On(kBlockWorker + "CreateLocalBlock", [&] {
    return std::make_unique<CreateLocalScript>("/nosuch/place/block", &reserved, &commits);
  });
  ListWorkers({&near_});
  auto writer = fs().Create("/w", {.write_type = WriteType::kMustCache});
  ASSERT_OK(writer);
  EXPECT_OK((*writer)->Write("data"));
  EXPECT_OK((*writer)->Close());
  ASSERT_THAT(near_.committed(), SizeIs(1));
  EXPECT_EQ(near_.committed()[0].data, "data");
}

}  // namespace
}  // namespace headpond::client
