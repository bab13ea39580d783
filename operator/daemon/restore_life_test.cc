// Restores from their YAML to their end: the embedded API, the controllers, and daemons in memory.
// Also with operators that die after each of their writes: whatever is half done, no journal from
// before is ever lost.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/listeners.h"
#include "operator/apiserver/testing/scripted_faults.h"
#include "operator/controller/controller.h"
#include "operator/controller/restore_controller.h"
#include "operator/daemon/cluster_store.h"
#include "operator/daemon/one_time_objects.h"
#include "operator/testing/fake_runtime.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::operator_daemon {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_operator::FakeRuntime;
using testing_operator::FakeWorld;

constexpr const char* kApi = "/apis/headpond.dev/v1alpha1/namespaces/default/";
constexpr const char* kTold = "-Dalluxio.master.journal.init.from.backup=/b/x.gz";
constexpr int kMaxPasses = 1000;
constexpr int kMasters = 3;

bool IsTheOperators(const http::Request& request) {
  // Events are told by a thread of their own, and nothing hangs on them.
  if (request.path.ends_with("/events")) return false;
  const auto agent = request.headers.find("user-agent");
  return agent != request.headers.end() && agent->second == kube::Client::Options().user_agent;
}

// The API and the daemons, which outlive operators.
class Life {
 public:
  explicit Life(const json& spec = {{"master", {{"replicas", kMasters}}}}) {
    auto started = apiserver::EmbeddedApi::Start({.folder = directory_ / "api", .faults = &faults_},
                                                 Clock::System());
    EXPECT_OK(started);
    api_ = *std::move(started);
    Make("cacheclusters", "CacheCluster", "a", spec);
  }

  json Ask(const std::string& method, const std::string& path, const json& body = nullptr) {
    return json::parse(
        api_->server()
            .Handle(
                {.method = method, .path = kApi + path, .body = body.is_null() ? "" : body.dump()})
            .body);
  }
  json Make(const std::string& plural, const std::string& kind, const std::string& name,
            const json& spec) {
    json made = Ask("POST", plural,
                    {{"apiVersion", "headpond.dev/v1alpha1"},
                     {"kind", kind},
                     {"metadata", {{"name", name}}},
                     {"spec", spec}});
    EXPECT_TRUE(made.contains("spec")) << made;
    return made;
  }
  std::string Restore(const std::string& name, json more = {{"uri", "/b/x.gz"}}) {
    more["clusterRef"] = {{"name", "a"}};
    return Make("restores", "Restore", name, more)["metadata"]["uid"];
  }
  json Cluster() { return Ask("GET", "cacheclusters/a"); }
  json StatusOf(const std::string& restore) {
    const json status = Ask("GET", "restores/" + restore)["status"];
    return status.is_object() ? status : json::object();
  }
  std::string Phase(const std::string& restore) { return StatusOf(restore).value("phase", ""); }
  std::string Reason(const std::string& restore) {
    const json status = StatusOf(restore);
    for (const json& condition : status.value("conditions", json::array()))
      if (condition["type"] == "Complete") return condition["reason"];
    return "";
  }

