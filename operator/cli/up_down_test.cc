// `up`, `status` and `down` as users run them: real processes all the way, with fake daemons at the
// end.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "base/unique_fd.h"
#include "operator/api/field_table.h"
#include "operator/api/kind.h"
#include "operator/api/yaml.h"
#include "operator/testing/fake_engine.h"
#include "operator/testing/free_ports.h"
#include "testing/temp_directory.h"

namespace headpond::operator_cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::seconds kDeadline(60);

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A process of ours: its pid by the name of its workload.
using Daemons = std::multimap<std::string, pid_t>;

class UpDownTest : public ::testing::Test {
 protected:
  UpDownTest() : home_(directory_ / "home"), ports_(testing_operator::FreePorts(4)) {}

  ~UpDownTest() override {
    Run({"down", "--all", "--delete-data"});
    if (const pid_t pid = OperatorPid(); pid > 0) ::kill(pid, SIGKILL);
    for (const auto& [name, pid] : RunningDaemons()) ::kill(pid, SIGKILL);
  }

  Outcome Run(std::vector<std::string> words) {
    words.insert(words.begin(), CLI_PATH);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> env = {"HEADPOND_HOME=" + home_,
                                    std::string("HEADPOND_OPERATOR=") + OPERATOR_PATH,
                                    std::string("HEADPOND_PROGRAM=") + FAKE_DAEMON_PATH};
    if (engine_) env.push_back("DOCKER_HOST=" + engine_->endpoint().name);
    for (char** entry = ::environ; *entry != nullptr; ++entry) env.emplace_back(*entry);
    std::vector<char*> envp;
    for (std::string& entry : env) envp.push_back(entry.data());
    envp.push_back(nullptr);
    const std::string out = directory_ / "out", err = directory_ / "err";
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), envp.data()), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), ReadFile(out),
            ReadFile(err)};
  }

  // A cluster with the given lines added to its spec.
  std::string WriteManifest(const std::string& spec = "", const std::string& quota = "16Mi") {
    const std::string path = directory_ / "demo.yaml";
    std::ofstream(path) << fmt::format(
        "apiVersion: headpond.dev/v1alpha1\nkind: CacheCluster\nmetadata: {{name: demo}}\nspec:\n"
        "  terminationGracePeriodSeconds: 1\n"
        "  ports: {{master: {{rpc: {}, web: {}}}, worker: {{rpc: {}, web: {}}}}}\n"
        "  worker: {{tieredStore: {{levels: [{{alias: MEM, quota: {}}}]}}}}\n{}",
        ports_[0], ports_[1], ports_[2], ports_[3], quota, spec);
    return path;
  }

  Daemons RunningDaemons() const {
    Daemons daemons;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename();
      if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
      // Only daemons of this test's home have it on their command line.
      if (ReadFile(entry.path() / "cmdline").find("-Dalluxio.work.dir=" + home_) ==
          std::string::npos)
        continue;
      const std::string env = ReadFile(entry.path() / "environ");
      const size_t at = env.find("HEADPOND_WORKLOAD=");
      if (at != std::string::npos)
        daemons.emplace(env.substr(at + 18, env.find('\0', at) - at - 18), std::stoi(pid));
    }
    return daemons;
  }

  pid_t PidOf(const std::string& name) const {
    const Daemons daemons = RunningDaemons();
    return daemons.count(name) == 1 ? daemons.find(name)->second : -1;
  }

  pid_t OperatorPid() const {
    const std::string holder = ReadFile(home_ + "/operator.lock");  // "pid 12 on host"
    if (!holder.starts_with("pid ")) return -1;
    const pid_t pid = std::stoi(holder.substr(4));
    return ReadFile(fmt::format("/proc/{}/cmdline", pid)).find(home_) != std::string::npos ? pid
                                                                                           : -1;
  }

  json StatusJson() {
    const Outcome outcome = Run({"status", "demo", "-o", "json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }

  static bool WaitFor(const std::function<bool()>& done) {
    const auto deadline = steady_clock::now() + kDeadline;
    while (!done()) {
      if (steady_clock::now() >= deadline) return false;
      ::poll(nullptr, 0, 20);
    }
    return true;
  }

  TempDirectory directory_;
  const std::string home_;
  const std::vector<int> ports_;
  std::optional<testing_operator::FakeEngine> engine_;  // instead of this machine's, when there
};

TEST_F(UpDownTest, AClusterComesUpAndGoesAwayAndKeepsItsData) {
  const Outcome up = Run({"up", "-f", WriteManifest(), "--wait"});
  ASSERT_EQ(up.exit_code, 0) << up.err << ReadFile(home_ + "/operator.log");
  EXPECT_THAT(up.out, AllOf(HasSubstr("cluster demo created"), HasSubstr("cluster demo: Ready"),
                            HasSubstr(fmt::format("alluxio://localhost:{}", ports_[0]))));
  const Daemons first = RunningDaemons();
  EXPECT_EQ(first.size(), 2u);

  const Outcome again = Run({"up", "-f", WriteManifest(), "--wait"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("cluster demo unchanged"));
  EXPECT_EQ(RunningDaemons(), first);

  const json status = StatusJson();
  EXPECT_EQ(status["status"]["phase"], "Ready");
  EXPECT_EQ(status["status"]["observedGeneration"], status["metadata"]["generation"]);
  EXPECT_EQ(status["status"]["workers"]["registered"], 1);
  EXPECT_THAT(Run({"status"}).out,
              AllOf(HasSubstr("demo"), HasSubstr("1/1"), HasSubstr("demo-worker-0")));
  EXPECT_THAT(Run({"status", "-o", "yaml"}).out, HasSubstr("kind: List"));

  const Outcome down = Run({"down"});
  EXPECT_EQ(down.exit_code, 0) << down.err;
  EXPECT_THAT(down.out, AllOf(HasSubstr("cluster demo stopped"), HasSubstr("kept " + home_),
                              HasSubstr("is untouched")));
  EXPECT_THAT(RunningDaemons(), IsEmpty());
  EXPECT_TRUE(WaitFor([&] { return OperatorPid() < 0; }));
  EXPECT_EQ(Run({"status"}).out, "no cluster is running\n");
  EXPECT_TRUE(fs::exists(home_ + "/clusters/default/demo/volumes/demo-master-0/data"));

  // The data is found again: what carries another uid would be refused.
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  EXPECT_NE(StatusJson()["metadata"]["uid"], status["metadata"]["uid"]);
  EXPECT_EQ(Run({"down", "demo", "--delete-data"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(home_ + "/clusters/default/demo/volumes/demo-master-0"));
  EXPECT_TRUE(fs::exists(home_ + "/clusters/default/demo/under-store"));
  EXPECT_EQ(Run({"down"}).out, "no cluster is running\n");
}

TEST_F(UpDownTest, KeptDataIsGuardedAndCanBeDeletedLater) {
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  ASSERT_EQ(Run({"down"}).exit_code, 0);
  const Outcome up = Run({"up", "-f", WriteManifest("  rootUfs: {uri: /srv/other}\n")});
  EXPECT_EQ(up.exit_code, 1);
  EXPECT_THAT(up.err, AllOf(HasSubstr("spec.rootUfs.uri"), HasSubstr("the data of the earlier"),
                            HasSubstr("headpond down demo --delete-data")));
  EXPECT_TRUE(WaitFor([&] { return OperatorPid() < 0; }));
  const Outcome down = Run({"down", "--delete-data"});
  EXPECT_EQ(down.exit_code, 0) << down.err;
  EXPECT_FALSE(fs::exists(home_ + "/clusters/default/demo/volumes/demo-master-0"));
  EXPECT_EQ(Run({"down", "demo", "--delete-data"}).exit_code, 1);
}

TEST_F(UpDownTest, KilledDaemonsComeBack) {
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  for (const std::string name : {"demo-worker-0", "demo-master-0"}) {
    const pid_t before = PidOf(name);
    ASSERT_GT(before, 0);
    ASSERT_EQ(::kill(before, SIGKILL), 0);
    EXPECT_TRUE(WaitFor([&] { return PidOf(name) > 0 && PidOf(name) != before; })) << name;
  }
  EXPECT_TRUE(WaitFor([&] { return StatusJson()["status"]["phase"] == "Ready"; }));
}

TEST_F(UpDownTest, ANewOperatorAdoptsTheDaemonsOfAKilledOne) {
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  const Daemons before = RunningDaemons();
  const pid_t first = OperatorPid();
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  EXPECT_TRUE(WaitFor([&] { return OperatorPid() < 0; }));
  EXPECT_THAT(Run({"status"}).err, HasSubstr("no operator runs"));
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  EXPECT_EQ(RunningDaemons(), before);
  EXPECT_NE(OperatorPid(), first);
  const pid_t worker = PidOf("demo-worker-0");
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  EXPECT_TRUE(
      WaitFor([&] { return PidOf("demo-worker-0") > 0 && PidOf("demo-worker-0") != worker; }));
}

// Wherever the operator dies on the way up, the next one arrives at the same state, with no daemon
// too many.
TEST_F(UpDownTest, AnOperatorKilledAtAnyMomentLeavesNothingBehindThatTheNextDoesNotKnow) {
  for (int delay_ms = 0; delay_ms < 200; delay_ms += 20) {
    SCOPED_TRACE(delay_ms);
    ASSERT_EQ(Run({"up", "-f", WriteManifest()}).exit_code, 0);
    ::poll(nullptr, 0, delay_ms);
    if (const pid_t pid = OperatorPid(); pid > 0) ::kill(pid, SIGKILL);
    const Outcome up = Run({"up", "-f", WriteManifest(), "--wait"});
    ASSERT_EQ(up.exit_code, 0) << up.err << ReadFile(home_ + "/operator.log");
    const Daemons daemons = RunningDaemons();
    EXPECT_EQ(daemons.count("demo-master-0"), 1u);
    EXPECT_EQ(daemons.count("demo-worker-0"), 1u);
    const Outcome down = Run({"down"});
    ASSERT_EQ(down.exit_code, 0) << down.err;
    EXPECT_THAT(RunningDaemons(), IsEmpty());
  }
}

TEST_F(UpDownTest, AChangeRestartsWhatItConcerns) {
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  const pid_t master = PidOf("demo-master-0"), worker = PidOf("demo-worker-0");
  const Outcome up = Run({"up", "-f", WriteManifest("", "32Mi"), "--wait"});
  ASSERT_EQ(up.exit_code, 0) << up.err;
  EXPECT_THAT(up.out, HasSubstr("cluster demo configured"));
  EXPECT_EQ(PidOf("demo-master-0"), master);
  EXPECT_NE(PidOf("demo-worker-0"), worker);
  EXPECT_GT(PidOf("demo-worker-0"), 0);
}

TEST_F(UpDownTest, ATakenPortIsNamedAndTheNextUpTriesAtOnce) {
  UniqueFd occupant(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(ports_[0]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(occupant.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  ASSERT_EQ(::listen(occupant.get(), 1), 0);
  const Outcome up = Run({"up", "-f", WriteManifest(), "--wait"});
  EXPECT_EQ(up.exit_code, 1);
  EXPECT_THAT(up.err,
              HasSubstr(fmt::format("port {} is held by process {} (", ports_[0], ::getpid())));
  EXPECT_THAT(up.err, HasSubstr("set spec.ports.master.rpc"));
  occupant.Reset();
  EXPECT_EQ(Run({"up", "-f", WriteManifest(), "--wait", "--timeout", "20s"}).exit_code, 0);
}

TEST_F(UpDownTest, ADaemonThatRefusesItsConfigurationIsQuoted) {
  const Outcome up =
      Run({"up", "-f", WriteManifest("  env: [{name: FAKE_DAEMON, value: refuse}]\n"), "--wait"});
  EXPECT_EQ(up.exit_code, 1);
  EXPECT_THAT(
      up.err,
      HasSubstr("exited with code 1; last output: alluxio.fake: this configuration is refused"));
  // The repaired file works at once.
  EXPECT_EQ(Run({"up", "-f", WriteManifest(), "--wait", "--timeout", "20s"}).exit_code, 0);
}

TEST_F(UpDownTest, AStubbornDaemonDoesNotHoldUpTheEnd) {
  ASSERT_EQ(Run({"up", "-f", WriteManifest("  env: [{name: FAKE_DAEMON, value: ignore-sigterm}]\n"),
                 "--wait"})
                .exit_code,
            0);
  const Outcome down = Run({"down", "--timeout", "30s"});
  EXPECT_EQ(down.exit_code, 0) << down.err;
  EXPECT_THAT(RunningDaemons(), IsEmpty());
}

TEST_F(UpDownTest, MistakesAreShownWithFileAndLineAndChangeNothing) {
  const std::string path = WriteManifest("  worker: 3\n");
  const Outcome twice = Run({"up", "-f", path});
  EXPECT_EQ(twice.exit_code, 1);
  EXPECT_THAT(twice.err, HasSubstr("demo.yaml: line 8: key \"worker\" is there twice"));
  EXPECT_THAT(
      Run({"up", "-f", WriteManifest("", "1X")}).err,
      HasSubstr("demo.yaml:7: spec.worker.tieredStore.levels[0].quota: \"1X\" is not a size"));
  EXPECT_EQ(Run({"up", "-f", directory_ / "none.yaml"}).exit_code, 1);
  EXPECT_EQ(Run({"up"}).exit_code, 1);
  EXPECT_EQ(Run({"up", "-f", WriteManifest(), "--timeout", "soon"}).exit_code, 1);
  EXPECT_EQ(Run({"status", "nobody"}).exit_code, 1);
  EXPECT_EQ(Run({"down", "nobody"}).exit_code, 1);
  EXPECT_THAT(RunningDaemons(), IsEmpty());
  EXPECT_LT(OperatorPid(), 0);
}

TEST_F(UpDownTest, ADryRunPrintsThePlanAndChangesNothing) {
  const std::string file = WriteManifest();
  const Outcome first = Run({"up", "-f", file, "--dry-run"});
  EXPECT_EQ(first.exit_code, 2) << first.err;
  EXPECT_THAT(first.out, AllOf(HasSubstr("cluster demo: created (dry run)"),
                               HasSubstr("start   demo-master-0  -     -"),
                               HasSubstr("demo-master-0 to serve"), HasSubstr("not running")));
  EXPECT_THAT(RunningDaemons(), IsEmpty());
  EXPECT_FALSE(fs::exists(home_ + "/api/kubeconfig")) << "no operator was started";

  ASSERT_EQ(Run({"up", "-f", file, "--wait"}).exit_code, 0);
  const Daemons before = RunningDaemons();
  const Outcome same = Run({"up", "-f", file, "--dry-run", "-o", "json"});
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
  const json none = json::parse(same.out, nullptr, false);
  EXPECT_EQ(none[0]["change"], "unchanged") << same.out;
  EXPECT_THAT(none[0]["steps"], IsEmpty());

  const Outcome moved = Run({"up", "-f", file, "--dry-run", "-o", "json", "--port-base", "7000"});
  EXPECT_EQ(moved.exit_code, 2) << moved.err;
  const json plan = json::parse(moved.out, nullptr, false);
  EXPECT_EQ(plan[0]["change"], "configured");
  ASSERT_FALSE(plan[0]["steps"].empty()) << moved.out;
  EXPECT_EQ(plan[0]["steps"][0]["action"], "stop");
  EXPECT_EQ(plan[0]["steps"][0]["daemon"], "demo-master-0");
  EXPECT_EQ(plan[0]["steps"][0]["reason"], "its configuration changed");
  EXPECT_EQ(RunningDaemons(), before);
}

TEST_F(UpDownTest, ADryRunRefusesInTheWordsOfTheApi) {
  ASSERT_EQ(Run({"up", "-f", WriteManifest(), "--wait"}).exit_code, 0);
  const std::string moved = WriteManifest("  rootUfs: {uri: /elsewhere}\n");
  const Outcome real = Run({"up", "-f", moved});
  const Outcome dry = Run({"up", "-f", moved, "--dry-run"});
  EXPECT_EQ(dry.exit_code, 1);
  EXPECT_EQ(real.exit_code, 1);
  EXPECT_THAT(dry.err, HasSubstr("cannot change"));
  EXPECT_THAT(dry.err, HasSubstr(real.err));
}

TEST_F(UpDownTest, EverySampleIsValidAndItsClusterComesUp) {
  engine_.emplace();
  engine_->AddImage("headpond/headpond:latest");
  for (const char* folder : {"/srv/lake", "/var/cache/headpond"}) engine_->AddHostFolder(folder);
  int clusters = 0;
  for (const auto& entry : fs::directory_iterator(SAMPLES_DIR)) {
    SCOPED_TRACE(entry.path());
    bool has_cluster = false, in_pods = false;
    const auto documents = api::ParseYaml(ReadFile(entry.path()));
    ASSERT_TRUE(documents.ok()) << documents.status().message();
    for (const api::YamlDocument& document : *documents) {
      const std::string kind = document.value().value("kind", "");
      const api::Kind* const known = api::FindKind(kind);
      ASSERT_NE(known, nullptr) << kind;
      const api::Findings findings = api::CheckObject(*known, document.value());
      EXPECT_THAT(findings.errors, IsEmpty());
      EXPECT_THAT(findings.warnings, IsEmpty());
      if (kind != api::kCacheClusterKind) continue;
      has_cluster = true;
      in_pods |=
          document.value().at("spec").value("/runtime/type"_json_pointer, "") == "kubernetes";
    }
    if (!has_cluster) continue;  // tasks: e2e/docker runs theirs
    ++clusters;
    std::vector<std::string> words = {"up", "-f", entry.path(), "--port-base",
                                      std::to_string(testing_operator::FreePortBase(30))};
    // Here are no pods: that it can be taken, and given up, is all. The rest: e2e/kubernetes.
    if (!in_pods) words.push_back("--wait");
    const Outcome up = Run(words);
    EXPECT_EQ(up.exit_code, 0) << up.err;
    EXPECT_EQ(Run({"down", "--all", "--delete-data"}).exit_code, 0);
    EXPECT_THAT(engine_->containers(), IsEmpty());
  }
  EXPECT_GE(clusters, 5);
}

}  // namespace
}  // namespace headpond::operator_cli
