#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "operator/plan/restore.h"
#include "operator/runtime/runtime.h"
#include "testing/status_matchers.h"

namespace headpond::runtime {

// What a runtime's test provides so that the suite can drive it.
class RuntimeHarness {
 public:
  virtual ~RuntimeHarness() = default;
  // A runtime over the same world; a second one after the first is gone is the operator after its
  // restart.
  virtual std::unique_ptr<Runtime> Make() = 0;
  // A daemon that behaves: serves soon, ends on request.
  virtual plan::Workload Good(plan::Role role, int ordinal) = 0;
  // One that ends with an error right after its start; one that ignores the request to end (grace 1
  // s).
  virtual plan::Workload Crashing(plan::Role role, int ordinal) = 0;
  virtual plan::Workload Stubborn(plan::Role role, int ordinal) = 0;
  // One that runs and never serves.
  virtual plan::Workload Silent(plan::Role role, int ordinal) = 0;
  // kill -9 by somebody else.
  virtual void KillBehindItsBack(const plan::ObservedWorkload& workload) = 0;
  // Makes starts of the workload fail; the returned object ends that.
  virtual std::shared_ptr<void> BlockStart(const plan::Workload& workload) = 0;
  // A file of the user in the workload's first volume, and whether it is still there.
  virtual void WriteData(const plan::Workload& workload) = 0;
  virtual bool HasData(const plan::Workload& workload) = 0;
  // A master that behaves and whose journal can be set aside, with its data in the journal; nothing
  // where none can.
  virtual std::optional<plan::Workload> WithMovableJournal() {
    return Good(plan::Role::kMaster, 0);
  }
};

// INSTANTIATE_TEST_SUITE_P(Process, RuntimeConformance, Values([] { return std::make_unique<...>();
// }));
using HarnessFactory = std::function<std::unique_ptr<RuntimeHarness>()>;

class RuntimeConformance : public ::testing::TestWithParam<HarnessFactory> {
 protected:
  static constexpr std::chrono::seconds kDeadline{30};

  RuntimeConformance() : harness_(GetParam()()) { Restart(); }
  ~RuntimeConformance() override {
    // Leaves no daemon behind, whatever the test did.
    WaitFor([&](const plan::ObservedCluster& cluster) {
      for (const auto& workload : cluster.workloads) {
        if (workload.phase == plan::Phase::kRunning) (void)runtime_->Stop(cluster_, workload.name);
        if (workload.phase == plan::Phase::kExited) (void)runtime_->Remove(cluster_, workload.name);
      }
      return cluster.workloads.empty();
    });
  }

  void Restart() {
    runtime_.reset();
    changes_ = std::make_shared<Changes>();
    runtime_ = harness_->Make();
    runtime_->OnChange([changes = changes_] { changes->Note(); });
  }

  // Observes until `done`; between looks waits for a change, at most 50 ms (a daemon that begins to
  // serve is no event).
  bool WaitFor(const std::function<bool(const plan::ObservedCluster&)>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto observed = runtime_->Observe(cluster_);
      if (!observed.ok()) {
        ADD_FAILURE() << observed.status().ToString();
        return false;
      }
      last_ = *observed;
      if (done(last_)) return true;
      changes_->Wait(std::chrono::milliseconds(50));
    }
    return false;
  }

  const plan::ObservedWorkload* Find(const std::string& name) const {
    for (const auto& workload : last_.workloads)
      if (workload.name == name) return &workload;
    return nullptr;
  }
  bool WaitUntilServing(const std::string& name) {
    return WaitFor([&](const auto&) { return Find(name) != nullptr && Find(name)->serving; });
  }
  bool WaitUntilExited(const std::string& name) {
    return WaitFor([&](const auto&) {
      return Find(name) != nullptr && Find(name)->phase == plan::Phase::kExited;
    });
  }

  void ServeThenStop(const plan::Workload& workload) {
    ASSERT_OK(runtime_->Start(cluster_, workload));
    ASSERT_TRUE(WaitUntilServing(workload.name));
    EXPECT_EQ(Find(workload.name)->proven_hash, workload.ConfigHash());
    ASSERT_OK(runtime_->Stop(cluster_, workload.name));
    ASSERT_TRUE(WaitUntilExited(workload.name));
  }

