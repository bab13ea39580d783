// Tasks from their YAML to their end: the embedded API, the controller and a fake Docker Engine.
// Also with operators that die after each of their writes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "base/mutex.h"
#include "operator/apiserver/listeners.h"
#include "operator/apiserver/testing/scripted_faults.h"
#include "operator/controller/task_controller.h"
#include "operator/daemon/task_objects.h"
#include "operator/runtime/docker/task_containers.h"
#include "operator/testing/fake_engine.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_operator::FakeEngine;

constexpr const char* kApi = "/apis/headpond.dev/v1alpha1/namespaces/default";
constexpr const char* kEvents = "/apis/events.k8s.io/v1/namespaces/default/events";
constexpr const char* kImage = "work:1";
constexpr std::chrono::seconds kDeadline(30);

bool IsTheOperators(const http::Request& request) {
  if (request.path.ends_with("/events")) return false;  // nothing depends on them
  const auto agent = request.headers.find("user-agent");
  return agent != request.headers.end() && agent->second == kube::Client::Options().user_agent;
}

class TaskLifeTest : public ::testing::Test {
 protected:
  TaskLifeTest() {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api", .faults = &faults_},
                                                 Clock::System());
    EXPECT_OK(started);
    api_ = *std::move(started);
    engine_.AddImage(kImage);
    Restart();
  }

  ~TaskLifeTest() override { End(); }

  void End() {
    controller_.reset();
    if (tasks_) tasks_->Stop();
    tasks_.reset();
    client_.reset();
    runtime_.reset();
  }
  void Wake() {
    MutexLock lock(mutex_);
    changed_ = true;
    wake_.NotifyAll();
  }
  // Another operator takes over from the one before.
  void Restart() {
    End();
    runtime_ = std::make_unique<runtime::DockerTaskRuntime>(
        runtime::DockerTaskRuntime::Options{.endpoint = engine_.endpoint(),
                                            .home = directory_ / ""},
        Clock::System());
    runtime_->OnChange([this] { Wake(); });
    client_ = std::make_unique<kube::Client>(kube::AtSocket(api_->socket_path()), Clock::System());
    tasks_ = std::make_unique<ApiTaskObjects>(*client_, Clock::System(), Random(1),
                                              ApiTaskObjects::Options{}, [this] { Wake(); });
    tasks_->Start();
    controller_ = std::make_unique<controller::TaskController>(*tasks_, *runtime_, Clock::System());
  }

  json Ask(const std::string& method, const std::string& path, const json& body = nullptr) {
    http::Request request{
        .method = method, .path = path, .body = body.is_null() ? "" : body.dump()};
    if (method == "PATCH") request.headers["content-type"] = "application/merge-patch+json";
    return json::parse(api_->server().Handle(request).body);
  }
  json Apply(const std::string& kind, const std::string& plural, const std::string& name,
             const json& spec) {
    const json made = Ask("POST", fmt::format("{}/{}", kApi, plural),
                          {{"apiVersion", "headpond.dev/v1alpha1"},
                           {"kind", kind},
                           {"metadata", {{"name", name}}},
                           {"spec", spec}});
    EXPECT_TRUE(made.contains("spec")) << made;
    return made;
  }
  static json Spec(json more = json::object()) {
    json spec = {{"command", {"work"}}, {"backoffSeconds", 0}, {"container", {{"image", kImage}}}};
    spec.merge_patch(more);
    return spec;
  }
  void Create(const json& spec) {
    const json made = Apply("ContainerTask", "containertasks", "t", spec);
    uid_ = made["metadata"].value("uid", "");
  }
  void Change(const json& spec) { Ask("PATCH", Path(), {{"spec", spec}}); }
  void Delete() { Ask("DELETE", Path()); }
  json Get() { return Ask("GET", Path()); }
  static std::string Path() { return fmt::format("{}/containertasks/t", kApi); }
  std::string Phase() { return Get()["status"].is_object() ? Get()["status"]["phase"] : ""; }
  bool IsGone() { return Get()["code"] == 404; }
  json Condition(const std::string& type) {
    const json status = Get()["status"];
    if (status.is_object())
      for (const json& condition : status["conditions"])
        if (condition["type"] == type) return condition;
    return {{"status", ""}, {"reason", ""}, {"message", ""}};
  }
  std::string Container(int index = 0, int attempt = 0) const {
    return fmt::format("t-{}-{}-{}", uid_.substr(0, 8), index, attempt);
  }

  // Passes, and whatever `after_pass` does, until `done`.
  bool Until(
      const std::function<bool()>& done, const std::function<void()>& after_pass = [] {}) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < deadline) {
      const milliseconds next = controller_->ReconcileAll();
      if (done()) return true;
      after_pass();
      const auto until =
          std::chrono::steady_clock::now() + std::min(next, milliseconds(after_pass ? 20 : 1000));
      MutexLock lock(mutex_);
      while (!changed_ && wake_.WaitUntil(mutex_, until)) continue;
      changed_ = false;
    }
    ADD_FAILURE() << "never arrives: " << Get().dump(1);
    return false;
  }
  bool Runs() {
    return Until([&] { return Phase() == "Running" && Get()["status"]["active"] == 1; });
  }

  TempDirectory directory_;
  apiserver::ScriptedFaults faults_;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
  Mutex mutex_;
  CondVar wake_;
  bool changed_ GUARDED_BY(mutex_) = false;
  FakeEngine engine_;
  std::string uid_;
  std::unique_ptr<runtime::DockerTaskRuntime> runtime_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<ApiTaskObjects> tasks_;
  std::unique_ptr<controller::TaskController> controller_;
};

