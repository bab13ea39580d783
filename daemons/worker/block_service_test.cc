// The block service behind a real server: what the transport does with streams whose client does
// not take what is sent.

#include "worker/block_service.h"

#include <grpcpp/grpcpp.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "net/grpc_status.h"
#include "net/lane_service.h"
#include "net/server.h"
#include "proto/block_worker.grpc.pb.h"
#include "worker/worker_testing.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;
using ::testing::HasSubstr;

constexpr BlockId kBlock = 5 << 24;
constexpr int64_t kChunk = 64 << 10;
constexpr int64_t kLength = 12 * kChunk;

class BlockServiceTest : public WorkerDataTest {
 protected:
  explicit BlockServiceTest(const std::string& parent = "") : WorkerDataTest(parent) {
    server_.AddService(*service_);
    EXPECT_OK(server_.Start());
  }
  ~BlockServiceTest() override { server_.Stop(); }

  // With a connection of its own.
  std::unique_ptr<blockpb::BlockWorker::Stub> Connect() const {
    ::grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // so that windows do not grow
    return blockpb::BlockWorker::NewStub(
        ::grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", server_.port()),
                                    ::grpc::InsecureChannelCredentials(), arguments));
  }

  // A client's call of ReadBlock for the whole block.
  struct Reader {
    Reader(blockpb::BlockWorker::Stub& stub, int64_t length, const std::string& ufs_path = "") {
      context.set_deadline(std::chrono::system_clock::now() + kTestDeadline);
      stream = stub.ReadBlock(&context);
      blockpb::ReadRequest request;
      request.set_block_id(kBlock);
      request.set_length(length);
      request.set_chunk_size(kChunk);
      if (!ufs_path.empty()) {
        auto* const ufs = request.mutable_open_ufs_block_options();
        ufs->set_ufs_path(ufs_path);
        ufs->set_block_size(length);
        ufs->set_mountid(kMount);
      }
      EXPECT_TRUE(stream->Write(request));
    }
    std::string Next() {
      blockpb::ReadResponse response;
      return stream->Read(&response) ? response.chunk().data() : "";
    }
    std::string Drain() {
      std::string data;
      blockpb::ReadResponse response;
      while (stream->Read(&response)) data += response.chunk().data();
      return data;
    }
    Status End() {
      stream->WritesDone();
      return net::FromGrpc(stream->Finish());
    }
    ::grpc::ClientContext context;
    std::unique_ptr<::grpc::ClientReaderWriter<blockpb::ReadRequest, blockpb::ReadResponse>> stream;
  };

  std::string BlockPath() {
    const auto reader = store_->Open(kBlock);
    EXPECT_OK(reader);
    return reader.ok() ? (*reader)->path() : "";
  }

  net::LaneMethods lane_methods_;
  const std::unique_ptr<::grpc::Service> service_ = MakeBlockService(deps(), lane_methods_);
  net::GrpcServer server_{{.bind_host = "127.0.0.1"}};
};

TEST_F(BlockServiceTest, AReaderThatIsCutOffHearsWhy) {
  const std::string content = Content(kBlock, kLength);
  PutBlock(kBlock, content);
  // Each gets what its window takes, then its chunks stay in the worker.
  std::vector<std::unique_ptr<blockpb::BlockWorker::Stub>> stubs;
  std::vector<std::unique_ptr<Reader>> stalled;
  for (int64_t i = 0; i < 20; ++i) {
    stubs.push_back(Connect());
    stalled.push_back(std::make_unique<Reader>(*stubs.back(), kLength));
  }
  Counter& ended = metrics_.counter("Worker.StalledReadersEnded");
  PeriodicTask ticks("ticks", std::chrono::milliseconds(10), [this] {
    clock_.Advance(std::chrono::seconds(1));
    readers_.Tick();
  });
  ASSERT_TRUE(Eventually([&] { return ended.value() > 0; }));
  const auto other = Connect();
  Reader reader(*other, kLength);
  EXPECT_EQ(reader.Drain(), content);
  EXPECT_OK(reader.End());
  // Who was cut off learns why, the others get their data.
  int64_t told = 0;
  for (const auto& call : stalled) {
    const std::string data = call->Drain();
    EXPECT_EQ(data, content.substr(0, data.size()));
    const Status end = call->End();
    if (end.ok()) continue;
    EXPECT_THAT(end, StatusIs(Code::kUnavailable, HasSubstr("the client took no message for 60")));
    ++told;
  }
  ticks.Stop();
  EXPECT_EQ(told, ended.value());
  server_.Stop();
  Quiesce();
  EXPECT_EQ(budget_.held(), 0u);
}

// Blocks in a folder of /dev/shm, which are sent from where they are.
class BlockInMemoryTest : public BlockServiceTest {
 protected:
  BlockInMemoryTest() : BlockServiceTest("/dev/shm") {}
  void SetUp() override {
    struct statfs info {};
    if (statfs("/dev/shm", &info) != 0 || info.f_type != TMPFS_MAGIC)
      GTEST_SKIP() << "NOT TESTED: /dev/shm is no tmpfs here";
  }
};

TEST_F(BlockInMemoryTest, AFileCutShortUnderAStreamIsAnErrorAndTheBlockIsReadAnew) {
  const std::string content = Content(kBlock, kLength);
  PutBlock(kBlock, content);
  PutUfsFile("file", content);
  const auto stub = Connect();
  Reader reader(*stub, kLength);
  const std::string path = BlockPath();
  // More than the client's window holds is waiting in the worker, part of it in gRPC.
  std::string data = reader.Next();
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  PeriodicTask ticks("ticks", std::chrono::milliseconds(10), [this] { inputs_.YieldFiles(); });
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  data += reader.Drain();
  EXPECT_EQ(data, content.substr(0, data.size())) << "bytes that are not the block's";
  EXPECT_LT(data.size(), content.size());
  EXPECT_THAT(reader.End(), StatusIs(Code::kInternal, HasSubstr("cut its file")));
  EXPECT_FALSE(store_->Contains(kBlock));

  Reader again(*stub, kLength, UfsPath("file"));
  EXPECT_EQ(again.Drain(), content);
  EXPECT_OK(again.End());
  EXPECT_EQ(BlockContent(kBlock), content);
}

// Whatever the instant: gRPC looks at some bytes of what it sends, and copies them.
TEST_F(BlockInMemoryTest, ReadersOfFilesThatAreCutShortGetNoWrongByte) {
  const std::string content = Content(kBlock, kLength);
  PutUfsFile("file", content);
  PeriodicTask ticks("ticks", std::chrono::milliseconds(1), [this] { inputs_.YieldFiles(); });
  const auto stub = Connect();
  int cut = 0;
  for (int round = 0; round < 60; ++round) {
    Reader reader(*stub, kLength, UfsPath("file"));
    std::string data;
    for (int i = 0; i < round % 12; ++i) data += reader.Next();
    // Not there when it is being cached yet, or was just found to be cut short.
    if (const auto cached = store_->Open(kBlock); cached.ok()) {
      const std::string path = (*cached)->path();
      ASSERT_EQ(chmod(path.c_str(), 0644), 0);
      ASSERT_EQ(truncate(path.c_str(), round * 1000), 0);
      ++cut;
    }
    data += reader.Drain();
    EXPECT_EQ(data, content.substr(0, data.size()));
    const Status end = reader.End();
    if (end.ok()) {
      EXPECT_EQ(data.size(), content.size());
    }
  }
  EXPECT_GT(cut, 0);
}

}  // namespace
}  // namespace headpond::worker
