#include "master/quorum_backups.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/grpcpp.h>

#include "journal/embedded/grpc_transport.h"
#include "journal/embedded/quorum_calls.h"
#include "master/master_testing.h"
#include "net/grpc_status.h"
#include "proto/quorum.grpc.pb.h"
#include "testing/eventually.h"
#include "testing/message_mutator.h"

namespace headpond::master {
namespace {

using ::testing::HasSubstr;
using State = BackupReport::State;

class SilentReceiver final : public consensus::Receiver {
 public:
  void OnMessage(std::string) override {}
  void OnUnreachable(uint64_t) override {}
  Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t) override {
    return NotFound("none");
  }
};

// A master whose journal port is asked for backups.
class QuorumBackupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    google::protobuf::SetLogHandler(nullptr);  // a line for each text that is no UTF-8
    transport_->AddService(*service_);
    ASSERT_OK(transport_->Start(receiver_));
    address_ = "127.0.0.1:" + std::to_string(transport_->port());
    desk_.Open(backups_);
  }
  void TearDown() override {
    transport_->Stop();
    backups_.Stop();
  }
  Result<BackupReport> Begin(const BackupOrder& order) { return peers_->Begin(address_, order); }
  Result<BackupReport> Look(const std::string& id) { return peers_->Look(address_, id); }

  TempDirectory root_;
  TestMaster master_{root_};
  BackupDesk desk_;
  Backups backups_{{.host = "m-2", .catch_up = std::chrono::milliseconds(10)},
                   {.store = master_.store(),
                    .open_ufs = ufs::OpenUfs,
                    .clock = Clock::System(),
                    .reports = desk_.reports()},
                   Random(1)};
  SilentReceiver receiver_;
  std::unique_ptr<::grpc::Service> service_ = MakeBackupService(desk_, "c", {});
  std::unique_ptr<journal::GrpcTransport> transport_ =
      journal::MakeGrpcTransport({.bind_host = "127.0.0.1", .port = 0, .cluster_id = "c"});
  std::unique_ptr<BackupPeers> peers_ = MakeQuorumPeers("c", {}, [] { return nullptr; });
  std::string address_;
};

TEST_F(QuorumBackupsTest, MakesWhatIsOrderedAndTellsOfIt) {
  ASSERT_OK(Begin({.id = "b1", .folder = root_ / "b", .sequence = 1}).status());
  ASSERT_TRUE(Eventually([&] {
    const auto report = Look("b1");
    return report.ok() && report->state == State::kCompleted;
  }));
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Begin({.id = "b1", .folder = root_ / "b"}));
  EXPECT_EQ(report.state, State::kCompleted);  // the same one
  EXPECT_EQ(report.host, "m-2");
  EXPECT_GT(report.inodes, 0u);
  EXPECT_TRUE(std::filesystem::exists(report.uri));
  EXPECT_EQ(Look("other")->state, State::kUnknown);
}

TEST_F(QuorumBackupsTest, FailuresKeepTheirCode) {
  ASSERT_OK(Begin({.id = "b", .folder = root_ / "b", .sequence = 1'000'000}).status());
  ASSERT_TRUE(Eventually([&] { return Look("b")->state == State::kFailed; }));
  EXPECT_THAT(Look("b")->error, StatusIs(Code::kDeadlineExceeded, HasSubstr("m-2")));
  EXPECT_THAT(Begin({.id = "x", .folder = "s3://other/x"}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Begin({.id = "", .folder = "/x"}), StatusIs(Code::kInvalidArgument));
  desk_.Close();
  EXPECT_THAT(Begin({.id = "y", .folder = "/x"}), StatusIs(Code::kUnavailable));
  EXPECT_EQ(Look("b")->state, State::kFailed);  // of the state before
}

TEST_F(QuorumBackupsTest, WhatAnotherOneMakesIsNotTold) {
  desk_.reports()->Add({.id = "far", .state = State::kRunning, .elsewhere = true});
  EXPECT_EQ(Look("far")->state, State::kUnknown);
}

TEST_F(QuorumBackupsTest, WhoIsNoMasterOfTheClusterIsTurnedAway) {
  peers_ = MakeQuorumPeers("another", {}, [] { return nullptr; });
  EXPECT_THAT(Begin({.id = "b", .folder = root_ / "b"}), StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(Look("b"), StatusIs(Code::kPermissionDenied));
  EXPECT_FALSE(std::filesystem::exists(root_ / "b"));
}

TEST_F(QuorumBackupsTest, AMasterThatIsNotThereIsSilent) {
  transport_->Stop();
  EXPECT_THAT(Look("b").status().code(),
              ::testing::AnyOf(Code::kUnavailable, Code::kDeadlineExceeded));
}

// What malformed_request_test asks of the other services: whatever comes, an answer in time that
// says whose fault it is, and the next order is taken.
TEST_F(QuorumBackupsTest, AbsurdOrdersAreAnswered) {
  const auto stub = quorum::Backups::NewStub(journal::QuorumChannel(address_, {}, false));
  const auto send = [&](auto& request, auto method, const std::string& what) {
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    journal::Introduce(context, {.cluster_id = "c"});
    quorum::BackupReport response;
    const Status status = net::FromGrpc(((*stub).*method)(&context, request, &response));
    EXPECT_THAT(status.code(),
                ::testing::AnyOf(Code::kOk, Code::kInvalidArgument, Code::kFailedPrecondition,
                                 Code::kResourceExhausted))
        << what << ": " << status.ToString();
  };
  const auto order = [&] {
    quorum::BackupOrder good;
    good.set_id("absurd");
    good.set_folder(root_ / "b");
    return good;
  };
  for (const auto& mutation : testing::MutationsOf(*quorum::BackupOrder::descriptor())) {
    auto request = order();
    mutation.apply(request);
    send(request, &quorum::Backups::Stub::Begin, mutation.what);
  }
  for (const auto& mutation : testing::MutationsOf(*quorum::BackupQuestion::descriptor())) {
    quorum::BackupQuestion request;
    mutation.apply(request);
    send(request, &quorum::Backups::Stub::Look, mutation.what);
  }
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    auto request = order();
    testing::Scramble(request, random);
    send(request, &quorum::Backups::Stub::Begin, request.ShortDebugString().substr(0, 500));
  }
  ASSERT_TRUE(Eventually([&] { return Begin({.id = "after", .folder = root_ / "after"}).ok(); }));
  EXPECT_TRUE(Eventually([&] { return Look("after")->state == State::kCompleted; }));
}

}  // namespace
}  // namespace headpond::master
