#include "operator/plan/task.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

#include "base/random.h"

namespace headpond::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'000'000;
constexpr int64_t kSecond = 1000;

// What containers and time do to a task, without an engine.
class World {
 public:
  explicit World(api::ContainerTaskSpec spec) { desired_.spec = std::move(spec); }

  // One look and what follows from it; the descriptions of the actions.
  std::vector<std::string> Step() {
    ObservedTask observed = observed_;
    for (const auto& [of, container] : containers_) observed.containers.push_back(container);
    const TaskDecision decision = DecideTask(desired_, observed, state_, now_ms_, {});
    state_ = decision.state;
    due_at_ms_ = decision.due_at_ms;
    std::vector<std::string> done;
    for (const TaskAction& action : decision.actions) {
      done.push_back(Describe(action));
      Do(action);
    }
    return done;
  }
  // Until nothing is done any more; what was done.
  std::vector<std::string> Settle() {
    std::vector<std::string> all;
    for (int pass = 0; pass < 100; ++pass) {
      const auto done = Step();
      const bool stops = done.size() == 1 && done[0].starts_with("stop ");
      if (done.empty() || stops) {
        all.insert(all.end(), done.begin(), done.end());
        return all;
      }
      all.insert(all.end(), done.begin(), done.end());
    }
    ADD_FAILURE() << "never settles";
    return all;
  }
  void Finish(TaskAttempt of, int exit_code) {
    ObservedContainer& container = containers_.at(of);
    container.state = ContainerState::kExited;
    container.exit_code = exit_code;
    container.pid = 0;
    container.finished_at_ms = now_ms_;
  }
  void Lose(TaskAttempt of) { containers_.erase(of); }
  void Advance(int64_t ms) { now_ms_ += ms; }

  DesiredTask& desired() { return desired_; }
  ObservedTask& observed() { return observed_; }
  TaskState& state() { return state_; }
  std::map<TaskAttempt, ObservedContainer>& containers() { return containers_; }
  int64_t now_ms() const { return now_ms_; }
  std::optional<int64_t> due_at_ms() const { return due_at_ms_; }
  int running() const {
    int count = 0;
    for (const auto& [of, container] : containers_)
      count += container.state == ContainerState::kRunning ? 1 : 0;
    return count;
  }

 private:
  void Do(const TaskAction& action) {
    switch (action.kind) {
      case TaskActionKind::kFetch:
        observed_.image = ObservedImage{.state = ImageState::kPresent, .changed_at_ms = now_ms_};
        return;
      case TaskActionKind::kCreate:
        EXPECT_TRUE(observed_.image && observed_.image->state == ImageState::kPresent);
        EXPECT_FALSE(containers_.contains(action.of)) << "made twice";
        containers_[action.of] = {.of = action.of,
                                  .id = fmt::format("c{}-{}", action.of.index, action.of.attempt)};
        return;
      case TaskActionKind::kStart: {
        ObservedContainer& container = containers_.at(action.of);
        EXPECT_EQ(container.state, ContainerState::kCreated) << "started twice";
        EXPECT_FALSE(desired_.spec.suspend || !desired_.spec.active);
        container.state = ContainerState::kRunning;
        container.pid = 7;
        container.started_at_ms = now_ms_;
        return;
      }
      case TaskActionKind::kStop: return;
      case TaskActionKind::kKill: return Finish(action.of, 137);
      case TaskActionKind::kRemove:
        EXPECT_NE(containers_.at(action.of).state, ContainerState::kRunning);
        containers_.erase(action.of);
        return;
      case TaskActionKind::kDelete: desired_.deleting = true; return;
      case TaskActionKind::kRelease: return;
    }
  }

  DesiredTask desired_;
  ObservedTask observed_;
  TaskState state_;
  std::map<TaskAttempt, ObservedContainer> containers_;
  int64_t now_ms_ = kNow;
  std::optional<int64_t> due_at_ms_;
};

