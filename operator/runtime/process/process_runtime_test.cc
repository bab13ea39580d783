#include "operator/runtime/process/process_runtime.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "operator/runtime/runtime_conformance.h"
#include "operator/testing/free_ports.h"
#include "testing/temp_directory.h"

namespace headpond::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

UniqueFd ListenOn(int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

class ProcessHarness final : public RuntimeHarness {
 public:
  ProcessHarness() : memory_("/dev/shm"), ports_(testing_operator::FreePorts(4)) {}

  std::unique_ptr<Runtime> Make() override {
    return std::make_unique<ProcessRuntime>(
        ProcessRuntime::Options{
            .home = home_.path(), .program = FAKE_DAEMON_PATH, .memory_dir = memory_.path() + "/m"},
        Clock::System());
  }

  plan::Workload Good(plan::Role role, int ordinal) override { return Make(role, ordinal, ""); }
  plan::Workload Crashing(plan::Role role, int ordinal) override {
    return Make(role, ordinal, "refuse");
  }
  plan::Workload Stubborn(plan::Role role, int ordinal) override {
    return Make(role, ordinal, "ignore-sigterm");
  }
  plan::Workload Silent(plan::Role role, int ordinal) override {
    return Make(role, ordinal, "deaf");
  }

  void KillBehindItsBack(const plan::ObservedWorkload& workload) override {
    ASSERT_EQ(::kill(workload.pid, SIGKILL), 0);
  }
  std::shared_ptr<void> BlockStart(const plan::Workload& workload) override {
    return std::make_shared<UniqueFd>(ListenOn(workload.ports[0].number));
  }
  void WriteData(const plan::Workload& workload) override {
    std::ofstream(workload.volumes[0].data_path() + "/precious") << "x";
  }
  bool HasData(const plan::Workload& workload) override {
    return std::filesystem::exists(workload.volumes[0].data_path() + "/precious");
  }

  const std::string& home() const { return home_.path(); }
  std::string memory_dir() const { return memory_.path() + "/m"; }

 private:
  plan::Workload Make(plan::Role role, int ordinal, const std::string& behaviour) {
    const std::string word(plan::RoleName(role));
    const size_t first = role == plan::Role::kMaster ? 0 : 2;
    const std::string dir = home_.path() + "/clusters/default/demo";
    plan::Workload workload{.role = role,
                            .ordinal = ordinal,
                            .name = fmt::format("demo-{}-{}", word, ordinal),
                            .bind_host = "127.0.0.1",
                            .termination_grace = std::chrono::seconds(1)};
    workload.args = {word, fmt::format("-Dalluxio.{}.rpc.port={}", word, ports_[first]),
                     fmt::format("-Dalluxio.{}.web.port={}", word, ports_[first + 1]),
                     fmt::format("-Dalluxio.master.rpc.port={}", ports_[0])};
    if (!behaviour.empty()) workload.env["FAKE_DAEMON"] = behaviour;
    workload.files = {{dir + "/conf/" + workload.name + "/alluxio-site.properties", "a=b\n"}};
    workload.logs_dir = dir + "/logs/" + workload.name;
    workload.ports = {{"rpc", ports_[first], "spec.ports." + word + ".rpc"},
                      {"web", ports_[first + 1], "spec.ports." + word + ".web"}};
    workload.volumes = {{.name = "state",
                         .kind = plan::VolumeKind::kDurable,
                         .path = dir + "/volumes/" + workload.name}};
    workload.probe = {"127.0.0.1", ports_[first], ports_[first + 1], "/api/v1/" + word + "/info"};
    return workload;
  }

  TempDirectory home_, memory_;
  std::vector<int> ports_;
};

INSTANTIATE_TEST_SUITE_P(Process, RuntimeConformance,
                         ::testing::Values([]() -> std::unique_ptr<RuntimeHarness> {
                           return std::make_unique<ProcessHarness>();
                         }));
INSTANTIATE_TEST_SUITE_P(Process, SharedPortsConformance,
                         ::testing::Values([]() -> std::unique_ptr<RuntimeHarness> {
                           return std::make_unique<ProcessHarness>();
                         }));

// What is particular to processes.
class ProcessRuntimeTest : public ::testing::Test {
 protected:
  ProcessRuntimeTest() : runtime_(harness_.Make()) {}

  ProcessHarness harness_;
  std::unique_ptr<Runtime> runtime_;
  const ClusterRef cluster_{"default", "demo", "uid-1"};
};

TEST_F(ProcessRuntimeTest, NamesWhoHoldsATakenPort) {
  const plan::Workload master = harness_.Good(plan::Role::kMaster, 0);
  const UniqueFd occupant = ListenOn(master.ports[1].number);
  EXPECT_THAT(runtime_->Start(cluster_, master),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr(fmt::format("port {} is held by process {} (",
                                                   master.ports[1].number, ::getpid())),
                             HasSubstr("set spec.ports.master.web"))));
}

