// FileSystem's calls against scripted masters: retries, operation ids, fail-over, listings, error
// texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "client/fake_cluster.h"
#include "client/file_system.h"
#include "net/lane.h"
#include "proto/lane.pb.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"

namespace headpond::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
namespace wire = alluxio::grpc::file;

class MasterCallsTest : public ::testing::Test {
 protected:
  MasterCallsTest() { ActAsPrimary(master_); }

  std::unique_ptr<FileSystem> Connect() {
    auto fs = FileSystem::Connect(ClientConfig({&master_}));
    EXPECT_OK(fs);
    return *std::move(fs);
  }

  // The next `failures` calls of the method fail with `code`, later ones answer `response`.
  void FailFirst(const std::string& method, int failures, Code code, std::string response) {
    master_.OnUnary(method,
                    [left = std::make_shared<std::atomic<int>>(failures), code,
                     response](const std::string&) -> Result<std::string> {
                      if ((*left)-- > 0) return Status(code, "try later");
                      return response;
                    });
  }

  ScriptedServer master_;
};

TEST_F(MasterCallsTest, ARetriedChangeKeepsItsOperationId) {
  FailFirst(kFileService + "CreateDirectory", 2, Code::kUnavailable, "");
  EXPECT_OK(Connect()->CreateDirectory("/a"));
  const auto requests = master_.Requests(kFileService + "CreateDirectory");
  ASSERT_THAT(requests, SizeIs(3));
  const auto first = ParseAs<wire::CreateDirectoryPRequest>(requests[0]);
  EXPECT_TRUE(first.options().commonoptions().has_operationid());
  for (const std::string& request : requests)
    EXPECT_EQ(request, requests[0]) << "the request must not change between attempts";
}

TEST_F(MasterCallsTest, ARetriedChangeOfAttributesKeepsItsOperationId) {
  FailFirst(kFileService + "SetAttribute", 1, Code::kUnavailable, "");
  client::SetAttributeOptions options;
  options.mode = 0600;
  EXPECT_OK(Connect()->SetAttribute("/a", options));
  const auto requests = master_.Requests(kFileService + "SetAttribute");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_TRUE(
      ParseAs<wire::SetAttributePRequest>(requests[0]).options().commonoptions().has_operationid());
  EXPECT_EQ(requests[0], requests[1]);
}

// What lanes with one method, CreateDirectory, were asked; the first breaks with its first message.
struct BreakingLanes {
  Mutex mutex;
  std::vector<std::string> lost GUARDED_BY(mutex);
  std::vector<std::string> answered GUARDED_BY(mutex);
};

class BreakingLane final : public ScriptedServer::Script {
 public:
  explicit BreakingLane(BreakingLanes& lanes) : lanes_(lanes) {}

  ScriptedServer::Reply OnOpen() override {
    headpond::lane::LaneReplies greeting;
    greeting.add_methods(kFileService + "CreateDirectory");
    return {{greeting.SerializeAsString()}, std::nullopt};
  }
  ScriptedServer::Reply OnMessage(const std::string& message) override {
    const auto calls = ParseAs<headpond::lane::LaneCalls>(message);
    MutexLock lock(lanes_.mutex);
    const bool breaks = lanes_.lost.empty();
    headpond::lane::LaneReplies replies;
    for (const auto& call : calls.calls()) {
      (breaks ? lanes_.lost : lanes_.answered).push_back(call.request());
      replies.add_replies()->set_id(call.id());
    }
    if (breaks) return {{}, Internal("the lane broke")};
    return {{replies.SerializeAsString()}, std::nullopt};
  }

 private:
  BreakingLanes& lanes_;
};

TEST_F(MasterCallsTest, ACallLostWithItsLaneIsRepeatedUnderItsOperationId) {
  BreakingLanes lanes;
  master_.On(net::kLaneMethod, [&] { return std::make_unique<BreakingLane>(lanes); });
  const std::string method = kFileService + "CreateDirectory";
  master_.OnUnary(method, [](const std::string&) { return Result<std::string>(""); });
  const auto fs = Connect();
  const auto lost = [&] {
    MutexLock lock(lanes.mutex);
    return lanes.lost;
  };
  // Lanes are for several threads.
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000 && lost().empty(); ++i) ASSERT_OK(fs->CreateDirectory("/a"));
    });
  threads.clear();
  ASSERT_FALSE(lost().empty()) << "the lane is not used";
  std::vector<std::string> answered = master_.Requests(method);
  MutexLock lock(lanes.mutex);
  answered.insert(answered.end(), lanes.answered.begin(), lanes.answered.end());
  for (const std::string& request : lanes.lost) {
    EXPECT_EQ(std::ranges::count(answered, request), 1);
    EXPECT_TRUE(ParseAs<wire::CreateDirectoryPRequest>(request)
                    .options()
                    .commonoptions()
                    .has_operationid());
  }
}