TEST_F(TaskLifeTest, RunsToItsEndWithItsExitCodeAndOutputInStatus) {
  Create(Spec({{"args", {"a", "b"}}}));
  ASSERT_TRUE(Runs());
  EXPECT_EQ(Condition("ImagePresent")["status"], "True");
  EXPECT_EQ(Condition("Active")["status"], "True");
  EXPECT_GT(Get()["status"]["hostPid"], 0);
  const json body = engine_.CreateBody(Container());
  EXPECT_EQ(body["Entrypoint"], json({"work"}));
  EXPECT_EQ(body["Cmd"], json({"a", "b"}));
  EXPECT_EQ(body["User"], "1000:1000");
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "host");
  EXPECT_EQ(body["HostConfig"]["CapDrop"], json({"ALL"}));
  EXPECT_EQ(body["HostConfig"]["SecurityOpt"], json({"no-new-privileges"}));
  engine_.Finish(Container(), 0);
  ASSERT_TRUE(Until([&] { return Condition("Complete")["status"] == "True"; }));
  const json status = Get()["status"];
  EXPECT_EQ(status["phase"], "Complete");
  EXPECT_EQ(status["exitCode"], 0);
  EXPECT_EQ(status["completions"], "1/1");
  EXPECT_THAT(status["logTail"].get<std::string>(), HasSubstr("printed by t-"));
  EXPECT_EQ(status["observedGeneration"], 1);
  engine_.ForgetMutations();
  controller_->ReconcileAll();
  EXPECT_THAT(engine_.mutations(), IsEmpty());
}

TEST_F(TaskLifeTest, AFailedRunIsTriedAgainAndThenGivenUp) {
  Create(Spec({{"backoffLimit", 1}}));
  ASSERT_TRUE(Runs());
  engine_.Finish(Container(0, 0), 3);
  ASSERT_TRUE(Until([&] { return engine_.IsRunning(Container(0, 1)); }));
  engine_.Finish(Container(0, 1), 4);
  ASSERT_TRUE(Until([&] { return Condition("Failed")["status"] == "True"; }));
  EXPECT_EQ(Condition("Failed")["reason"], "BackoffLimitExceeded");
  EXPECT_EQ(Get()["status"]["exitCode"], 4);
  EXPECT_EQ(Get()["status"]["runs"][0]["failures"], 2);
}