  class Changes {
   public:
    void Note() {
      MutexLock lock(mutex_);
      noted_ = true;
      changed_.NotifyAll();
    }
    void Wait(std::chrono::milliseconds limit) {
      const auto deadline = std::chrono::steady_clock::now() + limit;
      MutexLock lock(mutex_);
      while (!noted_ && changed_.WaitUntil(mutex_, deadline)) continue;
      noted_ = false;
    }

   private:
    Mutex mutex_;
    CondVar changed_;
    bool noted_ GUARDED_BY(mutex_) = false;
  };

  const ClusterRef cluster_{"default", "demo", "uid-1"};
  std::unique_ptr<RuntimeHarness> harness_;
  std::shared_ptr<Changes> changes_;
  std::unique_ptr<Runtime> runtime_;
  plan::ObservedCluster last_;
};

TEST_P(RuntimeConformance, AnUnknownClusterHasNothing) {
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime_->Observe(cluster_));
  EXPECT_TRUE(observed.workloads.empty());
  EXPECT_FALSE(observed.has_data);
  EXPECT_THAT(runtime_->Stop(cluster_, "nobody"), StatusIs(Code::kNotFound));
  EXPECT_OK(runtime_->Remove(cluster_, "nobody"));
  EXPECT_OK(runtime_->DeleteData(cluster_));
}

TEST_P(RuntimeConformance, ADaemonRunsServesStopsAndIsForgotten) {
  const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_TRUE(WaitUntilServing(master.name));
  EXPECT_EQ(Find(master.name)->phase, plan::Phase::kRunning);
  EXPECT_EQ(Find(master.name)->role, plan::Role::kMaster);
  EXPECT_EQ(Find(master.name)->config_hash, master.ConfigHash());
  EXPECT_TRUE(last_.has_data);
  EXPECT_THAT(runtime_->Start(cluster_, master), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(runtime_->Remove(cluster_, master.name), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(runtime_->DeleteData(cluster_), StatusIs(Code::kFailedPrecondition));

  ASSERT_OK(runtime_->Stop(cluster_, master.name));
  ASSERT_TRUE(WaitUntilExited(master.name));
  EXPECT_EQ(Find(master.name)->crashes, 0);
  EXPECT_FALSE(Find(master.name)->serving);
  ASSERT_OK(runtime_->Remove(cluster_, master.name));
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime_->Observe(cluster_));
  EXPECT_TRUE(observed.workloads.empty());
  EXPECT_TRUE(observed.has_data);
}

TEST_P(RuntimeConformance, ACrashIsReportedWithItsReasonAndCounted) {
  const plan::Workload worker = harness_->Crashing(plan::Role::kWorker, 0);
  ASSERT_OK(runtime_->Start(cluster_, worker));
  ASSERT_TRUE(WaitUntilExited(worker.name));
  EXPECT_EQ(Find(worker.name)->crashes, 1);
  EXPECT_EQ(Find(worker.name)->reason, "Crashed");
  EXPECT_THAT(Find(worker.name)->message, ::testing::HasSubstr("exited with code 1"));
  ASSERT_OK(runtime_->Start(cluster_, worker));
  ASSERT_TRUE(WaitUntilExited(worker.name));
  EXPECT_EQ(Find(worker.name)->crashes, 2);
}

TEST_P(RuntimeConformance, AnotherConfigurationCountsCrashesAnew) {
  plan::Workload worker = harness_->Crashing(plan::Role::kWorker, 0);
  ASSERT_OK(runtime_->Start(cluster_, worker));
  ASSERT_TRUE(WaitUntilExited(worker.name));
  worker.args.emplace_back("-Dalluxio.some.key=other");
  ASSERT_OK(runtime_->Start(cluster_, worker));
  ASSERT_TRUE(WaitUntilExited(worker.name));
  EXPECT_EQ(Find(worker.name)->crashes, 1);
}

TEST_P(RuntimeConformance, WhatServedIsPutBackInPlaceOfWhatCrashes) {
  const plan::Workload good = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_NO_FATAL_FAILURE(ServeThenStop(good));
  const plan::Workload crashing = harness_->Crashing(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, crashing));
  ASSERT_TRUE(WaitUntilExited(good.name));
  EXPECT_EQ(Find(good.name)->config_hash, crashing.ConfigHash());
  EXPECT_EQ(Find(good.name)->proven_hash, good.ConfigHash());
  EXPECT_FALSE(Find(good.name)->start_failed);

  const plan::Refusal refusal{crashing.ConfigHash(), 7, 123, "Crashed", "exited with code 1"};
  ASSERT_OK(runtime_->Restore(cluster_, good.name, refusal));
  Restart();
  ASSERT_TRUE(WaitUntilServing(good.name));
  EXPECT_EQ(Find(good.name)->config_hash, good.ConfigHash());
  EXPECT_EQ(Find(good.name)->crashes, 0);
  EXPECT_EQ(Find(good.name)->refusal, refusal);
  EXPECT_THAT(runtime_->Restore(cluster_, good.name, refusal), StatusIs(Code::kFailedPrecondition));
}

