// Absurd and broken requests to every method of every service. Whatever comes, the call ends in
// time with a code that says whose fault it is, and the cluster goes on serving. HEADPOND_SEED=<n>
// replays the random part of a run.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "proto/block_master.pb.h"
#include "proto/block_worker.pb.h"
#include "proto/file_system_master.pb.h"
#include "proto/lane.pb.h"
#include "proto/meta_master.pb.h"
#include "proto/metric_master.pb.h"
#include "proto/sasl_server.pb.h"
#include "proto/version.pb.h"
#include "testing/client_files.h"
#include "testing/message_mutator.h"
#include "testing/mini_cluster.h"
#include "testing/raw_call.h"
#include "testing/status_matchers.h"

namespace headpond::testing {
namespace {

namespace blockpb = ::alluxio::grpc::block;
namespace fspb = ::alluxio::grpc::file;
namespace metapb = ::alluxio::grpc::meta;

using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kScrambledPerMethod = 20;
constexpr int kRefillAfter = 40;  // requests; many of them take away what others need
constexpr std::string_view kFakeHost = "127.0.9.9";

std::string Repeat(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

std::string MethodName(const MethodDescriptor& method) {
  return "/" + method.service()->full_name() + "/" + method.name();
}

bool IsBidirectional(const MethodDescriptor& method) {
  return method.client_streaming() && method.server_streaming();
}

// Every method of the files that master and worker serve from.
std::vector<const MethodDescriptor*> MethodsOf(std::initializer_list<const FileDescriptor*> files) {
  std::vector<const MethodDescriptor*> methods;
  for (const FileDescriptor* file : files)
    for (int s = 0; s < file->service_count(); ++s)
      for (int m = 0; m < file->service(s)->method_count(); ++m)
        methods.push_back(file->service(s)->method(m));
  return methods;
}

std::vector<const MethodDescriptor*> MasterMethods() {
  auto methods =
      MethodsOf({fspb::FileInfo::descriptor()->file(), blockpb::WorkerInfo::descriptor()->file(),
                 metapb::MasterInfo::descriptor()->file(),
                 alluxio::grpc::metric::GetMetricsPOptions::descriptor()->file(),
                 alluxio::grpc::version::GetServiceVersionPRequest::descriptor()->file(),
                 alluxio::grpc::sasl::SaslMessage::descriptor()->file(),
                 lane::LaneCalls::descriptor()->file()});
  return methods;
}

std::vector<const MethodDescriptor*> WorkerMethods() {
  return MethodsOf({blockpb::ReadRequest::descriptor()->file(),
                    alluxio::grpc::version::GetServiceVersionPRequest::descriptor()->file(),
                    alluxio::grpc::sasl::SaslMessage::descriptor()->file()});
}

// What a bad request may be answered with. INTERNAL and UNKNOWN would say that it is our fault,
// DEADLINE_EXCEEDED that the call hung.
bool IsGoodAnswer(const Status& status) {
  switch (status.code()) {
    case Code::kOk: return true;
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kResourceExhausted:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
    case Code::kUnavailable:
    case Code::kUnauthenticated: return !status.message().empty();
    // Stock's code for this one refusal.
    case Code::kUnknown:
      return status.message().starts_with("Cannot free ") ||
             status.message().starts_with("Could not update owner:group for ");
    default: return false;
  }
}

class MalformedRequestTest : public ::testing::Test {
 protected:
  // Protobuf prints a line for each text that is no UTF-8.
  static void SetUpTestSuite() { google::protobuf::SetLogHandler(nullptr); }

  void SetUp() override {
    const char* const replay = std::getenv("HEADPOND_SEED");
    seed_ = replay != nullptr ? std::strtoull(replay, nullptr, 10) : Random::FromSystem().Next();
    fmt::print("HEADPOND_SEED={}\n", seed_);
    random_ = Random(seed_);
    ASSERT_OK(cluster_.Start());
    auto files = cluster_.NewClient();
    ASSERT_OK(files.status());
    files_ = *std::move(files);
    master_ =
        std::make_unique<RawCaller>(fmt::format("127.0.0.1:{}", cluster_.master().rpc_port()));
    worker_ =
        std::make_unique<RawCaller>(fmt::format("127.0.0.1:{}", cluster_.worker(0).rpc_port()));
    const auto workers = files_->GetWorkers();
    ASSERT_OK(workers.status());
    real_worker_ = workers->front().address;
    std::ofstream(cluster_.ufs_path("source"), std::ios::binary) << "bytes of the under-store";
    ASSERT_OK(Write("/control/first", "the control file"));
    Refill();
  }

  Status Write(const std::string& path, const std::string& content,
               client::WriteType type = client::WriteType::kCacheThrough) {
    return WriteFile(
        *files_, path, content,
        {.overwrite = true, .write_type = type, .block_size = 1 << 20, .worker = real_worker_});
  }

  void CheckControl() {
    const std::string content = fmt::format("control {}", ++controls_);
    const std::string path = fmt::format("/control/{}", controls_);
    ASSERT_OK(Write(path, content));
    const auto back = ReadFile(*files_, path);
    ASSERT_OK(back.status());
    EXPECT_EQ(*back, content);
    const auto first = ReadFile(*files_, "/control/first");
    ASSERT_OK(first.status());
    EXPECT_EQ(*first, "the control file");
    ASSERT_OK(files_->Delete(path));
  }

  // Makes what good requests need: a file with a block, an open file, a worker that is none.
  void Refill() {
    (void)files_->Delete("/fuzz", {.recursive = true, .delete_mount_point = true});
    ASSERT_OK(files_->CreateDirectory("/fuzz", {.recursive = true, .allow_exists = true}));
    ASSERT_OK(Write("/fuzz/file", "content of the file", client::WriteType::kMustCache));
    const auto info = files_->GetStatus("/fuzz/file");
    ASSERT_OK(info.status());
    file_ = *info;
    fspb::CreateFilePRequest create;
    create.set_path("/fuzz/open");
    create.mutable_options()->set_writetype(fspb::MUST_CACHE);
    ASSERT_OK(master_
                  ->Call("/alluxio.grpc.file.FileSystemMasterClientService/CreateFile",
                         {create.SerializeAsString()})
                  .status);
    blockpb::GetWorkerIdPRequest who;
    who.mutable_workernetaddress()->set_host(std::string(kFakeHost));
    who.mutable_workernetaddress()->set_rpcport(1);
    const auto reply = master_->Call("/alluxio.grpc.block.BlockMasterWorkerService/GetWorkerId",
                                     {who.SerializeAsString()});
    ASSERT_OK(reply.status);
    blockpb::GetWorkerIdPResponse id;
    ASSERT_TRUE(id.ParseFromString(reply.messages.at(0)));
    fake_worker_ = id.workerid();
  }

  int64_t NewBlock() {
    fspb::GetNewBlockIdForFilePRequest request;
    request.set_path("/fuzz/open");
    const auto reply =
        master_->Call("/alluxio.grpc.file.FileSystemMasterClientService/GetNewBlockIdForFile",
                      {request.SerializeAsString()});
    fspb::GetNewBlockIdForFilePResponse response;
    if (!reply.status.ok() || !response.ParseFromString(reply.messages.at(0))) return 0;
    return response.id();
  }

  // A request that a server can act on, so that one absurd field of it is looked at.
  std::unique_ptr<Message> GoodRequest(const MethodDescriptor& method) {
    auto message = NewMessage(*method.input_type());
    Fill(*message, method.name());
    return message;
  }

  void Fill(Message& message, const std::string& method) {
    const auto* reflection = message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = message.GetDescriptor()->field(i);
      if (field->is_repeated()) continue;
      static const std::set<std::string> kEntered = {"options", "commonOptions", "workerNetAddress",
                                                     "command", "open_ufs_block_options"};
      if (field->message_type() != nullptr) {
        if (kEntered.contains(field->name()))
          Fill(*reflection->MutableMessage(&message, field), method);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        if (const auto text = GoodText(field->name(), method))
          reflection->SetString(&message, field, *text);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
        if (const auto number = GoodNumber(field->name(), method))
          reflection->SetInt64(&message, field, *number);
      } else if (field->name() == "rpcPort") {
        reflection->SetInt32(&message, field, 1);
      } else if (field->name() == "writeType") {
        reflection->SetEnumValue(&message, field, fspb::MUST_CACHE);
      }
    }
  }

  std::optional<std::string> GoodText(const std::string& field, const std::string& method) {
    if (field == "path") {
      if (method == "CompleteFile" || method == "GetNewBlockIdForFile") return "/fuzz/open";
      if (method.starts_with("Create")) return fmt::format("/fuzz/new{}", ++names_);
      if (method.starts_with("List")) return "/fuzz";
      return "/fuzz/file";
    }
    if (field == "dstPath") return fmt::format("/fuzz/moved{}", ++names_);
    if (field == "alluxioPath") return "/mounted";
    if (field == "ufsPath" && method == "Mount") return mount_.path();
    if (field == "ufs_path" || field == "ufsUri" || field == "ufsPath")
      return cluster_.ufs_path("source");
    if (field == "host" || field == "workerHostname") return std::string(kFakeHost);
    if (field == "tierAlias" || field == "mediumType") return "MEM";
    return std::nullopt;
  }

  std::optional<int64_t> GoodNumber(const std::string& field, const std::string& method) {
    if (field == "id" || (field == "block_id" && method == "CreateLocalBlock")) return NewBlock();
    if (field == "blockId" || field == "block_id")
      return file_.block_ids.empty() ? 0 : file_.block_ids.front();
    if (field == "fileId") return file_.file_id;
    if (field == "workerId") return fake_worker_;
    if (field == "mountId" || field == "mount_id") return 1;
    if (field == "length" || field == "block_size") return 10;
    return std::nullopt;
  }

  // Sends a request and judges the answer. `malformed`: no server can read the (last) message.
  void Send(RawCaller& server, const MethodDescriptor& method, std::vector<std::string> messages,
            const std::string& what, bool malformed = false,
            RawCaller::End end = RawCaller::End::kHalfClose) {
    const auto start = std::chrono::steady_clock::now();
    const Status status = server.Call(MethodName(method), messages, end).status;
    const auto took = std::chrono::steady_clock::now() - start;
    ++requests_;
    ++answers_[status.code()];
    const bool cancelled = end == RawCaller::End::kCancel && status.code() == Code::kCancelled;
    EXPECT_TRUE(cancelled || IsGoodAnswer(status))
        << MethodName(method) << " with " << what << " was answered " << status.ToString();
    EXPECT_LT(took, std::chrono::seconds(5)) << MethodName(method) << " with " << what;
    if (malformed && !cancelled) {
      EXPECT_THAT(status, StatusIs(Code::kInvalidArgument, HasSubstr(method.input_type()->name())))
          << MethodName(method) << " with " << what;
    }
    if (method.name() == "Mount" && status.ok()) (void)files_->Unmount("/mounted");
    if (requests_ % kRefillAfter == 0) Refill();
  }

  // False: the method is one of those that this build does not serve, and says so.
  bool IsServed(RawCaller& server, const MethodDescriptor& method) {
    const Status status =
        server.Call(MethodName(method), {GoodRequest(method)->SerializeAsString()}).status;
    if (status.code() == Code::kUnimplemented) return false;
    EXPECT_TRUE(IsGoodAnswer(status)) << MethodName(method) << ": " << status.ToString();
    return true;
  }

  template <typename Attack>
  void ForEachMethod(Attack&& attack) {
    int served = 0;
    for (const auto& [server, methods] :
         {std::pair{master_.get(), MasterMethods()}, std::pair{worker_.get(), WorkerMethods()}}) {
      for (const MethodDescriptor* method : methods) {
        SCOPED_TRACE(fmt::format("HEADPOND_SEED={} {}", seed_, MethodName(*method)));
        if (!IsServed(*server, *method)) continue;
        ++served;
        attack(*server, *method);
        Refill();
        CheckControl();
        if (HasFatalFailure()) return;
      }
    }
    EXPECT_GE(served, 65);  // else a service went missing, and its methods untested
    for (const auto& [code, count] : answers_) fmt::print("{:>20} {}\n", CodeName(code), count);
  }

  uint64_t seed_ = 0;
  Random random_{0};
  MiniCluster cluster_{{.workers = 1}};
  TempDirectory mount_;
  std::unique_ptr<client::FileSystem> files_;
  std::unique_ptr<RawCaller> master_;
  std::unique_ptr<RawCaller> worker_;
  WorkerAddress real_worker_;
  client::FileInfo file_;
  int64_t fake_worker_ = 0;
  int controls_ = 0;
  int names_ = 0;
  int requests_ = 0;
  std::map<Code, int> answers_;
};

TEST_F(MalformedRequestTest, EveryAbsurdFieldOfEveryMethodIsAnswered) {
  ForEachMethod([&](RawCaller& server, const MethodDescriptor& method) {
    for (const Mutation& mutation : MutationsOf(*method.input_type())) {
      auto message = GoodRequest(method);
      mutation.apply(*message);
      Send(server, method, {message->SerializePartialAsString()}, mutation.what,
           !message->IsInitialized());
    }
    for (int i = 0; i < kScrambledPerMethod; ++i) {
      auto message = GoodRequest(method);
      Scramble(*message, random_);
      Send(server, method, {message->SerializePartialAsString()},
           message->ShortDebugString().substr(0, 2000), !message->IsInitialized());
    }
  });
}

TEST_F(MalformedRequestTest, BytesThatAreNoMessageAreInvalidArgument) {
  ForEachMethod([&](RawCaller& server, const MethodDescriptor& method) {
    for (const std::string& bytes :
         SpoiledBytes(GoodRequest(method)->SerializePartialAsString(), random_)) {
      const bool malformed = !NewMessage(*method.input_type())->ParseFromString(bytes);
      Send(server, method, {bytes}, "spoiled bytes", malformed);
    }
  });
}

// What one broken message in the middle of a stream would do if it were taken for the end of it: a
// block cut short, a worker with half of its blocks.
TEST_F(MalformedRequestTest, AStreamIsNotEndedByAMessageThatIsNone) {
  const std::string garbage(100, '\x0b');
  ForEachMethod([&](RawCaller& server, const MethodDescriptor& method) {
    // What follows the first request of ReadBlock only acknowledges, and is not looked at.
    if (!IsBidirectional(method) || method.name() == "ReadBlock") return;
    const std::string good = GoodRequest(method)->SerializeAsString();
    const Status status = server.Call(MethodName(method), {good, garbage}).status;
    EXPECT_THAT(status, Not(StatusIs(Code::kOk))) << MethodName(method);
    EXPECT_TRUE(IsGoodAnswer(status)) << MethodName(method) << ": " << status.ToString();
  });
}

TEST_F(MalformedRequestTest, CallsThatBreakOffLeaveNothingBehind) {
  ForEachMethod([&](RawCaller& server, const MethodDescriptor& method) {
    for (int i = 0; i < 5; ++i) {
      const std::string good = GoodRequest(method)->SerializePartialAsString();
      for (const auto& messages :
           {std::vector<std::string>{}, {good}, {good, good}, {good, "\x0b"}}) {
        Send(server, method, messages, "a cancelled call", false, RawCaller::End::kCancel);
        if (IsBidirectional(method)) Send(server, method, messages, "a short stream");
      }
    }
  });
}

// What a person would try: each is refused by the name of the field, with what would be right.
TEST_F(MalformedRequestTest, RefusalsNameTheFieldAndWhatItTakes) {
  struct Case {
    RawCaller* server;
    std::string method;
    std::string request;  // in protobuf's text form
    std::vector<std::string> words;
  };
  const std::string fs = "alluxio.grpc.file.FileSystemMasterClientService.";
  const std::string fs_worker = "alluxio.grpc.file.FileSystemMasterWorkerService.";
  const std::string blocks = "alluxio.grpc.block.BlockMasterWorkerService.";
  const std::string admin = "alluxio.grpc.block.BlockMasterClientService.";
  const std::string config = "alluxio.grpc.meta.MetaMasterConfigurationService.";
  const std::string worker = "alluxio.grpc.block.BlockWorker.";
  const std::string big(1 << 20, 'n');
  const std::string block = std::to_string(NewBlock());
  RawCaller* const m = master_.get();
  RawCaller* const w = worker_.get();
  const std::vector<Case> cases = {
      {m, fs + "GetStatus", "", {"path", "/data"}},
      {m, fs + "GetStatus", "path: '/../x'", {"path", "climbs above the root"}},
      {m, fs + "GetStatus", "path: '/a\\000b'", {"path", "NUL"}},
      {m, fs + "GetStatus", "path: '" + Repeat("/x", 30'000) + "'", {"path", "4096 levels"}},
      {m, fs + "CreateFile", "path: '/" + big + "'", {"path", "65536 bytes"}},
      {m, fs + "CreateFile", "path: '/f' options {blockSizeBytes: -1}", {"block size", "-1"}},
      {m, fs + "CreateFile", "path: '/f' options {blockSizeBytes: 0}", {"block size", "0"}},
      {m,
       fs + "CreateFile",
       "path: '/f' options {replicationMin: -1}",
       {"Min replication", "non-negative"}},
      {m,
       fs + "CreateFile",
       "path: '/f' options {xattr {key: '" + big + "'}}",
       {"xattr", "more than 255"}},
      {m,
       fs + "CompleteFile",
       "path: '/fuzz/open' options {contentHash: '" + big + "'}",
       {"contentHash", "more than 255"}},
      {m,
       fs + "SetAttribute",
       "path: '/fuzz/file' options {owner: '" + big + "'}",
       {"owner", "more than 255"}},
      {m,
       fs + "SetAttribute",
       "path: '/fuzz/file' options {mode {ownerBits: ALL}}",
       {"SetAttributePRequest", "groupBits"}},
      {m,
       fs + "SetAcl",
       "path: '/fuzz/file' action: MODIFY entries {type: NamedUser}",
       {"NamedUser", "subject"}},
      {m, fs + "ListStatusPartial", "path: '/' options {batchSize: -1}", {"batchSize", "-1"}},
      {m, fs + "ListStatusPartial", "path: '/' options {offsetCount: -1}", {"offsetCount", "-1"}},
      {m,
       fs + "ScheduleAsyncPersistence",
       "path: '/fuzz/file' options {persistenceWaitTime: -5}",
       {"persistenceWaitTime", "-5"}},
      {m, fs + "Mount", "alluxioPath: '/m' ufsPath: ''", {"not a local path", "file:///"}},
      {m,
       fs + "Mount",
       "alluxioPath: '/m' ufsPath: '/a' options {properties {key: '" + big + "'}}",
       {"properties", "more than 255"}},
      {m, blocks + "GetWorkerId", "", {"workerNetAddress.host", "empty"}},
      {m,
       blocks + "GetWorkerId",
       "workerNetAddress {host: 'h' rpcPort: 70000}",
       {"rpcPort", "70000", "65535"}},
      {m,
       blocks + "RegisterWorker",
       "totalBytesOnTiers {key: 'MEM' value: -1}",
       {"totalBytesOnTiers", "MEM", "-1"}},
      {m,
       blocks + "BlockHeartbeat",
       "usedBytesOnTiers {key: 'MEM' value: -1}",
       {"usedBytesOnTiers", "MEM", "-1"}},
      {m, blocks + "CommitBlock", "blockId: " + block + " length: -1", {block, "-1"}},
      {m, admin + "DecommissionWorker", "", {"workerHostname"}},
      {m,
       config + "SetPathConfiguration",
       "path: '/a' properties {key: 'alluxio.user.nosuch' value: 'x'}",
       {"alluxio.user.nosuch", "not a known key"}},
      {w, worker + "ReadBlock", "block_id: -1 length: 1", {"block_id", "-1"}},
      {w, worker + "ReadBlock", "block_id: 1 length: 0", {"length", "positive"}},
      {w, worker + "ReadBlock", "block_id: 1 offset: -1 length: 1", {"offset", "-1"}},
      {w, worker + "ReadBlock", "block_id: 1 length: 1 chunk_size: -1", {"chunk_size", "-1"}},
      {w,
       worker + "ReadBlock",
       "block_id: 1 length: 1 open_ufs_block_options {ufs_path: '/a' block_size: -1}",
       {"block_size", "-1"}},
      {w, worker + "WriteBlock", "command {id: -1}", {"id", "-1"}},
      {w,
       worker + "WriteBlock",
       "command {id: 1 space_to_reserve: -1}",
       {"space_to_reserve", "-1"}},
      {w, worker + "WriteBlock", "command {type: UFS_FILE}", {"create_ufs_file_options"}},
      {w, worker + "WriteBlock", "chunk {data: 'x'}", {"command must come first"}},
      {w, worker + "CreateLocalBlock", "block_id: -1", {"block_id", "-1"}},
      {w,
       worker + "CreateLocalBlock",
       "block_id: 1 space_to_reserve: -1",
       {"space_to_reserve", "-1"}},
      {w, worker + "OpenLocalBlock", "block_id: -1", {"block_id", "-1"}},
      {w, worker + "Cache", "block_id: 1 source_port: 65536", {"source_port", "65536"}},
      {w, worker + "Cache", "block_id: 1 length: -1", {"length", "-1"}},
      {w, worker + "RemoveBlock", "block_id: -1", {"block_id", "-1"}},
  };
  for (const Case& c : cases) {
    const auto* method =
        google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(c.method);
    ASSERT_NE(method, nullptr) << c.method;
    const auto request = NewMessage(*method->input_type());
    request->Clear();
    google::protobuf::TextFormat::Parser parser;
    parser.AllowPartialMessage(true);
    ASSERT_TRUE(parser.ParseFromString(c.request, request.get())) << c.method << " " << c.request;
    const Status status =
        c.server->Call(MethodName(*method), {request->SerializePartialAsString()}).status;
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument))
        << c.method << " " << c.request.substr(0, 200);
    for (const std::string& word : c.words)
      EXPECT_THAT(status.message(), HasSubstr(word)) << c.method;
    EXPECT_LE(status.message().size(), 4096u);
  }
}

}  // namespace
}  // namespace headpond::testing
