// Backups from their YAML to their end: the embedded API, the controller, and masters that remember
// what they were asked for. Also with operators that die after each of their writes.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "operator/apiserver/listeners.h"
#include "operator/apiserver/testing/scripted_faults.h"
#include "operator/controller/backup_controller.h"
#include "operator/daemon/one_time_objects.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using controller::BackupAnswer;
using controller::BackupCall;
using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = BackupAnswer::State;

constexpr const char* kBackups = "/apis/headpond.dev/v1alpha1/namespaces/default/backups";

bool IsTheOperators(const http::Request& request) {
  if (request.path.ends_with("/events")) return false;  // nothing depends on them
  const auto agent = request.headers.find("user-agent");
  return agent != request.headers.end() && agent->second == kube::Client::Options().user_agent;
}

// The masters' leader. An answer comes at the second asking.
class FakeMasters final : public controller::BackupCaller {
 public:
  std::optional<Result<BackupAnswer>> Ask(const BackupCall& call) override {
    const std::string key = (call.begins ? "begin " : "look ") + call.id;
    const auto answer = answers_.find(key);
    if (answer == answers_.end()) {
      answers_.emplace(key, Do(call));
      return std::nullopt;
    }
    auto told = std::move(answer->second);
    answers_.erase(answer);
    return told;
  }
  void KeepOnly(const std::set<std::string>& ids) override { kept = ids; }
  // What an operator that died had not been told.
  void ForgetAnswers() { answers_.clear(); }
  // Another one leads, or it was started anew.
  void Lose() { running.clear(); }

  std::vector<std::string> begun;        // ids, in order
  std::map<std::string, State> running;  // by id
  std::map<std::string, Status> failed;  // likewise
  Status refusal;                        // of what would be begun
  BackupCall last;
  std::set<std::string> kept;

 private:
  Result<BackupAnswer> Do(const BackupCall& call) {
    last = call;
    if (const auto at = failed.find(call.id); at != failed.end()) return at->second;
    auto at = running.find(call.id);
    if (at == running.end()) {
      if (!call.begins) return BackupAnswer{.id = call.id};
      RETURN_IF_ERROR(refusal);
      begun.push_back(call.id);
      at = running.emplace(call.id, State::kRunning).first;
    }
    return BackupAnswer{.state = at->second,
                        .id = call.id,
                        .host = "m-1",
                        .uri = "/backups/" + call.id,
                        .entries = at->second == State::kCompleted ? 5 : 0};
  }

  std::map<std::string, Result<BackupAnswer>> answers_;
};

class BackupLifeTest : public ::testing::Test {
 protected:
  BackupLifeTest() {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api", .faults = &faults_},
                                                 Clock::System());
    EXPECT_OK(started);
    api_ = *std::move(started);
    Restart();
  }
  ~BackupLifeTest() override { End(); }

  void End() {
    controller_.reset();
    if (objects_) objects_->Stop();
    objects_.reset();
    client_.reset();
    masters_.ForgetAnswers();
  }
  // Another operator takes over from the one before.
  void Restart() {
    End();
    client_ = std::make_unique<kube::Client>(kube::AtSocket(api_->socket_path()), Clock::System());
    objects_ = std::make_unique<ApiOneTimeObjects>(
        ApiOneTimeObjects::kBackups, *client_, Clock::System(), Random(1),
        ApiOneTimeObjects::Options{}, [this] { Wake(); });
    objects_->Start();
    controller_ = std::make_unique<controller::BackupController>(
        *objects_, masters_, [this](const auto&) { return access_; }, clock_,
        controller::BackupController::Options());
  }
  void Wake() {
    MutexLock lock(mutex_);
    changed_ = true;
    wake_.NotifyAll();
  }

  json Ask(const std::string& method, const std::string& path, const json& body = nullptr) {
    return json::parse(
        api_->server()
            .Handle({.method = method, .path = path, .body = body.is_null() ? "" : body.dump()})
            .body);
  }
  void Create(json more = json::object()) {
    json spec = {{"clusterRef", {{"name", "a"}}}};
    spec.merge_patch(more);
    const json made = Ask("POST", kBackups,
                          {{"apiVersion", "headpond.dev/v1alpha1"},
                           {"kind", "Backup"},
                           {"metadata", {{"name", "b"}}},
                           {"spec", spec}});
    ASSERT_TRUE(made.contains("spec")) << made;
    uid_ = made["metadata"]["uid"];
  }
  json Get() { return Ask("GET", std::string(kBackups) + "/b"); }
  void Delete() { Ask("DELETE", std::string(kBackups) + "/b"); }
  std::string Phase() { return Get()["status"].is_object() ? Get()["status"]["phase"] : ""; }
  json Condition(const std::string& type) {
    const json status = Get()["status"];
    if (status.is_object())
      for (const json& condition : status["conditions"])
        if (condition["type"] == type) return condition;
    return {{"status", ""}, {"reason", ""}, {"message", ""}};
  }

  // Passes, with time going by as the controller asks and whatever `after_pass` does, until `done`.
  bool Until(
      const std::function<bool()>& done, const std::function<void()>& after_pass = [] {}) {
    const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
    while (std::chrono::steady_clock::now() < deadline) {
      clock_.Advance(controller_->ReconcileAll());
      if (done()) return true;
      after_pass();
      MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + milliseconds(10);
      while (!changed_ && wake_.WaitUntil(mutex_, until)) continue;
      changed_ = false;
    }
    ADD_FAILURE() << "never arrives: " << Get().dump(1);
    return false;
  }
  bool Is(const std::string& phase) {
    return Until([&] { return Phase() == phase; });
  }

  TempDirectory directory_;
  apiserver::ScriptedFaults faults_;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
  Mutex mutex_;
  CondVar wake_;
  bool changed_ GUARDED_BY(mutex_) = false;
  ManualClock clock_;
  FakeMasters masters_;
  Result<controller::MasterAccess> access_ = controller::MasterAccess{.masters = {"h:1"}};
  std::string uid_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<ApiOneTimeObjects> objects_;
  std::unique_ptr<controller::BackupController> controller_;
};