constexpr const char* kFetch = "fetch the image (the image was not looked for)";
constexpr const char* kCreate = "create run 0, attempt 0 (is not there)";
constexpr const char* kStart = "start run 0, attempt 0 (is due)";

TEST(TaskPlanTest, AnImageIsThereBeforeTheContainerAndTheContainerBeforeItsStart) {
  World world({});
  EXPECT_THAT(world.Step(), ElementsAre(kFetch));
  EXPECT_THAT(world.Step(), ElementsAre(kCreate));
  EXPECT_THAT(world.Step(), ElementsAre(kStart));
  EXPECT_THAT(world.Step(), IsEmpty());
  world.Finish({0, 0}, 0);
  EXPECT_THAT(world.Step(), IsEmpty());
  EXPECT_TRUE(world.state().complete());
  EXPECT_EQ(world.state().runs.at(0).exit_code, 0);
}

TEST(TaskPlanTest, APullCostsNothingOfTheDeadline) {
  World world({.active_deadline_seconds = 5});
  world.observed().image = ObservedImage{.state = ImageState::kFetching, .changed_at_ms = kNow};
  EXPECT_THAT(world.Step(), IsEmpty());
  world.Advance(3600 * kSecond);
  EXPECT_THAT(world.Step(), IsEmpty());
  world.observed().image->state = ImageState::kPresent;
  EXPECT_THAT(world.Settle(), ElementsAre(kCreate, kStart));
  EXPECT_EQ(world.due_at_ms(), world.now_ms() + 5 * kSecond);
}

TEST(TaskPlanTest, AnImageThatCanNotBeHadIsTriedAgainLaterAndLater) {
  World world({});
  world.observed().image = ObservedImage{
      .state = ImageState::kFailed, .changed_at_ms = kNow, .failures = 2, .reason = "X"};
  EXPECT_THAT(world.Step(), IsEmpty());
  EXPECT_EQ(world.due_at_ms(), kNow + 10 * kSecond);
  world.Advance(10 * kSecond);
  EXPECT_THAT(world.Step(), ElementsAre("fetch the image (the image could not be had)"));
}

TEST(TaskPlanTest, PolicyAlwaysPullsForEachTask) {
  World world({});
  world.desired().pull_policy = api::PullPolicy::kAlways;
  world.desired().created_at_ms = kNow;
  world.observed().image =
      ObservedImage{.state = ImageState::kPresent, .changed_at_ms = kNow - kSecond};
  EXPECT_THAT(world.Step(), ElementsAre("fetch the image (the image is pulled for every task)"));
  EXPECT_THAT(world.Step(), ElementsAre(kCreate));
}

TEST(TaskPlanTest, ASuspendedTaskIsMadeAndStartsWhenItIsResumed) {
  World world({.suspend = true});
  EXPECT_THAT(world.Settle(), ElementsAre(kFetch, kCreate));
  EXPECT_EQ(world.running(), 0);
  world.desired().spec.suspend = false;
  EXPECT_THAT(world.Settle(), ElementsAre(kStart));
}

TEST(TaskPlanTest, ATaskThatIsInactiveBeforeItsStartNeverStarts) {
  World world({.suspend = true});
  world.Settle();
  world.desired().spec.active = false;
  world.desired().spec.suspend = false;
  EXPECT_THAT(world.Settle(), ElementsAre("remove run 0, attempt 0 (the task ends)"));
  EXPECT_TRUE(world.state().finished());
  EXPECT_EQ(world.state().ending, "Cancelled");
  // And it stays so.
  world.desired().spec.active = true;
  EXPECT_THAT(world.Settle(), IsEmpty());
}