TEST_F(ProcessRuntimeTest, AMissingProgramIsAFailedStart) {
  ProcessRuntime runtime({.home = harness_.home(),
                          .program = "/nowhere/headpond",
                          .memory_dir = harness_.memory_dir()},
                         Clock::System());
  const plan::Workload master = harness_.Good(plan::Role::kMaster, 0);
  EXPECT_THAT(runtime.Start(cluster_, master),
              StatusIs(Code::kNotFound, HasSubstr("/nowhere/headpond")));
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime.Observe(cluster_));
  EXPECT_EQ(observed.workloads.at(0).phase, plan::Phase::kExited);
  EXPECT_EQ(observed.workloads.at(0).reason, "StartFailed");
}

TEST_F(ProcessRuntimeTest, AMemoryLevelLargerThanItsFileSystemIsRefusedWithFigures) {
  plan::Workload master = harness_.Good(plan::Role::kMaster, 0);
  master.volumes.push_back({.name = "tier0-dir0",
                            .kind = plan::VolumeKind::kMemory,
                            .path = harness_.memory_dir() + "/w",
                            .size_bytes = int64_t{1} << 50});
  EXPECT_THAT(runtime_->Start(cluster_, master),
              StatusIs(Code::kResourceExhausted, HasSubstr("wants 1024.00TB")));
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime_->Observe(cluster_));
  EXPECT_EQ(observed.workloads.at(0).reason, "NoSpace");
}

TEST_F(ProcessRuntimeTest, TheFolderInSharedMemoryIsOursAlone) {
  std::filesystem::create_directory(harness_.memory_dir());
  ASSERT_EQ(::chmod(harness_.memory_dir().c_str(), 0777), 0);
  plan::Workload master = harness_.Good(plan::Role::kMaster, 0);
  master.volumes.push_back({.name = "tier0-dir0",
                            .kind = plan::VolumeKind::kMemory,
                            .path = harness_.memory_dir() + "/w",
                            .size_bytes = 1});
  EXPECT_THAT(runtime_->Start(cluster_, master),
              StatusIs(Code::kFailedPrecondition, HasSubstr("open to other users")));
}

TEST_F(ProcessRuntimeTest, AFolderWithForeignDataIsRefused) {
  const plan::Workload master = harness_.Good(plan::Role::kMaster, 0);
  std::filesystem::create_directories(master.volumes[0].path);
  std::ofstream(master.volumes[0].path + "/thesis.tex") << "x";
  EXPECT_THAT(runtime_->Start(cluster_, master),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no cluster of ours made")));
  EXPECT_OK(runtime_->Remove(cluster_, master.name));
  EXPECT_OK(runtime_->DeleteData(cluster_));
  EXPECT_TRUE(std::filesystem::exists(master.volumes[0].path + "/thesis.tex"));
}

TEST_F(ProcessRuntimeTest, AProcessThatGotTheSamePidIsNotOurs) {
  ASSERT_OK_AND_ASSIGN(ProcessIdentity self, IdentityOf(::getpid()));
  EXPECT_OK(OpenProcess(self));
  self.start_ticks += 1;
  EXPECT_THAT(OpenProcess(self), StatusIs(Code::kNotFound));
  EXPECT_THAT(SignalProcess(self, 0), StatusIs(Code::kNotFound));
  self.start_ticks -= 1;
  self.boot_id = "another boot";
  EXPECT_THAT(OpenProcess(self), StatusIs(Code::kNotFound));
}

TEST_F(ProcessRuntimeTest, ARestartOfTheMachineIsNoCrash) {
  const DaemonRecords records(harness_.home() + "/clusters/default/demo/run");
  DaemonRecord record{
      .name = "demo-master-0", .process = {::getpid(), 1, "an earlier boot"}, .started_at_ms = 1};
  ASSERT_OK(records.Write(record));
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime_->Observe(cluster_));
  EXPECT_EQ(observed.workloads.at(0).phase, plan::Phase::kExited);
  EXPECT_EQ(observed.workloads.at(0).crashes, 0);
  EXPECT_EQ(observed.workloads.at(0).reason, "MachineRestarted");
}

TEST_F(ProcessRuntimeTest, ADamagedRecordStopsEverythingRatherThanStartTwice) {
  std::filesystem::create_directories(harness_.home() + "/clusters/default/demo/run");
  std::ofstream(harness_.home() + "/clusters/default/demo/run/demo-master-0.json") << "{";
  EXPECT_THAT(runtime_->Observe(cluster_),
              StatusIs(Code::kDataLoss, HasSubstr("demo-master-0.json")));
  EXPECT_THAT(runtime_->Start(cluster_, harness_.Good(plan::Role::kMaster, 0)),
              StatusIs(Code::kDataLoss));
}

TEST_F(ProcessRuntimeTest, DaemonsInheritOnlyWhatIsNamed) {
  const auto kept = InheritedEnvironment(
      {{"PATH", "/bin"}, {"ALLUXIO_JAVA_OPTS", "-Dx=y"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
  EXPECT_THAT(kept, ::testing::ElementsAre(::testing::Pair("PATH", "/bin")));
}

}  // namespace
}  // namespace headpond::runtime