TEST_P(RuntimeConformance, WhatNeverServesIsEndedBeforeTheProvenConfigurationRuns) {
  const plan::Workload good = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_NO_FATAL_FAILURE(ServeThenStop(good));
  const plan::Workload silent = harness_->Silent(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, silent));
  ASSERT_TRUE(WaitFor([&](const auto&) {
    return Find(good.name) != nullptr && Find(good.name)->phase == plan::Phase::kRunning;
  }));
  const plan::Refusal refusal{silent.ConfigHash(), 7, 123, "NotServing", "did not serve"};
  ASSERT_OK(runtime_->Restore(cluster_, good.name, refusal));
  Restart();
  ASSERT_TRUE(WaitUntilExited(good.name));
  EXPECT_EQ(Find(good.name)->refusal, refusal);
  EXPECT_EQ(Find(good.name)->proven_hash, good.ConfigHash());
  ASSERT_OK(runtime_->Restore(cluster_, good.name, std::nullopt));
  ASSERT_TRUE(WaitUntilServing(good.name));
  EXPECT_EQ(Find(good.name)->config_hash, good.ConfigHash());
  EXPECT_EQ(Find(good.name)->refusal, refusal);
}

TEST_P(RuntimeConformance, AStartThatFailsLeavesAWayBack) {
  const plan::Workload good = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_NO_FATAL_FAILURE(ServeThenStop(good));
  auto obstacle = harness_->BlockStart(good);
  plan::Workload changed = good;
  changed.args.emplace_back("-Dalluxio.some.key=other");
  EXPECT_FALSE(runtime_->Start(cluster_, changed).ok());
  ASSERT_TRUE(WaitUntilExited(good.name));
  EXPECT_TRUE(Find(good.name)->start_failed);
  EXPECT_EQ(Find(good.name)->config_hash, changed.ConfigHash());
  EXPECT_EQ(Find(good.name)->proven_hash, good.ConfigHash());
  obstacle.reset();
  ASSERT_OK(runtime_->Restore(cluster_, good.name, std::nullopt));
  ASSERT_TRUE(WaitUntilServing(good.name));
  EXPECT_EQ(Find(good.name)->config_hash, good.ConfigHash());
}

TEST_P(RuntimeConformance, ThereIsNoWayBackToWhatNeverServed) {
  const plan::Workload crashing = harness_->Crashing(plan::Role::kMaster, 0);
  EXPECT_THAT(runtime_->Restore(cluster_, crashing.name, std::nullopt), StatusIs(Code::kNotFound));
  ASSERT_OK(runtime_->Start(cluster_, crashing));
  ASSERT_TRUE(WaitUntilExited(crashing.name));
  EXPECT_EQ(Find(crashing.name)->proven_hash, "");
  EXPECT_THAT(runtime_->Restore(cluster_, crashing.name, std::nullopt), StatusIs(Code::kNotFound));
}

TEST_P(RuntimeConformance, NoticesADaemonKilledBySomebodyElse) {
  const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_TRUE(WaitUntilServing(master.name));
  harness_->KillBehindItsBack(*Find(master.name));
  ASSERT_TRUE(WaitUntilExited(master.name));
  EXPECT_EQ(Find(master.name)->crashes, 1);
}