TEST(TaskPlanTest, CancellingStopsWhatRunsAndKillsItWhenItDoesNot) {
  World world({.termination_grace_period_seconds = 2});
  world.Settle();
  world.desired().spec.active = false;
  EXPECT_THAT(world.Step(), ElementsAre("stop run 0, attempt 0 (shall not run)"));
  EXPECT_EQ(world.due_at_ms(), kNow + 2 * kSecond);
  EXPECT_FALSE(world.state().finished());
  world.Advance(2 * kSecond);
  EXPECT_THAT(world.Settle(), ElementsAre("kill run 0, attempt 0 (did not stop in time)"));
  EXPECT_TRUE(world.state().finished());
  EXPECT_EQ(world.state().ending, "Cancelled");
  EXPECT_EQ(world.state().runs.at(0).exit_code, 137);
}

TEST(TaskPlanTest, SuspendingARunningTaskStopsItAndCountsNoFailure) {
  World world({});
  world.Settle();
  world.desired().spec.suspend = true;
  world.Step();
  world.Finish({0, 0}, 143);
  world.Settle();
  EXPECT_EQ(world.running(), 0);
  EXPECT_FALSE(world.state().finished());
  world.desired().spec.suspend = false;
  world.Settle();
  EXPECT_EQ(world.running(), 1);
  EXPECT_EQ(world.state().runs.at(0).attempt, 1);
  EXPECT_EQ(world.state().runs.at(0).failures, 0);
}

TEST(TaskPlanTest, FailuresAreTriedAgainWithBackOffUpToTheLimit) {
  World world({.backoff_limit = 2, .backoff_seconds = 10});
  world.Settle();
  world.Finish({0, 0}, 1);
  EXPECT_THAT(world.Settle(), IsEmpty());
  EXPECT_EQ(world.due_at_ms(), kNow + 10 * kSecond);
  world.Advance(10 * kSecond);
  EXPECT_THAT(world.Settle(), ElementsAre("create run 0, attempt 1 (is not there)",
                                          "start run 0, attempt 1 (is due)"));
  world.Finish({0, 1}, 1);
  world.Settle();
  EXPECT_EQ(world.due_at_ms(), world.now_ms() + 20 * kSecond);
  world.Advance(20 * kSecond);
  // The last failed one stays for whoever looks, the one before it goes.
  EXPECT_THAT(world.Settle(), ElementsAre("remove run 0, attempt 0 (has successors)",
                                          "create run 0, attempt 2 (is not there)",
                                          "start run 0, attempt 2 (is due)"));
  world.Finish({0, 2}, 4);
  world.Settle();
  EXPECT_TRUE(world.state().finished());
  EXPECT_EQ(world.state().ending, "BackoffLimitExceeded");
  EXPECT_EQ(world.state().runs.at(0).exit_code, 4);
}

TEST(TaskPlanTest, AContainerThatCanNotStartIsAFailure) {
  World world({});
  world.Step();
  world.Step();
  ObservedContainer& container = world.containers().at({0, 0});
  world.state().runs.at(0).phase = RunPhase::kStarting;
  container.start_error = "no such file";
  container.exit_code = 127;
  world.Settle();
  EXPECT_TRUE(world.state().finished());
  EXPECT_EQ(world.state().runs.at(0).reason, "CannotRun");
  EXPECT_EQ(world.state().runs.at(0).exit_code, 127);
}

TEST(TaskPlanTest, AContainerThatIsGoneAfterItsStartIsNotStartedASecondTime) {
  World world({});
  world.Settle();
  world.Lose({0, 0});
  EXPECT_THAT(world.Settle(), IsEmpty());
  EXPECT_TRUE(world.state().finished());
  EXPECT_EQ(world.state().runs.at(0).reason, "ContainerLost");
}

TEST(TaskPlanTest, AContainerThatIsGoneBeforeItsStartIsMadeAgain) {
  World world({.suspend = true});
  world.Settle();
  world.Lose({0, 0});
  EXPECT_THAT(world.Settle(), ElementsAre(kCreate));
}

TEST(TaskPlanTest, ContainersWithoutARecordAreFoundAgain) {
  World world({});
  world.Settle();
  world.state() = {};
  EXPECT_THAT(world.Settle(), IsEmpty());
  world.Finish({0, 0}, 0);
  world.Settle();
  EXPECT_TRUE(world.state().complete());
}