TEST_F(TaskLifeTest, WhatHappensIsToldAsEvents) {
  const auto told = [&] {
    std::map<std::string, std::string> notes;
    const json list = Ask("GET", kEvents);
    for (const json& event : list.at("items"))
      if (event["regarding"]["name"] == "t" && event["regarding"]["kind"] == "ContainerTask")
        notes[event["type"].get<std::string>() + " " + event["reason"].get<std::string>()] =
            event["note"];
    return notes;
  };
  Create(Spec());
  ASSERT_TRUE(Runs());
  engine_.Finish(Container(), 3);
  ASSERT_TRUE(Until([&] { return Condition("Failed")["status"] == "True" && told().size() == 4; }))
      << Ask("GET", kEvents).dump(1);
  const auto notes = told();
  EXPECT_EQ(notes.at("Normal Pulled"), "image work:1 is there");
  EXPECT_THAT(notes.at("Normal Started"), HasSubstr("run 0, try 0 runs in container "));
  EXPECT_THAT(notes.at("Warning Failed"), HasSubstr("run 0, try 0 failed with exit code 3"));
  EXPECT_THAT(notes.at("Warning BackoffLimitExceeded"), HasSubstr("the task has failed"));
}

TEST_F(TaskLifeTest, PassesOverTasksAreCounted) {
  controller::ReconcileStats stats;
  controller_ = std::make_unique<controller::TaskController>(
      *tasks_, *runtime_, Clock::System(), controller::TaskController::Options{.stats = &stats});
  Create(Spec());
  ASSERT_TRUE(Runs());
  EXPECT_THAT(
      controller::ReconcileStats::PrometheusText({{"containertask", stats}}),
      HasSubstr("controller_runtime_reconcile_errors_total{controller=\"containertask\"} 0"));
  engine_.GoAway();
  ASSERT_TRUE(Until([&] { return Condition("Active")["reason"] == "EngineUnavailable"; }));
  EXPECT_THAT(controller::ReconcileStats::PrometheusText({{"containertask", stats}}),
              ::testing::Not(HasSubstr(
                  "controller_runtime_reconcile_errors_total{controller=\"containertask\"} 0")));
}

TEST_F(TaskLifeTest, ASuspendedTaskIsCreatedAndStartedWhenItIsResumed) {
  Create(Spec({{"suspend", true}}));
  ASSERT_TRUE(Until([&] { return !engine_.containers().empty(); }));
  ASSERT_TRUE(Until([&] { return Phase() == "Suspended"; }));
  EXPECT_EQ(engine_.StartsOf(Container()), 0);
  EXPECT_EQ(Condition("Suspended")["status"], "True");
  Change({{"suspend", false}});
  ASSERT_TRUE(Runs());
}

TEST_F(TaskLifeTest, AnInactiveTaskNeverStarts) {
  Create(Spec({{"active", false}}));
  ASSERT_TRUE(Until([&] { return Phase() == "Cancelled"; }));
  EXPECT_THAT(engine_.containers(), IsEmpty());
  EXPECT_EQ(Condition("Failed")["reason"], "Cancelled");
}

TEST_F(TaskLifeTest, TheExitCodeIsCollectedThoughNoOperatorWasThere) {
  Create(Spec());
  ASSERT_TRUE(Runs());
  End();
  engine_.Finish(Container(), 7);
  engine_.GoAway();
  engine_.ComeBack();
  Restart();
  ASSERT_TRUE(Until([&] { return Phase() == "Failed"; }));
  EXPECT_EQ(Get()["status"]["exitCode"], 7);
}

TEST_F(TaskLifeTest, AnEngineThatIsAwayIsACondition) {
  Create(Spec());
  ASSERT_TRUE(Runs());
  engine_.GoAway();
  ASSERT_TRUE(Until([&] { return Condition("Active")["reason"] == "EngineUnavailable"; }));
  EXPECT_EQ(Condition("Active")["status"], "Unknown");
  engine_.ComeBack();
  ASSERT_TRUE(Until([&] { return Condition("Active")["status"] == "True"; }));
  EXPECT_EQ(engine_.StartsOf(Container()), 1);
}