TEST_F(BackupLifeTest, IsBegunOnceAndToldOfToItsEnd) {
  Create({{"directory", "/backups"}, {"local", true}});
  ASSERT_TRUE(Is("Running"));
  EXPECT_EQ(Condition("Complete")["status"], "False");
  EXPECT_EQ(masters_.last.directory, "/backups");
  EXPECT_TRUE(masters_.last.local);
  EXPECT_THAT(masters_.last.access.masters, ElementsAre("h:1"));
  masters_.running[uid_] = State::kCompleted;
  ASSERT_TRUE(Is("Complete"));
  const json status = Get()["status"];
  EXPECT_EQ(status["backupId"], uid_);
  EXPECT_EQ(status["uri"], "/backups/" + uid_);
  EXPECT_EQ(status["host"], "m-1");
  EXPECT_EQ(status["entries"], 5);
  EXPECT_EQ(status["attempts"], 1);
  EXPECT_NE(status["startedAt"], "");
  EXPECT_NE(status["finishedAt"], "");
  EXPECT_EQ(Condition("Complete")["status"], "True");
  EXPECT_EQ(Condition("Failed")["status"], "False");
  masters_.Lose();
  clock_.Advance(std::chrono::hours(1));
  controller_->ReconcileAll();
  EXPECT_EQ(Get()["status"], status);
  EXPECT_THAT(masters_.begun, ElementsAre(uid_));
}

TEST_F(BackupLifeTest, WaitsForItsCluster) {
  access_ = NotFound("there is no CacheCluster a in namespace default");
  Create();
  ASSERT_TRUE(Until([&] { return Condition("Complete")["reason"] == "ClusterMissing"; }));
  EXPECT_THAT(Get()["status"]["message"].get<std::string>(), HasSubstr("no CacheCluster a"));
  access_ = Unavailable("no master of CacheCluster a serves");
  ASSERT_TRUE(Until([&] { return Condition("Complete")["reason"] == "ClusterNotReady"; }));
  EXPECT_THAT(masters_.begun, IsEmpty());
  access_ = controller::MasterAccess{.masters = {"h:1"}};
  ASSERT_TRUE(Is("Running"));
}

TEST_F(BackupLifeTest, WaitsWhileAnotherOneRuns) {
  masters_.refusal = FailedPrecondition("backup other is running; wait for its end");
  Create();
  ASSERT_TRUE(Until([&] { return Condition("Complete")["reason"] == "MasterBusy"; }));
  EXPECT_EQ(Phase(), "Pending");
  masters_.refusal = Status::Ok();
  ASSERT_TRUE(Is("Running"));
}