TEST_F(MasterCallsTest, AMasterWithoutLanesIsCalledAsUsual) {
  master_.OnUnary(kFileService + "Exists", [](const std::string&) {
    wire::ExistsPResponse response;
    response.set_exists(true);
    return Result<std::string>(response.SerializeAsString());
  });
  const auto fs = Connect();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_THAT(fs->Exists("/a"), IsOkAndHolds(true));
    });
  threads.clear();
  EXPECT_THAT(master_.Requests(kFileService + "Exists"), SizeIs(8 * 50));
}

TEST_F(MasterCallsTest, TwoChangesHaveDifferentOperationIds) {
  master_.OnUnary(kFileService + "Remove",
                  [](const std::string&) { return Result<std::string>(""); });
  const auto fs = Connect();
  EXPECT_OK(fs->Delete("/a"));
  EXPECT_OK(fs->Delete("/a"));
  const auto requests = master_.Requests(kFileService + "Remove");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_NE(requests[0], requests[1]);
}

TEST_F(MasterCallsTest, TheCodesOf29AreRetriedAndNoOthers) {
  const auto fs = Connect();
  for (const Code code : {Code::kUnavailable, Code::kCancelled, Code::kUnimplemented}) {
    FailFirst(kFileService + "Exists", 1, code, "");
    EXPECT_OK(fs->Exists("/a")) << CodeName(code);
  }
  for (const Code code :
       {Code::kNotFound, Code::kPermissionDenied, Code::kInternal, Code::kUnknown}) {
    FailFirst(kFileService + "Exists", 1, code, "");
    EXPECT_THAT(fs->Exists("/a"), StatusIs(code, "try later"));
  }
}

TEST_F(MasterCallsTest, AfterTheRetryTimeTheLastErrorComesInTheWordsOf29) {
  Config config = ClientConfig({&master_});
  EXPECT_OK(config.Set("alluxio.user.rpc.retry.max.duration", "30ms"));
  FailFirst(kFileService + "Exists", 1000, Code::kUnavailable, "");
  auto fs = FileSystem::Connect(std::move(config));
  ASSERT_OK(fs);
  EXPECT_THAT(
      (*fs)->Exists("/a"),
      StatusIs(
          Code::kUnavailable,
          AllOf(HasSubstr("Failed after "),
                HasSubstr(" attempts: alluxio.exception.status.UnavailableException: try later"))));
}

TEST_F(MasterCallsTest, NoMasterIsToldInTheWordsOf29) {
  Config config = ClientConfig({&master_});
  EXPECT_OK(config.Set("alluxio.user.rpc.retry.max.duration", "30ms"));
  master_.Stop();
  EXPECT_THAT(
      FileSystem::Connect(std::move(config)),
      StatusIs(
          Code::kUnavailable,
          AllOf(HasSubstr("Failed to connect to master (GrpcServerAddress{HostName=127.0.0.1, "),
                HasSubstr(" attempts.Please check if Alluxio master is currently running on \""),
                HasSubstr("Service=\"FileSystemMasterClient\""))));
}

TEST_F(MasterCallsTest, AServiceOfAnotherVersionIsRefusedAtOnce) {
  const auto fs = Connect();
  master_.OnUnary(kVersionMethod, [](const std::string&) -> Result<std::string> {
    alluxio::grpc::version::GetServiceVersionPResponse response;
    response.set_version(3);
    return response.SerializeAsString();
  });
  EXPECT_THAT(fs->Exists("/a"), StatusIs(Code::kFailedPrecondition, HasSubstr("version 3")));
}

