// What stock 2.9.6 was seen to do and this must not: one test for each running fault of
// compat/features.md section C. The start-up ones are in startup_test.cc.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <fstream>
#include <sstream>

#include "base/log.h"
#include "proto/block_master.pb.h"
#include "proto/block_worker.pb.h"
#include "proto/meta_master.pb.h"
#include "proto/metric_master.pb.h"
#include "testing/client_files.h"
#include "testing/daemon_process.h"
#include "testing/eventually.h"
#include "testing/message_mutator.h"
#include "testing/mini_cluster.h"
#include "testing/raw_call.h"
#include "testing/status_matchers.h"

namespace headpond::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StockFaultsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cluster_.Start());
    auto files = cluster_.NewClient();
    ASSERT_OK(files.status());
    files_ = *std::move(files);
  }

  Status Write(const std::string& path, const std::string& content, client::WriteType type) {
    return WriteFile(*files_, path, content, {.write_type = type});
  }

  MiniCluster cluster_{{.workers = 1}};
  std::unique_ptr<client::FileSystem> files_;
};

TEST_F(StockFaultsTest, SetfaclOfDefaultsOnAFileIsRefusedAndTheMasterLives) {
  ASSERT_OK(Write("/file", "x", client::WriteType::kMustCache));
  EXPECT_THAT(files_->SetAcl("/file", client::SetAclAction::kRemoveDefault, {}),
              StatusIs(Code::kInvalidArgument, HasSubstr("default ACL")));
  cluster_.StopMaster();
  ASSERT_OK(cluster_.StartMaster());  // nothing was journaled that can't be applied
  EXPECT_TRUE(*files_->Exists("/file"));
}

TEST_F(StockFaultsTest, FreeWorkerKeepsTheCapacity) {
  ASSERT_OK(Write("/file", "some bytes", client::WriteType::kCacheThrough));
  const int64_t capacity = *files_->GetCapacityBytes();
  ASSERT_GT(capacity, 0);
  RawCaller worker(fmt::format("127.0.0.1:{}", cluster_.worker(0).rpc_port()));
  ASSERT_OK(worker.Call("/alluxio.grpc.block.BlockWorker/FreeWorker", {""}).status);
  EXPECT_EQ(cluster_.worker(0).store().block_count(), 0);
  EXPECT_TRUE(Eventually([&] { return files_->GetUsedBytes().value_or(-1) == 0; }));
  EXPECT_EQ(*files_->GetCapacityBytes(), capacity);
  ASSERT_OK(Write("/another", "it takes blocks as before", client::WriteType::kMustCache));
}

TEST_F(StockFaultsTest, AdministrationIsForSuperusers) {
  RawCaller master(fmt::format("127.0.0.1:{}", cluster_.master().rpc_port()), "bob");
  RawCaller worker(fmt::format("127.0.0.1:{}", cluster_.worker(0).rpc_port()), "bob");
  struct Case {
    RawCaller* server;
    std::string method;
    std::string request;
  };
  const std::vector<Case> cases = {
      {&master, "alluxio.grpc.meta.MetaMasterClientService.Checkpoint", ""},
      {&master, "alluxio.grpc.meta.MetaMasterConfigurationService.SetPathConfiguration",
       "path: '/' properties {key: 'alluxio.user.file.readtype.default' value: 'CACHE'}"},
      {&master, "alluxio.grpc.meta.MetaMasterConfigurationService.RemovePathConfiguration",
       "path: '/'"},
      {&master, "alluxio.grpc.metric.MetricsMasterClientService.ClearMetrics", ""},
      {&master, "alluxio.grpc.block.BlockMasterClientService.DecommissionWorker",
       "workerHostname: '127.0.1.1'"},
      {&master, "alluxio.grpc.block.BlockMasterClientService.RemoveDisabledWorker",
       "workerHostname: '127.0.1.1'"},
      {&worker, "alluxio.grpc.block.BlockWorker.FreeWorker", ""},
  };
  for (const Case& c : cases) {
    const auto* method =
        google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(c.method);
    ASSERT_NE(method, nullptr) << c.method;
    const auto request = NewMessage(*method->input_type());
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(c.request, request.get()));
    const std::string name = fmt::format("/{}/{}", method->service()->full_name(), method->name());
    EXPECT_THAT(c.server->Call(name, {request->SerializeAsString()}).status,
                StatusIs(Code::kPermissionDenied, HasSubstr("bob")))
        << c.method;
  }
}

TEST_F(StockFaultsTest, PersistNeedsNoJobMaster) {
  ASSERT_OK(Write("/file", "to be kept", client::WriteType::kMustCache));
  ASSERT_OK(files_->ScheduleAsyncPersistence("/file"));
  EXPECT_TRUE(
      Eventually([&] { return files_->GetStatus("/file")->persistence_state == "PERSISTED"; }));
  std::stringstream content;
  content << std::ifstream(cluster_.ufs_path("file")).rdbuf();
  EXPECT_EQ(content.str(), "to be kept");
}

TEST(WorkerWithoutMasterTest, SaysWhichAddressItTriesWhyNotAndWhenAgain) {
  TempDirectory folder;
  const std::string log = folder / "worker.log";
  InitLogging(LogLevel::kInfo, log);
  const int nobody = FreePort();
  Config config;
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"alluxio.master.hostname", "127.0.0.1"},
           {"alluxio.master.rpc.port", std::to_string(nobody)},
           {"alluxio.worker.hostname", "127.0.0.1"},
           {"alluxio.worker.bind.host", "127.0.0.1"},
           {"alluxio.worker.web.bind.host", "127.0.0.1"},
           {"alluxio.worker.rpc.port", "0"},
           {"alluxio.worker.web.port", "0"},
           {"alluxio.worker.ramdisk.size", "16MB"},
           {"alluxio.worker.tieredstore.level0.dirs.path", folder / "tier"}})
    ASSERT_OK(config.Set(key, value));
  ASSERT_OK_AND_ASSIGN(auto worker, worker::WorkerServer::Create(config));
  ASSERT_OK(worker->Start());
  std::string text;
  EXPECT_TRUE(Eventually([&] {
    std::stringstream content;
    content << std::ifstream(log).rdbuf();
    text = content.str();
    return text.find("trying again") != std::string::npos;
  })) << text;
  EXPECT_THAT(text,
              AllOf(HasSubstr(fmt::format("127.0.0.1:{}", nobody)), HasSubstr("Connection refused"),
                    HasSubstr("trying again every 1000 ms"), HasSubstr("alluxio.master.hostname")));
  worker->Stop();
  InitLogging(LogLevel::kInfo, "");
}

}  // namespace
}  // namespace headpond::testing
