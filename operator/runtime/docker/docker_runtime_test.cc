#include "operator/runtime/docker/docker_runtime.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/unique_fd.h"
#include "operator/runtime/runtime_conformance.h"
#include "operator/testing/fake_engine.h"
#include "operator/testing/free_ports.h"
#include "testing/temp_directory.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_operator::FakeEngine;

constexpr const char* kImage = "headpond/headpond:test";

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

class DockerHarness final : public RuntimeHarness {
 public:
  explicit DockerHarness(FakeEngine::Options options = {})
      : engine_(std::move(options)), ports_(testing_operator::FreePorts(4)) {
    engine_.AddImage(kImage);
  }

  std::unique_ptr<Runtime> Make() override {
    return std::make_unique<DockerRuntime>(
        DockerRuntime::Options{.endpoint = engine_.endpoint(), .home = home_.path()},
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
    engine_.Kill(workload.name);
  }
  std::shared_ptr<void> BlockStart(const plan::Workload& workload) override {
    return std::make_shared<UniqueFd>(ListenOn(workload.ports[0].number));
  }
  // Its folder is a real one, of which the fake engine's containers know nothing.
  std::optional<plan::Workload> WithMovableJournal() override {
    plan::Workload workload = Make(plan::Role::kMaster, 0, "");
    engine_.AddHostFolder(host_.path());
    workload.volumes.push_back({.name = "journal",
                                .kind = plan::VolumeKind::kDurable,
                                .path = host_.path() + "/" + workload.name,
                                .mount = host_.path(),
                                .host_path = host_.path()});
    return workload;
  }
  void WriteData(const plan::Workload& workload) override {
    if (workload.volumes.size() > 1) {
      std::filesystem::create_directories(workload.volumes[1].data_path());
      std::ofstream(workload.volumes[1].data_path() + "/precious") << "x";
      return;
    }
    engine_.WriteFile(workload.volumes[0].volume_name, "data/precious");
  }
  bool HasData(const plan::Workload& workload) override {
    if (workload.volumes.size() > 1)
      return std::filesystem::exists(workload.volumes[1].data_path() + "/precious");
    return engine_.HasFile(workload.volumes[0].volume_name, "data/precious");
  }

  FakeEngine& engine() { return engine_; }

 private:
  plan::Workload Make(plan::Role role, int ordinal, const std::string& behaviour) {
    const std::string word(plan::RoleName(role));
    const size_t first = role == plan::Role::kMaster ? 0 : 2;
    plan::Workload workload{.role = role,
                            .ordinal = ordinal,
                            .name = fmt::format("demo-{}-{}", word, ordinal),
                            .bind_host = "127.0.0.1",
                            .termination_grace = std::chrono::seconds(1)};
    workload.args = {word, fmt::format("-Dalluxio.{}.rpc.port={}", word, ports_[first]),
                     fmt::format("-Dalluxio.{}.web.port={}", word, ports_[first + 1])};
    if (!behaviour.empty()) workload.env["FAKE_DAEMON"] = behaviour;
    workload.files = {
        {"/headpond/conf/" + workload.name + "/alluxio-site.properties", "secret=s3cr3t\n"}};
    const std::string state = "/headpond/volumes/" + workload.name;
    workload.logs_dir = state + "/logs";
    workload.ports = {{"rpc", ports_[first], "spec.ports." + word + ".rpc"},
                      {"web", ports_[first + 1], "spec.ports." + word + ".web"}};
    workload.volumes = {{.name = "state",
                         .kind = plan::VolumeKind::kDurable,
                         .path = state,
                         .mount = state,
                         .volume_name = workload.name + "-state"}};
    workload.probe = {"127.0.0.1", ports_[first], ports_[first + 1], "/api/v1/" + word + "/info"};
    workload.container = plan::Container{.image = kImage, .settings = {.user = "1000:1000"}};
    return workload;
  }

  FakeEngine engine_;
  TempDirectory home_, host_;
  std::vector<int> ports_;
};

HarnessFactory WithApi(const char* version) {
  return [version]() -> std::unique_ptr<RuntimeHarness> {
    return std::make_unique<DockerHarness>(FakeEngine::Options{.api_version = version});
  };
}

// The oldest we speak, Docker 25's, and Docker 29's.
INSTANTIATE_TEST_SUITE_P(Docker, RuntimeConformance,
                         ::testing::Values(WithApi("1.41"), WithApi("1.44"), WithApi("1.52")));
INSTANTIATE_TEST_SUITE_P(Docker, SharedPortsConformance, ::testing::Values(WithApi("1.41")));

// What is particular to containers.
class DockerRuntimeTest : public ::testing::Test {
 protected:
  DockerRuntimeTest() : engine_(harness_.engine()), runtime_(harness_.Make()) {}