TEST_F(MasterCallsTest, ThePrimaryIsFoundAmongSeveralAndAgainWhenItMoves) {
  ScriptedServer second;
  std::atomic<bool> second_leads = true;
  const auto answer_exists = [](const std::string&) { return Result<std::string>(""); };
  const auto lead = [&](ScriptedServer& server, bool leads_when) {
    ActAsPrimary(server);
    server.OnUnary(kVersionMethod,
                   [&second_leads, leads_when](const std::string& bytes) -> Result<std::string> {
                     const auto request =
                         ParseAs<alluxio::grpc::version::GetServiceVersionPRequest>(bytes);
                     if (!request.allowedonstandbymasters() && second_leads != leads_when)
                       return Unavailable("standby");
                     alluxio::grpc::version::GetServiceVersionPResponse response;
                     response.set_version(2);
                     return response.SerializeAsString();
                   });
    server.OnUnary(kFileService + "Exists",
                   [&second_leads, leads_when,
                    answer_exists](const std::string& request) -> Result<std::string> {
                     if (second_leads != leads_when) return Unavailable("not the primary any more");
                     return answer_exists(request);
                   });
  };
  lead(master_, /*leads_when=*/false);
  lead(second, /*leads_when=*/true);
  auto fs = FileSystem::Connect(ClientConfig({&master_, &second}));
  ASSERT_OK(fs);
  EXPECT_OK((*fs)->Exists("/a"));
  EXPECT_EQ((*fs)->Leader()->port, second.port());
  second_leads = false;
  EXPECT_OK((*fs)->Exists("/a"));
  EXPECT_EQ((*fs)->Leader()->port, master_.port());
}

class ListScript final : public ScriptedServer::Script {
 public:
  explicit ListScript(ScriptedServer::Reply reply) : reply_(std::move(reply)) {}
  ScriptedServer::Reply OnMessage(const std::string&) override { return reply_; }

 private:
  const ScriptedServer::Reply reply_;
};

std::string Batch(const std::vector<std::string>& names) {
  wire::ListStatusPResponse response;
  for (const std::string& name : names) response.add_fileinfos()->set_name(name);
  return response.SerializeAsString();
}

class SilentScript final : public ScriptedServer::Script {
 public:
  ScriptedServer::Reply OnMessage(const std::string&) override { return {}; }
  bool FallsSilent() const override { return true; }
};

TEST_F(MasterCallsTest, APrimaryThatFallsSilentIsLeftOnceAnotherLeads) {
  ScriptedServer second;
  std::atomic<bool> second_leads = false;
  ActAsPrimary(second);
  second.OnUnary(kVersionMethod, [&](const std::string&) -> Result<std::string> {
    if (!second_leads) return Unavailable("standby");
    alluxio::grpc::version::GetServiceVersionPResponse response;
    response.set_version(2);
    return response.SerializeAsString();
  });
  const std::string make = kFileService + "CreateDirectory", list = kFileService + "ListStatus";
  for (const std::string& method : {make, list})
    master_.On(method, [] { return std::make_unique<SilentScript>(); });
  second.OnUnary(make, [](const std::string&) { return Result<std::string>(""); });
  const ScriptedServer::Reply entries{{Batch({"a"})}, Status::Ok()};
  second.On(list, [=] { return std::make_unique<ListScript>(entries); });

  auto fs = FileSystem::Connect(ClientConfig({&master_, &second}));
  ASSERT_OK(fs);
  {
    const std::jthread change([&] { EXPECT_OK((*fs)->CreateDirectory("/a")); });
    const std::jthread look([&] { EXPECT_THAT((*fs)->List("/"), IsOkAndHolds(SizeIs(1))); });
    ASSERT_TRUE(Eventually(
        [&] { return !master_.Requests(make).empty() && !master_.Requests(list).empty(); }));
    second_leads = true;
  }
  EXPECT_EQ(second.Requests(make), master_.Requests(make)) << "the operation id stays";
  EXPECT_EQ((*fs)->Leader()->port, second.port());
}

TEST_F(MasterCallsTest, TheClustersDefaultsAreAdoptedButNotOverOurs) {
  master_.OnUnary(kConfigMethod, [](const std::string&) -> Result<std::string> {
    alluxio::grpc::meta::GetConfigurationPResponse response;
    const auto add = [&](const char* name, const char* value) {
      auto* property = response.add_clusterconfigs();
      property->set_name(name);
      property->set_value(value);
    };
    add("alluxio.user.file.writetype.default", "THROUGH");
    add("alluxio.user.block.size.bytes.default", "1MB");
    add("alluxio.master.journal.folder", "/master/only");
    add("alluxio.user.no.such.key", "x");
    add("alluxio.user.file.readtype.default", "NONSENSE");
    return response.SerializeAsString();
  });
  Config config = ClientConfig({&master_});
  EXPECT_OK(config.Set("alluxio.user.block.size.bytes.default", "8MB"));
  auto fs = FileSystem::Connect(std::move(config));
  ASSERT_OK(fs);
  EXPECT_EQ((*fs)->config().GetString("alluxio.user.file.writetype.default"), "THROUGH");
  EXPECT_EQ((*fs)->config().GetSize("alluxio.user.block.size.bytes.default"), 8 << 20);
  EXPECT_EQ((*fs)->config().GetString("alluxio.user.file.readtype.default"), "CACHE");
  EXPECT_FALSE((*fs)->config().IsSet("alluxio.master.journal.folder"));
}

