// The block service behind a real server: what the transport does with streams whose client does
// not take what is sent.

#include "worker/block_service.h"

#include <grpcpp/grpcpp.h>

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
  BlockServiceTest() {
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
    Reader(blockpb::BlockWorker::Stub& stub, int64_t length) {
      context.set_deadline(std::chrono::system_clock::now() + kTestDeadline);
      stream = stub.ReadBlock(&context);
      blockpb::ReadRequest request;
      request.set_block_id(kBlock);
      request.set_length(length);
      request.set_chunk_size(kChunk);
      EXPECT_TRUE(stream->Write(request));
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

}  // namespace
}  // namespace headpond::worker