  const plan::ObservedWorkload* Observe() {
    auto observed = runtime_->Observe(cluster_);
    EXPECT_OK(observed);
    last_ = observed.ok() ? *std::move(observed) : plan::ObservedCluster();
    return last_.workloads.empty() ? nullptr : &last_.workloads[0];
  }
  void Replace(const plan::Workload& workload) {
    ASSERT_OK(runtime_->Stop(cluster_, workload.name));
    Observe();
    (void)runtime_->Start(cluster_, workload);
  }

  DockerHarness harness_;
  FakeEngine& engine_;
  std::unique_ptr<Runtime> runtime_;
  const ClusterRef cluster_{"default", "demo", "uid-1"};
  const plan::Workload master_ = harness_.Good(plan::Role::kMaster, 0);
  plan::ObservedCluster last_;
};

TEST_F(DockerRuntimeTest, LookingChangesNothing) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  engine_.ForgetMutations();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Observe()->serving);
  EXPECT_THAT(engine_.mutations(), IsEmpty());
}

TEST_F(DockerRuntimeTest, FilesReachTheContainerAndNothingThatOthersCanInspect) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  EXPECT_EQ(engine_.FileIn(master_.name, master_.files.begin()->first), "secret=s3cr3t\n");
  EXPECT_THAT(engine_.CreateBody(master_.name).dump(), Not(HasSubstr("s3cr3t")));
}

TEST_F(DockerRuntimeTest, SomebodyElsesContainerOfOurNameIsAConflictAndStays) {
  engine_.AddForeignContainer(master_.name);
  EXPECT_THAT(runtime_->Start(cluster_, master_),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr(master_.name), HasSubstr("is not ours"))));
  ASSERT_NE(Observe(), nullptr);
  EXPECT_EQ(last_.workloads[0].reason, "NameConflict");
  EXPECT_OK(runtime_->Remove(cluster_, master_.name));
  EXPECT_THAT(engine_.containers(), ElementsAre(master_.name));
}

TEST_F(DockerRuntimeTest, AContainerRemovedByHandIsMissing) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  engine_.ForceRemove(master_.name);
  EXPECT_EQ(Observe(), nullptr);
  ASSERT_OK(runtime_->Start(cluster_, master_));
  EXPECT_TRUE(Observe()->serving);
}

TEST_F(DockerRuntimeTest, APredecessorIsKeptUntilItsSuccessorServes) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(Observe()->serving);
  plan::Workload changed = master_;
  changed.args.emplace_back("-Dalluxio.some.key=1");
  Replace(changed);
  EXPECT_THAT(engine_.containers(), ElementsAre(master_.name, master_.name + ".old"));
  EXPECT_TRUE(Observe()->serving);
  EXPECT_EQ(last_.workloads.size(), 1u);
  EXPECT_EQ(last_.workloads[0].config_hash, changed.ConfigHash());
  EXPECT_THAT(engine_.containers(), ElementsAre(master_.name));
}

TEST_F(DockerRuntimeTest, ASuccessorThatCantStartGivesItsPlaceBack) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  ASSERT_TRUE(Observe()->serving);
  engine_.AddImage("broken:1");
  engine_.BreakImage("broken:1");
  plan::Workload changed = master_;
  changed.container->image = "broken:1";
  Replace(changed);
  ASSERT_TRUE(Observe()->start_failed);
  EXPECT_EQ(last_.workloads[0].proven_hash, master_.ConfigHash());
  ASSERT_OK(runtime_->Restore(cluster_, master_.name, std::nullopt));
  EXPECT_THAT(engine_.containers(), ElementsAre(master_.name));
  ASSERT_TRUE(Observe()->serving);
  EXPECT_EQ(last_.workloads[0].config_hash, master_.ConfigHash());
}

TEST_F(DockerRuntimeTest, WhatNeverServedIsNotKept) {
  plan::Workload silent = harness_.Silent(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, silent));
  Observe();
  Replace(master_);
  EXPECT_THAT(engine_.containers(), ElementsAre(master_.name));
  EXPECT_TRUE(Observe()->serving);
}

TEST_F(DockerRuntimeTest, AMissingFolderIsNamedAndNotMade) {
  plan::Workload workload = master_;
  workload.volumes.push_back({.name = "under-store",
                              .kind = plan::VolumeKind::kUnderStore,
                              .path = "/data/lake",
                              .mount = "/data/lake",
                              .host_path = "/data/lake"});
  EXPECT_THAT(runtime_->Start(cluster_, workload),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr("/data/lake"), HasSubstr("create the folder"))));
  EXPECT_EQ(Observe()->reason, "MountMissing");
  engine_.AddHostFolder("/data/lake");
  ASSERT_OK(runtime_->Start(cluster_, workload));
  EXPECT_TRUE(Observe()->serving);
}