TEST_P(RuntimeConformance, KillsWhatOutlivesItsGracePeriod) {
  const plan::Workload master = harness_->Stubborn(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_TRUE(WaitUntilServing(master.name));
  ASSERT_OK(runtime_->Stop(cluster_, master.name));
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime_->Observe(cluster_));
  EXPECT_EQ(observed.workloads.at(0).phase, plan::Phase::kStopping);
  EXPECT_TRUE(observed.due_at_ms.has_value());
  ASSERT_TRUE(WaitUntilExited(master.name));
  EXPECT_EQ(Find(master.name)->crashes, 0) << "an end that was asked for is no crash";
}

TEST_P(RuntimeConformance, ANewOperatorFindsWhatRuns) {
  const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_TRUE(WaitUntilServing(master.name));
  const int pid = Find(master.name)->pid;
  Restart();
  ASSERT_TRUE(WaitUntilServing(master.name));
  EXPECT_EQ(Find(master.name)->pid, pid);
  EXPECT_EQ(Find(master.name)->config_hash, master.ConfigHash());
  harness_->KillBehindItsBack(*Find(master.name));
  ASSERT_TRUE(WaitUntilExited(master.name));
  EXPECT_EQ(Find(master.name)->crashes, 1);
}

TEST_P(RuntimeConformance, ANewOperatorGoesOnStopping) {
  const plan::Workload master = harness_->Stubborn(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_TRUE(WaitUntilServing(master.name));
  ASSERT_OK(runtime_->Stop(cluster_, master.name));
  Restart();
  ASSERT_TRUE(WaitUntilExited(master.name));
  EXPECT_EQ(Find(master.name)->crashes, 0);
}

// Where daemons listen on the host's ports; there BlockStart puts something foreign where the
// workload's first port is.
class SharedPortsConformance : public RuntimeConformance {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedPortsConformance);

TEST_P(SharedPortsConformance, ATakenPortStopsTheStartAndIsNamed) {
  const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
  auto occupant = harness_->BlockStart(master);
  EXPECT_THAT(
      runtime_->Start(cluster_, master),
      StatusIs(Code::kFailedPrecondition,
               ::testing::AllOf(::testing::HasSubstr(std::to_string(master.ports[0].number)),
                                ::testing::HasSubstr(master.ports[0].field))));
  ASSERT_TRUE(WaitUntilExited(master.name));
  EXPECT_EQ(Find(master.name)->reason, "PortInUse");
  EXPECT_EQ(Find(master.name)->crashes, 1);
  occupant.reset();
  ASSERT_OK(runtime_->Start(cluster_, master));
  ASSERT_TRUE(WaitUntilServing(master.name));
}

TEST_P(RuntimeConformance, DataOutlivesDaemonsUntilItIsDeleted) {
  const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  harness_->WriteData(master);
  ASSERT_OK(runtime_->Stop(cluster_, master.name));
  ASSERT_TRUE(WaitUntilExited(master.name));
  ASSERT_OK(runtime_->Remove(cluster_, master.name));
  EXPECT_TRUE(harness_->HasData(master));
  ASSERT_OK(runtime_->Start(cluster_, master));
  EXPECT_TRUE(harness_->HasData(master));
  ASSERT_OK(runtime_->Stop(cluster_, master.name));
  ASSERT_TRUE(WaitUntilExited(master.name));
  ASSERT_OK(runtime_->Remove(cluster_, master.name));
  ASSERT_OK(runtime_->DeleteData(cluster_));
  EXPECT_FALSE(harness_->HasData(master));
  ASSERT_OK_AND_ASSIGN(const auto observed, runtime_->Observe(cluster_));
  EXPECT_FALSE(observed.has_data);
  EXPECT_OK(runtime_->DeleteData(cluster_));
}

TEST_P(RuntimeConformance, AJournalIsSetAsideAndPutBack) {
  const auto movable = harness_->WithMovableJournal();
  if (!movable) {
    const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
    const Status refusal = runtime_->CanSetAside(cluster_, master);
    EXPECT_THAT(refusal, StatusIs(Code::kFailedPrecondition,
                                  ::testing::HasSubstr("spec.bootstrap.fromBackup")));
    EXPECT_EQ(runtime_->SetAside(cluster_, master, "t"), refusal);
    EXPECT_EQ(runtime_->PutBack(cluster_, master, "t"), refusal);
    return;
  }
  const plan::Workload& master = *movable;
  EXPECT_OK(runtime_->CanSetAside(cluster_, master));
  const std::string aside = plan::SetAsidePath(plan::JournalOf(master)->path, "t");
  ClusterRef watching = cluster_;
  watching.watched_folders = {aside};
  const auto is_aside = [&] {
    const auto observed = runtime_->Observe(watching);
    return observed.ok() && observed->folders.contains(aside);
  };
  const auto run = [&](const std::function<void()>& meanwhile) {
    ASSERT_OK(runtime_->Start(cluster_, master));
    ASSERT_TRUE(WaitUntilServing(master.name));
    meanwhile();
    ASSERT_OK(runtime_->Stop(cluster_, master.name));
    ASSERT_TRUE(WaitUntilExited(master.name));
    ASSERT_OK(runtime_->Remove(cluster_, master.name));
  };
  ASSERT_NO_FATAL_FAILURE(run([&] {
    harness_->WriteData(master);
    EXPECT_THAT(runtime_->SetAside(cluster_, master, "t"), StatusIs(Code::kFailedPrecondition));
  }));
  ASSERT_OK(runtime_->PutBack(cluster_, master, "t"));  // nothing was set aside
  EXPECT_TRUE(harness_->HasData(master));
  EXPECT_FALSE(is_aside());

  ASSERT_OK(runtime_->SetAside(cluster_, master, "t"));
  EXPECT_FALSE(harness_->HasData(master));
  EXPECT_TRUE(is_aside());
  ASSERT_OK(runtime_->SetAside(cluster_, master, "t"));
  ASSERT_NO_FATAL_FAILURE(run([] {}));
  Restart();
  EXPECT_TRUE(is_aside());

  ASSERT_OK(runtime_->PutBack(cluster_, master, "t"));
  EXPECT_TRUE(harness_->HasData(master));
  EXPECT_FALSE(is_aside());
  ASSERT_OK(runtime_->PutBack(cluster_, master, "t"));
  EXPECT_TRUE(harness_->HasData(master));
  ASSERT_NO_FATAL_FAILURE(run([] {}));
}

TEST_P(RuntimeConformance, AMasterWithoutAJournalIsPutBackWithoutOne) {
  const auto movable = harness_->WithMovableJournal();
  if (!movable) return;
  ASSERT_OK(runtime_->SetAside(cluster_, *movable, "t"));
  ASSERT_OK(runtime_->Start(cluster_, *movable));
  harness_->WriteData(*movable);
  ASSERT_OK(runtime_->Stop(cluster_, movable->name));
  ASSERT_TRUE(WaitUntilExited(movable->name));
  ASSERT_OK(runtime_->Remove(cluster_, movable->name));
  ASSERT_OK(runtime_->PutBack(cluster_, *movable, "t"));
  EXPECT_FALSE(harness_->HasData(*movable));
  ASSERT_OK(runtime_->Start(cluster_, *movable));
  ASSERT_TRUE(WaitUntilServing(movable->name));
}

TEST_P(RuntimeConformance, AnotherClustersDataIsNeverTouched) {
  const plan::Workload master = harness_->Good(plan::Role::kMaster, 0);
  ASSERT_OK(runtime_->Start(cluster_, master));
  harness_->WriteData(master);
  ASSERT_OK(runtime_->Stop(cluster_, master.name));
  ASSERT_TRUE(WaitUntilExited(master.name));
  ASSERT_OK(runtime_->Remove(cluster_, master.name));

  const ClusterRef impostor{cluster_.name_space, cluster_.name, "uid-2"};
  EXPECT_THAT(runtime_->Start(impostor, master),
              StatusIs(Code::kFailedPrecondition, ::testing::HasSubstr("another cluster")));
  EXPECT_OK(runtime_->Remove(impostor, master.name));
  EXPECT_OK(runtime_->DeleteData(impostor));
  EXPECT_FALSE(runtime_->SetAside(impostor, master, "t").ok());
  EXPECT_TRUE(harness_->HasData(master));
}

}  // namespace headpond::runtime