  // Operators, one after the other, until `done`; the first dies after its k-th write. False when
  // it made fewer.
  bool RunUntil(
      const std::function<bool()>& done, int k = 0,
      const std::function<void()>& after_pass = [] {}) {
    faults_.CrashAfterWrite(k, IsTheOperators);
    bool died = false;
    for (int pass = 0; pass < kMaxPasses;) {
      kube::Client client(kube::AtSocket(api_->socket_path()), Clock::System());
      ApiClusterStore store(client, Clock::System(), Random(1), {}, [] {});
      ApiOneTimeObjects objects(ApiOneTimeObjects::kRestores, client, Clock::System(), Random(2),
                                {}, [] {});
      store.Start();
      objects.Start();
      EXPECT_TRUE(store.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
      EXPECT_TRUE(Eventually([&] { return objects.List().ok(); }));
      FakeRuntime runtime(world_, clock_);
      controller::RestoreOrders orders;
      controller::Controller controller(store, {.process = &runtime}, clock_,
                                        {.restores = &orders});
      controller::RestoreController restores(
          objects, orders, [&](const auto& key) { return controller.SiteOf(key); },
          [&](const auto& name_space, const auto& name) {
            return FindBackup(client, name_space, name);
          },
          clock_, {});
      for (; pass < kMaxPasses && !faults_.crashed(); ++pass) {
        clock_.Advance(std::min(controller.ReconcileAll(), restores.ReconcileAll()));
        EXPECT_TRUE(Eventually([&] { return faults_.crashed() || SeesAll(store, objects); }));
        after_pass();
        if (!faults_.crashed() && done()) {
          faults_.Restart();
          return died;
        }
      }
      died |= faults_.crashed();
      faults_.Restart();
    }
    ADD_FAILURE() << "never arrives: " << Cluster().dump(1) << StatusOf("r").dump(1);
    return false;
  }

  bool IsReady() {
    const json object = Cluster();
    return object["status"].is_object() && object["status"].value("phase", "") == "Ready" &&
           object["status"]["observedGeneration"] == object["metadata"]["generation"];
  }
  // Ready, with something in each journal.
  void ComeUp() {
    RunUntil([&] { return IsReady(); });
    FillJournals();
    world_.actions.clear();
  }
  void FillJournals() {
    world_.precious.clear();
    for (int i = 0; i < kMasters; ++i) world_.precious.insert(Journal(i));
  }
  static std::string Journal(int ordinal) {
    return fmt::format("/fake/a/volumes/a-master-{}", ordinal);
  }
  // Where the journals from before are, by the ends of their names.
  std::multiset<std::string> Precious() {
    std::multiset<std::string> ends;
    for (const std::string& path : world_.precious) ends.insert(path.substr(Journal(0).size()));
    return ends;
  }
  bool MastersAreTold() {
    int told = 0, masters = 0;
    for (const auto& [name, daemon] : world_.daemons) {
      if (daemon.workload.role != plan::Role::kMaster) continue;
      ++masters;
      told += std::ranges::find(daemon.workload.args, kTold) != daemon.workload.args.end();
    }
    EXPECT_TRUE(told == 0 || told == masters);
    return told > 0;
  }
  FakeWorld& world() { return world_; }

 private:
  // Whether the operator knows the present state.
  bool SeesAll(ApiClusterStore& store, ApiOneTimeObjects& objects) {
    if (store.clusters_version() < kube::VersionOf(Cluster())) return false;
    const auto listing = objects.List();
    if (!listing.ok() || !listing->complete) return false;
    const json there = Ask("GET", "restores")["items"];
    return there.size() == listing->objects.size() &&
           std::ranges::all_of(listing->objects, [&](const auto& known) {
             return std::ranges::any_of(there, [&](const json& one) {
               return kube::VersionOf(one) == kube::VersionOf(*known);
             });
           });
  }

  TempDirectory directory_;
  ManualClock clock_;
  FakeWorld world_;
  apiserver::ScriptedFaults faults_;
  std::unique_ptr<apiserver::EmbeddedApi> api_;
};

TEST(RestoreLifeTest, MastersBeginAnewAndWorkersStay) {
  Life life;
  life.ComeUp();
  const std::string uid = life.Restore("r");
  bool progressed = false;
  life.RunUntil([&] { return life.Phase("r") == "Complete" && life.IsReady(); }, 0,
                [&] {
                  const json cluster = life.Cluster();
                  for (const json& condition : cluster["status"]["conditions"])
                    progressed |= condition["type"] == "Progressing" &&
                                  condition["status"] == "True" &&
                                  condition["reason"] == "Restoring";
                });
  EXPECT_TRUE(progressed);
  EXPECT_TRUE(life.MastersAreTold());
  const std::string aside = ".before-restore-" + uid;
  EXPECT_THAT(life.Precious(), ElementsAre(aside, aside, aside));
  for (const std::string& action : life.world().actions)
    EXPECT_THAT(action, Not(HasSubstr("worker")));
  const json record = life.Cluster()["status"]["restore"];
  EXPECT_EQ(record["step"], "Complete");
  EXPECT_EQ(record["uid"], uid);
  EXPECT_EQ(record["uri"], "/b/x.gz");
  EXPECT_EQ(life.StatusOf("r")["uri"], "/b/x.gz");

  // It is done once, and a change of the spec replaces masters one by one, still told.
  life.world().actions.clear();
  json changed = life.Cluster();
  changed["spec"]["properties"] = {{"alluxio.user.file.buffer.bytes", "2MB"}};
  life.Ask("PUT", "cacheclusters/a", changed);
  life.RunUntil([&] { return life.IsReady(); });
  EXPECT_TRUE(life.MastersAreTold());
  EXPECT_THAT(life.world().actions, Not(Contains(HasSubstr("aside"))));
}

TEST(RestoreLifeTest, WhatTheMastersCantReadIsTakenBack) {
  Life life;
  life.ComeUp();
  life.world().misbehaving[std::string(kTold).substr(2)] = FakeWorld::kCrash;
  const std::string uid = life.Restore("r");
  life.RunUntil([&] { return life.Phase("r") == "Failed" && life.IsReady(); });
  EXPECT_THAT(life.Precious(), ElementsAre("", "", ""));
  EXPECT_FALSE(life.MastersAreTold());
  EXPECT_EQ(life.Reason("r"), "RestoreFailed");
  EXPECT_THAT(life.StatusOf("r")["message"].get<std::string>(),
              HasSubstr("the masters can't begin with /b/x.gz: a-master-0 exited with code 1"));
  EXPECT_TRUE(life.world().volumes.contains(Life::Journal(0) + ".failed-restore-" + uid));
}

TEST(RestoreLifeTest, MastersThatDontServeInTimeAreTakenBack) {
  Life life;
  life.ComeUp();
  life.world().misbehaving[std::string(kTold).substr(2)] = FakeWorld::kSilent;
  life.Restore("r", {{"uri", "/b/x.gz"}, {"deadlineSeconds", 30}});
  life.RunUntil([&] { return life.Phase("r") == "Failed" && life.IsReady(); });
  EXPECT_THAT(life.Precious(), ElementsAre("", "", ""));
  EXPECT_THAT(life.StatusOf("r")["message"].get<std::string>(),
              HasSubstr("Starting took longer than 30 s"));
}

TEST(RestoreLifeTest, OneAtATimeHasTheCluster) {
  Life life;
  life.ComeUp();
  life.Restore("r");
  life.Restore("s", {{"uri", "/b/y.gz"}});
  bool was_busy = false;
  life.RunUntil([&] { return life.Phase("s") == "Complete" && life.IsReady(); }, 0,
                [&] { was_busy |= life.Reason("s") == "Busy"; });
  EXPECT_TRUE(was_busy);
  EXPECT_EQ(life.Phase("r"), "Complete");
  EXPECT_EQ(life.Cluster()["status"]["restore"]["name"], "s");
}

TEST(RestoreLifeTest, WaitsForItsClusterAndItsBackup) {
  Life life(json{{"paused", true}});
  life.Restore("r", {{"backupRef", {{"name", "b"}}}});
  life.RunUntil([&] { return life.Reason("r") == "BackupMissing"; });
  life.Make("backups", "Backup", "b", {{"clusterRef", {{"name", "a"}}}});
  life.RunUntil([&] { return life.Reason("r") == "BackupNotComplete"; });
  json backup = life.Ask("GET", "backups/b");
  backup["status"] = {{"phase", "Complete"}, {"uri", "/b/x.gz"}};
  life.Ask("PUT", "backups/b/status", backup);
  life.RunUntil([&] { return life.Reason("r") == "ClusterPaused"; });
  EXPECT_THAT(life.world().actions, IsEmpty());
  json cluster = life.Cluster();
  cluster["spec"]["paused"] = false;
  life.Ask("PUT", "cacheclusters/a", cluster);
  life.RunUntil([&] { return life.Phase("r") == "Complete" && life.IsReady(); });
  EXPECT_TRUE(life.MastersAreTold());
}

TEST(RestoreLifeTest, WhatCantBeRestoredInPlaceIsRefused) {
  Life life;
  life.ComeUp();
  life.world().moves_journals = false;
  life.Restore("r");
  life.RunUntil([&] { return life.Phase("r") == "Failed"; });
  EXPECT_EQ(life.Reason("r"), "RuntimeNotSupported");
  life.world().moves_journals = true;
  json cluster = life.Cluster();
  cluster["spec"]["properties"] = {{"alluxio.zookeeper.enabled", "true"}};
  life.Ask("PUT", "cacheclusters/a", cluster);
  life.Restore("s");
  life.RunUntil([&] { return life.Phase("s") == "Failed"; });
  EXPECT_EQ(life.Reason("s"), "JournalNotOwned");
  EXPECT_THAT(life.world().actions, Not(Contains(HasSubstr("aside"))));
}

// The operator dies after its first write, its second, ..., of restores that end either way.
TEST(RestoreLifeTest, NoJournalIsLostWhereverTheOperatorDies) {
  for (const bool readable : {true, false}) {
    Life life({{"worker", {{"replicas", 0}}}, {"master", {{"replicas", kMasters}}}});
    life.RunUntil([&] { return life.IsReady(); });
    if (!readable) life.world().misbehaving[std::string(kTold).substr(2)] = FakeWorld::kCrash;
    const std::string end = readable ? "Complete" : "Failed";
    for (int k = 1;; ++k) {
      SCOPED_TRACE(fmt::format("readable {} k {}", readable, k));
      life.FillJournals();
      const std::string uid = life.Restore("r");
      const bool died =
          life.RunUntil([&] { return life.Phase("r") == end && life.IsReady(); }, k,
                        [&] { ASSERT_EQ(life.world().precious.size(), size_t{kMasters}); });
      const std::string where = readable ? ".before-restore-" + uid : "";
      EXPECT_THAT(life.Precious(), ElementsAre(where, where, where));
      EXPECT_EQ(life.MastersAreTold(), readable);
      EXPECT_EQ(life.Cluster()["status"]["restore"]["step"], end);
      EXPECT_EQ(life.Cluster()["status"]["restore"]["uid"], uid);
      life.Ask("DELETE", "restores/r");
      if (!died) {
        EXPECT_GT(k, 6);  // it is accepted, four steps or six, it is told
        break;
      }
      ASSERT_LT(k, 200);
    }
  }
}

}  // namespace
}  // namespace headpond::operator_daemon