TEST(TaskPlanTest, TheDeadlineEndsIt) {
  World world({.backoff_limit = 5, .active_deadline_seconds = 5});
  world.Settle();
  world.Advance(5 * kSecond);
  EXPECT_THAT(world.Step(), ElementsAre("stop run 0, attempt 0 (shall not run)"));
  world.Finish({0, 0}, 143);
  world.Settle();
  EXPECT_TRUE(world.state().finished());
  EXPECT_EQ(world.state().ending, "DeadlineExceeded");
  EXPECT_EQ(world.containers().size(), 1u);
}

TEST(TaskPlanTest, TheTimeAfterTheEndIsKept) {
  World world({.ttl_seconds = 30});
  world.Settle();
  world.Finish({0, 0}, 0);
  world.Settle();
  EXPECT_EQ(world.due_at_ms(), kNow + 30 * kSecond);
  world.Advance(30 * kSecond);
  EXPECT_THAT(world.Step(), ElementsAre("delete the task (its time after the end is over)"));
  EXPECT_THAT(world.Step(), ElementsAre("remove run 0, attempt 0 (the task ends)"));
  EXPECT_THAT(world.Step(), ElementsAre("release the task (nothing is left)"));
}

TEST(TaskPlanTest, NoMoreThanTheParallelismRun) {
  World world({.parallelism = 2, .completions = 5});
  world.Settle();
  EXPECT_EQ(world.running(), 2);
  world.Finish({0, 0}, 0);
  world.Settle();
  EXPECT_EQ(world.running(), 2);
  for (const int index : {1, 2, 3, 4}) {
    world.Finish({index, 0}, 0);
    world.Settle();
  }
  EXPECT_TRUE(world.state().complete());
}

TEST(TaskPlanTest, TroubleWaitsAndIsTriedAgain) {
  World world({});
  world.Step();
  world.observed().trouble = TaskTrouble{"NameConflict", "x", kNow + kSecond};
  EXPECT_THAT(world.Step(), IsEmpty());
  EXPECT_EQ(world.due_at_ms(), kNow + kSecond);
  world.Advance(kSecond);
  EXPECT_THAT(world.Step(), ElementsAre(kCreate));
}

// Whatever happens in whatever order: nothing is made or started twice (World checks that), no more
// runs than allowed, and a deletion ends.
TEST(TaskPlanTest, HoldsWhateverHappens) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    World world({.parallelism = 1 + static_cast<int>(random.Below(3)),
                 .completions = 1 + static_cast<int>(random.Below(4)),
                 .backoff_limit = static_cast<int>(random.Below(3)),
                 .backoff_seconds = 1,
                 .termination_grace_period_seconds = 1});
    for (int event = 0; event < 60; ++event) {
      world.Step();
      EXPECT_LE(world.running(), world.desired().spec.parallelism);
      std::vector<TaskAttempt> running;
      for (const auto& [of, container] : world.containers())
        if (container.state == ContainerState::kRunning) running.push_back(of);
      switch (random.Below(8)) {
        case 0:
          if (!running.empty()) world.Finish(running.front(), 0);
          break;
        case 1:
          if (!running.empty()) world.Finish(running.back(), 1);
          break;
        case 2:
          if (!running.empty()) world.Lose(running.front());
          break;
        case 3: world.desired().spec.suspend = !world.desired().spec.suspend; break;
        case 4: world.Advance(700); break;
        case 5:
          if (random.Below(10) == 0) world.desired().spec.active = false;
          break;
        default: break;
      }
    }
    world.desired().deleting = true;
    std::vector<std::string> last;
    for (int pass = 0; pass < 20; ++pass) {
      last = world.Step();
      world.Advance(kSecond);
    }
    EXPECT_THAT(last, ElementsAre("release the task (nothing is left)"));
    EXPECT_THAT(world.containers(), IsEmpty());
  }
}

}  // namespace
}  // namespace headpond::plan