TEST_F(BackupLifeTest, WhatTheMastersRefuseIsAFailureWithTheReason) {
  masters_.refusal =
      InvalidArgument("the backup's directory s3://x is not on the root under-store");
  Create({{"directory", "s3://x"}});
  ASSERT_TRUE(Is("Failed"));
  EXPECT_EQ(Condition("Failed")["status"], "True");
  EXPECT_EQ(Condition("Failed")["reason"], "Refused");
  EXPECT_THAT(Condition("Failed")["message"].get<std::string>(),
              HasSubstr("not on the root under-store; make another Backup"));
}

TEST_F(BackupLifeTest, OneThatFailedIsBegunAgainAndGivenUp) {
  Create({{"backoffLimit", 1}});
  ASSERT_TRUE(Is("Running"));
  masters_.failed[uid_] = Aborted("backup failed: disk full");
  ASSERT_TRUE(Until([&] { return masters_.begun.size() == 2; }));
  EXPECT_THAT(masters_.begun, ElementsAre(uid_, uid_ + "-2"));
  masters_.failed[uid_ + "-2"] = Aborted("backup failed: disk full");
  ASSERT_TRUE(Is("Failed"));
  EXPECT_EQ(Condition("Failed")["reason"], "BackupFailed");
  EXPECT_THAT(Get()["status"]["message"].get<std::string>(), HasSubstr("disk full (2 attempts)"));
  EXPECT_FALSE(Get()["status"].contains("uri"));
}

TEST_F(BackupLifeTest, OneWhoseMasterIsLostIsBegunAgain) {
  Create();
  ASSERT_TRUE(Is("Running"));
  masters_.Lose();
  ASSERT_TRUE(Until([&] { return masters_.begun.size() == 2; }));
  masters_.running[uid_ + "-2"] = State::kCompleted;
  ASSERT_TRUE(Is("Complete"));
  EXPECT_EQ(Get()["status"]["attempts"], 2);
  EXPECT_EQ(Get()["status"]["uri"], "/backups/" + uid_ + "-2");
}

TEST_F(BackupLifeTest, GoesAtOnceWhenItIsDeleted) {
  Create();
  ASSERT_TRUE(Is("Running"));
  Delete();
  EXPECT_EQ(Get()["code"], 404);
  ASSERT_TRUE(Until([&] { return masters_.kept.empty(); }));
  EXPECT_THAT(masters_.begun, ElementsAre(uid_));
}

TEST_F(BackupLifeTest, PassesOverBackupsAreCounted) {
  controller::ReconcileStats stats;
  controller_ = std::make_unique<controller::BackupController>(
      *objects_, masters_, [this](const auto&) { return access_; }, clock_,
      controller::BackupController::Options{.stats = &stats});
  Create();
  ASSERT_TRUE(Is("Running"));
  EXPECT_THAT(controller::ReconcileStats::PrometheusText({{"backup", stats}}),
              HasSubstr("controller_runtime_reconcile_errors_total{controller=\"backup\"} 0"));
}

// The operator dies after its first write, its second, ...
TEST_F(BackupLifeTest, ThereIsOneBackupWhereverTheOperatorDies) {
  for (int k = 1;; ++k) {
    SCOPED_TRACE(k);
    masters_.begun.clear();
    Create();
    bool died = false;
    faults_.CrashAfterWrite(k, IsTheOperators);
    const auto revive = [&] {
      if (!faults_.crashed()) return;
      died = true;
      faults_.Restart();
      Restart();
    };
    const auto is_at = [&](const std::string& phase) {
      return !faults_.crashed() && Phase() == phase;
    };
    ASSERT_TRUE(Until([&] { return is_at("Running"); }, revive));
    masters_.running[uid_] = State::kCompleted;
    ASSERT_TRUE(Until([&] { return is_at("Complete"); }, revive));
    EXPECT_THAT(masters_.begun, ElementsAre(uid_));
    EXPECT_EQ(Get()["status"]["attempts"], 1);
    EXPECT_EQ(Get()["status"]["entries"], 5);
    Delete();
    faults_.Restart();
    Restart();
    if (!died) {
      EXPECT_GT(k, 3);  // the attempt, that it runs, that it is complete
      break;
    }
    ASSERT_LT(k, 100);
  }
}

}  // namespace
}  // namespace headpond::operator_daemon