TEST_F(TaskLifeTest, AContainerOfSomebodyElseIsAConflictAndLeftAlone) {
  Create(Spec());
  engine_.AddForeignContainer(Container());
  ASSERT_TRUE(Until([&] { return Condition("Active")["reason"] == "NameConflict"; }));
  EXPECT_THAT(engine_.mutations(), IsEmpty());
  Delete();
  ASSERT_TRUE(Until([&] { return IsGone(); }));
  EXPECT_THAT(engine_.containers(), ElementsAre(Container()));
}

TEST_F(TaskLifeTest, WhatCanNotBeMountedOrAllowedIsAReason) {
  const auto reason_of = [&](const json& container) {
    Create(Spec({{"container", container}}));
    EXPECT_TRUE(Until([&] {
      const std::string reason = Condition("Active")["reason"];
      return reason != "" && reason != "WaitsForImage" && reason != "Starting";
    }));
    const json active = Condition("Active");
    Delete();
    EXPECT_TRUE(Until([&] { return IsGone(); }));
    return fmt::format("{}: {}", active["reason"].get<std::string>(),
                       active["message"].get<std::string>());
  };
  EXPECT_THAT(reason_of({{"mounts", {{{"path", "/d"}, {"dataset", "d"}}}}}),
              HasSubstr("MountUnavailable: Dataset d can't be mounted"));
  EXPECT_THAT(reason_of({{"mounts", {{{"path", "/d"}, {"hostPath", "/not/there"}}}}}),
              HasSubstr("MountUnavailable: /not/there is not on"));
  EXPECT_THAT(reason_of({{"mounts", {{{"path", "/d"}, {"secret", "s"}}}}}),
              HasSubstr("MountUnavailable: there is no Secret s"));
  EXPECT_THAT(reason_of({{"user", "0"}}), HasSubstr("NotAllowed: user 0:0 would be root"));
  // Links to what is forbidden are followed.
  ASSERT_EQ(::symlink("/etc", (directory_ / "link").c_str()), 0);
  EXPECT_THAT(reason_of({{"mounts", {{{"path", "/d"}, {"hostPath", directory_ / "link"}}}}}),
              HasSubstr("NotAllowed"));
  EXPECT_THAT(engine_.mutations(), IsEmpty());
}

TEST_F(TaskLifeTest, RootIsAllowedWhereTheEngineMapsUsers) {
  engine_.MapUsers();
  Create(Spec({{"container", {{"user", "0"}}}}));
  EXPECT_TRUE(Runs());
}