TEST_F(MasterCallsTest, AListingArrivesBatchByBatch) {
  const ScriptedServer::Reply reply{{Batch({"a", "b"}), Batch({"c"})}, Status::Ok()};
  master_.On(kFileService + "ListStatus", [=] { return std::make_unique<ListScript>(reply); });
  const auto entries = Connect()->List("/");
  ASSERT_OK(entries);
  std::vector<std::string> names;
  for (const FileInfo& info : *entries) names.push_back(info.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
}

TEST_F(MasterCallsTest, AnEmptyListingIsOk) {
  master_.On(kFileService + "ListStatus", [] {
    return std::make_unique<ListScript>(ScriptedServer::Reply{{}, Status::Ok()});
  });
  const auto entries = Connect()->List("/");
  ASSERT_OK(entries);
  EXPECT_TRUE(entries->empty());
}

TEST_F(MasterCallsTest, AListingThatBreaksBeforeEntriesWereSeenIsBegunAgain) {
  // What a leader sends that has been cut off from the others.
  const ScriptedServer::Reply lost{{Batch({"old"})}, Unavailable("lost")};
  const ScriptedServer::Reply good{{Batch({"new"})}, Status::Ok()};
  master_.On(kFileService + "ListStatus", [=, calls = std::make_shared<std::atomic<int>>(0)] {
    return std::make_unique<ListScript>((*calls)++ == 0 ? lost : good);
  });
  const auto entries = Connect()->List("/");
  ASSERT_OK(entries);
  ASSERT_THAT(*entries, SizeIs(1));
  EXPECT_EQ(entries->front().name, "new");
}

TEST_F(MasterCallsTest, AListingThatBreaksAfterEntriesWereSeenIsNotBegunAgain) {
  const ScriptedServer::Reply reply{{Batch({"a"}), Batch({"b"})}, Unavailable("lost")};
  master_.On(kFileService + "ListStatus", [=] { return std::make_unique<ListScript>(reply); });
  int seen = 0;
  const Status status = Connect()->ListStatus("/", {}, [&](FileInfo&&) {
    ++seen;
    return Status::Ok();
  });
  EXPECT_THAT(status, StatusIs(Code::kUnavailable, "lost"));
  EXPECT_EQ(seen, 2);
  EXPECT_THAT(master_.Requests(kFileService + "ListStatus"), SizeIs(1));
}

TEST_F(MasterCallsTest, TheVisitorCanEndAListing) {
  const ScriptedServer::Reply reply{{Batch({"a", "b", "c"})}, Status::Ok()};
  master_.On(kFileService + "ListStatus", [=] { return std::make_unique<ListScript>(reply); });
  int seen = 0;
  const Status status = Connect()->ListStatus(
      "/", {}, [&](FileInfo&&) { return ++seen == 2 ? OutOfRange("enough") : Status::Ok(); });
  EXPECT_THAT(status, StatusIs(Code::kOutOfRange, "enough"));
  EXPECT_EQ(seen, 2);
}

TEST_F(MasterCallsTest, PathsAreCheckedBeforeTheyAreSent) {
  const auto fs = Connect();
  EXPECT_THAT(fs->GetStatus("foo"), StatusIs(Code::kInvalidArgument, "Path \"foo\" is invalid."));
  EXPECT_THAT(fs->GetStatus("s3://b/k"),
              StatusIs(Code::kInvalidArgument, HasSubstr("Scheme s3:// in AlluxioURI is invalid")));
  FailFirst(kFileService + "Exists", 0, Code::kOk, "");
  EXPECT_OK(fs->Exists("alluxio://host:19998/a//b/"));
  EXPECT_EQ(ParseAs<wire::ExistsPRequest>(master_.Requests(kFileService + "Exists")[0]).path(),
            "/a/b");
}

TEST_F(MasterCallsTest, ManyThreadsShareOneClient) {
  FailFirst(kFileService + "Exists", 5, Code::kUnavailable, "");
  const auto fs = Connect();
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        for (int j = 0; j < 50; ++j) failures += !fs->Exists("/a").ok();
      });
  }
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace headpond::client