TEST_F(DockerRuntimeTest, AFolderOfTheHostWithForeignDataIsRefused) {
  engine_.AddHostFolder("/disks");
  plan::Workload workload = master_;
  workload.volumes.push_back({.name = "journal",
                              .kind = plan::VolumeKind::kDurable,
                              .path = "/disks/demo-master-0",
                              .mount = "/disks",
                              .host_path = "/disks"});
  engine_.WriteFile("/disks", "demo-master-0/thesis.tex");
  EXPECT_THAT(runtime_->Start(cluster_, workload),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no cluster of ours made")));
  EXPECT_EQ(Observe()->reason, "VolumeConflict");
}

TEST_F(DockerRuntimeTest, AVolumeOfSomebodyElseIsRefused) {
  engine_.WriteFile(master_.volumes[0].volume_name, "thesis.tex");
  EXPECT_THAT(runtime_->Start(cluster_, master_),
              StatusIs(Code::kFailedPrecondition, HasSubstr("is not ours")));
  EXPECT_OK(runtime_->DeleteData(cluster_));
  EXPECT_TRUE(engine_.HasFile(master_.volumes[0].volume_name, "thesis.tex"));
}

TEST_F(DockerRuntimeTest, TheLastContainerTakesTheNetworkAlong) {
  plan::Workload worker = harness_.Good(plan::Role::kWorker, 0);
  plan::Workload master = master_;
  master.container->network = worker.container->network = "demo-net";
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_OK(runtime_->Start(cluster_, worker));
  EXPECT_THAT(engine_.networks(), ElementsAre("demo-net"));
  for (const plan::Workload* workload : {&worker, &master}) {
    EXPECT_THAT(engine_.networks(), ElementsAre("demo-net"));
    ASSERT_OK(runtime_->Stop(cluster_, workload->name));
    ASSERT_OK(runtime_->Remove(cluster_, workload->name));
  }
  EXPECT_THAT(engine_.networks(), IsEmpty());
  EXPECT_THAT(engine_.containers(), IsEmpty());
}

TEST_F(DockerRuntimeTest, AnEngineThatIsGoneIsSaidAndFoundAgain) {
  ASSERT_OK(runtime_->Start(cluster_, master_));
  engine_.GoAway();
  EXPECT_THAT(runtime_->Observe(cluster_),
              StatusIs(Code::kUnavailable, HasSubstr(engine_.endpoint().name)));
  engine_.ComeBack();
  EXPECT_TRUE(Observe()->serving);
}

TEST_F(DockerRuntimeTest, OnlyFoldersOfThisMachineCanBeSetAside) {
  const Status in_volume = runtime_->SetAside(cluster_, master_, "t");
  EXPECT_THAT(in_volume, StatusIs(Code::kFailedPrecondition,
                                  AllOf(HasSubstr("spec.master.journal.folder: is not given"),
                                        HasSubstr("spec.bootstrap.fromBackup"))));
  const plan::Workload movable = *harness_.WithMovableJournal();
  EXPECT_OK(JournalCanMove(engine_.endpoint(), cluster_, movable));
  Endpoint elsewhere = engine_.endpoint();
  elsewhere.socket.clear();
  EXPECT_THAT(JournalCanMove(elsewhere, cluster_, movable),
              StatusIs(Code::kFailedPrecondition, HasSubstr("folders of other machines")));
  ClusterRef on_node = cluster_;
  on_node.node = "a";
  EXPECT_FALSE(JournalCanMove(engine_.endpoint(), on_node, movable).ok());

  plan::Workload unseen = movable;
  unseen.volumes[1].path = "/nowhere/" + unseen.name;
  EXPECT_THAT(runtime_->SetAside(cluster_, unseen, "t"),
              StatusIs(Code::kFailedPrecondition, HasSubstr("does not see /nowhere")));
}

// The stamp of a folder that was put there by hand.
TEST_F(DockerRuntimeTest, AFolderOfAnotherClusterIsNotSetAside) {
  const plan::Workload movable = *harness_.WithMovableJournal();
  std::filesystem::create_directories(movable.volumes[1].path);
  std::ofstream(movable.volumes[1].path + "/.headpond-volume") << R"({"uid": "uid-2"})";
  EXPECT_THAT(runtime_->SetAside(cluster_, movable, "t"),
              StatusIs(Code::kFailedPrecondition, HasSubstr("another cluster (uid uid-2)")));
}

}  // namespace
}  // namespace headpond::runtime