TEST_F(TaskLifeTest, SecretsAreFilesForTheTasksUserAlone) {
  Ask("POST", "/api/v1/namespaces/default/secrets",
      {{"apiVersion", "v1"},
       {"kind", "Secret"},
       {"metadata", {{"name", "s"}}},
       {"stringData", {{"password", "hunter2"}}}});
  const std::string user = fmt::format("{}:{}", ::geteuid() == 0 ? 1000 : ::geteuid(), 1000);
  Create(
      Spec({{"suspend", true},
            {"container", {{"user", user}, {"mounts", {{{"path", "/run/s"}, {"secret", "s"}}}}}}}));
  const std::string folder = fmt::format("{}/tasks/{}/s", directory_ / "", uid_);
  engine_.AddHostFolder(folder);
  ASSERT_TRUE(Until([&] { return !engine_.containers().empty(); }));
  const json body = engine_.CreateBody(Container());
  EXPECT_THAT(body.dump(), ::testing::Not(HasSubstr("hunter2")));
  EXPECT_EQ(body["HostConfig"]["Mounts"][0]["Source"], folder);
  EXPECT_EQ(body["HostConfig"]["Mounts"][0]["ReadOnly"], true);
  struct stat info {};
  ASSERT_EQ(::stat((folder + "/password").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0400u);
  if (::geteuid() == 0) {
    EXPECT_EQ(info.st_uid, 1000u);
  }
  Delete();
  ASSERT_TRUE(Until([&] { return IsGone(); }));
  EXPECT_NE(::stat(folder.c_str(), &info), 0);
}

TEST_F(TaskLifeTest, ADefinitionIsHeldAsLongAsATaskUsesIt) {
  const std::string path = fmt::format("{}/containerdefinitions/d", kApi);
  Create({{"definitionRef", {{"name", "d"}}}, {"command", {"work"}}});
  ASSERT_TRUE(Until([&] { return Condition("Active")["reason"] == "DefinitionMissing"; }));
  Apply("ContainerDefinition", "containerdefinitions", "d",
        {{"image", kImage}, {"env", {{{"name", "A"}, {"value", "1"}}}}});
  ASSERT_TRUE(Until([&] { return engine_.IsRunning(Container()); }));
  EXPECT_THAT(engine_.CreateBody(Container())["Env"], ::testing::Contains("A=1"));
  ASSERT_TRUE(Until([&] { return Ask("GET", path)["status"]["usedBy"] == json({"t"}); }));
  Ask("DELETE", path);
  controller_->ReconcileAll();
  EXPECT_EQ(Ask("GET", path)["kind"], "ContainerDefinition");
  engine_.Finish(Container(), 0);
  ASSERT_TRUE(Until([&] { return Ask("GET", path)["code"] == 404; }));
}

TEST_F(TaskLifeTest, ATaskGoesSomeTimeAfterItsEnd) {
  Create(Spec({{"ttlSecondsAfterFinished", 0}}));
  ASSERT_TRUE(Runs());
  engine_.Finish(Container(), 0);
  ASSERT_TRUE(Until([&] { return IsGone(); }));
  EXPECT_THAT(engine_.containers(), IsEmpty());
}

// The operator dies after its first write of either kind, its second, ...
TEST_F(TaskLifeTest, TheSameHappensWhereverTheOperatorDies) {
  for (const bool of_the_engine : {false, true})
    for (int k = 1;; ++k) {
      SCOPED_TRACE(fmt::format("{} write {}", of_the_engine ? "engine" : "API", k));
      Create(Spec({{"backoffLimit", 1}}));
      bool died = false;
      if (of_the_engine)
        engine_.DieAfter(k);
      else
        faults_.CrashAfterWrite(k, IsTheOperators);
      const auto revive = [&] {
        if (!engine_.is_dead() && !faults_.crashed()) return;
        died = true;
        engine_.Revive();
        faults_.Restart();
        Restart();
      };
      const auto is_at = [&](const std::string& phase) {
        return !engine_.is_dead() && !faults_.crashed() && Phase() == phase;
      };
      ASSERT_TRUE(Until([&] { return engine_.IsRunning(Container(0, 0)); }, revive));
      EXPECT_EQ(engine_.StartsOf(Container(0, 0)), 1);
      engine_.Finish(Container(0, 0), 1);
      ASSERT_TRUE(Until([&] { return engine_.IsRunning(Container(0, 1)); }, revive));
      EXPECT_EQ(engine_.StartsOf(Container(0, 1)), 1);
      engine_.Finish(Container(0, 1), 0);
      ASSERT_TRUE(Until([&] { return is_at("Complete"); }, revive));
      EXPECT_THAT(engine_.containers(), ElementsAre(Container(0, 0), Container(0, 1)));
      EXPECT_EQ(Get()["status"]["runs"][0]["failures"], 1);
      Delete();
      ASSERT_TRUE(
          Until([&] { return !engine_.is_dead() && !faults_.crashed() && IsGone(); }, revive));
      EXPECT_THAT(engine_.containers(), IsEmpty());
      engine_.Revive();
      faults_.Restart();
      Restart();
      if (!died) {
        EXPECT_GT(k, 4);
        break;
      }
      ASSERT_LT(k, 100);
    }
}

TEST_F(TaskLifeTest, DeletionEndsAtAnyMoment) {
  for (int passes = 0; passes < 12; ++passes) {
    SCOPED_TRACE(passes);
    Create(Spec({{"terminationGracePeriodSeconds", 1}}));
    for (int i = 0; i < passes; ++i) controller_->ReconcileAll();
    Delete();
    ASSERT_TRUE(Until([&] { return IsGone(); }));
    EXPECT_THAT(engine_.containers(), IsEmpty());
  }
}

}  // namespace
}  // namespace headpond::operator_daemon
