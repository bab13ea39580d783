// Drives MakePlan against a simulated world with random crashes, slow starts, slow stops and
// changes of mind.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "operator/plan/plan.h"

namespace headpond::plan {
namespace {

constexpr int kSeeds = 500;
constexpr int kChaosRounds = 60;
constexpr int kRoundsToConverge = 300;
constexpr uint64_t kSequence = 100'000;

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }
  const ObservedCluster& observed() const { return observed_; }
  int64_t now_ms() const { return now_ms_; }
  int data_deletions() const { return data_deletions_; }

  void Execute(const Action& action, const DesiredCluster& desired) {
    ObservedWorkload* found = Find(action.workload);
    switch (action.kind) {
      case ActionKind::kStart: return Start(action.workload, desired);
      case ActionKind::kStop:
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->phase, Phase::kRunning);
        if (Wanted(action.workload, desired)) ExpectImage(action.workload, desired);
        found->phase = Phase::kStopping;
        found->serving = false;
        found->quorum.reset();
        joined_.erase(found->name);
        return;
      case ActionKind::kRemove:
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->phase, Phase::kExited);
        std::erase_if(observed_.workloads,
                      [&](const auto& w) { return w.name == action.workload; });
        return;
      case ActionKind::kDeleteData:
        ASSERT_TRUE(observed_.workloads.empty());
        observed_.has_data = false;
        ++data_deletions_;
        return;
      case ActionKind::kFetch: {
        ObservedImage& image = observed_.images[ImageOf(action.workload, desired)];
        ASSERT_TRUE(image.state != ImageState::kFetching || image.changed_at_ms == 0);
        image.state = ImageState::kFetching;
        image.changed_at_ms = now_ms_;
        return;
      }
      case ActionKind::kRestore: return Restore(action);
      case ActionKind::kAdjust:
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->phase, Phase::kRunning);
        found->limits = LimitsOf(action.workload, desired);
        return;
      case ActionKind::kCleanUp:
        ASSERT_TRUE(observed_.workloads.empty());
        observed_.has_leftovers = false;
        return;
      case ActionKind::kTransfer: return Transfer(action);
    }
  }

  const std::string& leader() const { return leader_; }
  int transfers() const { return transfers_; }

  // Time passes: daemons come up and go down at their own pace; with `chaos` some crash.
  void Pass(bool chaos, const DesiredCluster& desired) {
    now_ms_ += static_cast<int64_t>(random_.Below(5000));
    for (auto& [name, image] : observed_.images) {
      if (image.state != ImageState::kFetching || !random_.OneIn(3)) continue;
      const bool fails = chaos && random_.OneIn(3);
      image = {.state = fails ? ImageState::kFailed : ImageState::kPresent,
               .changed_at_ms = now_ms_,
               .failures = fails ? image.failures + 1 : 0};
    }
    for (ObservedWorkload& workload : observed_.workloads) {
      const bool bad = bad_.contains(workload.config_hash);
      if (workload.phase == Phase::kRunning && !bad && random_.OneIn(3)) {
        joined_.insert(workload.name);
        workload.serving = true;
        if (!members_.contains(workload.name)) workload.proven_hash = workload.config_hash;
      }
      if (members_.contains(workload.name)) workload.serving = false;  // MoveQuorum says
      if (workload.phase == Phase::kRunning && bad && bad_crashes_ && random_.OneIn(2)) {
        Exit(workload, NextCrashCount(workload.crashes, workload.started_at_ms, now_ms_, policy_));
        continue;
      }
      if (workload.phase == Phase::kStopping && random_.OneIn(3)) Exit(workload, 0);
      if (chaos && workload.phase == Phase::kRunning && random_.OneIn(10))
        Exit(workload, NextCrashCount(workload.crashes, workload.started_at_ms, now_ms_, policy_));
    }
    MoveQuorum(desired);
  }

  const RestartPolicy& policy() const { return policy_; }

  // From now on daemons with this configuration never serve; they crash, or just run.
  void Spoil(const Workload& workload) { bad_.insert(workload.ConfigHash()); }
  void SpoiledOnesCrash(bool crash) { bad_crashes_ = crash; }
  // How often a spoiled configuration was started for this name.
  int tries_of_spoiled(const std::string& name) const {
    const auto found = tries_.find(name);
    return found == tries_.end() ? 0 : found->second;
  }

 private:
  static bool Wanted(const std::string& name, const DesiredCluster& desired) {
    return !desired.deleting &&
           std::ranges::find(desired.workloads, name, &Workload::name) != desired.workloads.end();
  }
  static std::string ImageOf(const std::string& name, const DesiredCluster& desired) {
    const auto found = std::ranges::find(desired.workloads, name, &Workload::name);
    return found != desired.workloads.end() && found->container ? found->container->image : "";
  }
  static std::optional<Limits> LimitsOf(const std::string& name, const DesiredCluster& desired) {
    const auto found = std::ranges::find(desired.workloads, name, &Workload::name);
    if (found == desired.workloads.end() || !found->container) return std::nullopt;
    return found->container->limits();
  }
  // What is started, or stopped to be replaced, has its image.
  void ExpectImage(const std::string& name, const DesiredCluster& desired) {
    const std::string image = ImageOf(name, desired);
    if (image.empty()) return;
    EXPECT_EQ(observed_.images[image].state, ImageState::kPresent) << name;
  }

  void Start(const std::string& name, const DesiredCluster& desired) {
    ExpectImage(name, desired);
    observed_.has_leftovers = true;
    for (const Workload& workload : desired.workloads) {
      if (workload.name != name) continue;
      ObservedWorkload* found = Find(name);
      const bool same = found != nullptr && found->config_hash == workload.ConfigHash();
      const int crashes = same ? found->crashes : 0;
      const std::string proven = found == nullptr ? "" : found->proven_hash;
      const auto refusal = found == nullptr ? std::nullopt : found->refusal;
      tries_[name] += bad_.contains(workload.ConfigHash());
      ASSERT_TRUE(found == nullptr || found->phase == Phase::kExited);
      std::erase_if(observed_.workloads, [&](const auto& w) { return w.name == name; });
      observed_.workloads.push_back({.name = name,
                                     .role = workload.role,
                                     .ordinal = workload.ordinal,
                                     .config_hash = workload.ConfigHash(),
                                     .started_at_ms = now_ms_,
                                     .crashes = crashes,
                                     .limits = LimitsOf(name, desired),
                                     .proven_hash = proven,
                                     .refusal = refusal});
      if (!workload.quorum_address.empty()) members_.insert(name);
      sequences_[name] = 0;
      observed_.has_data = true;
      return;
    }
    FAIL() << "start of " << name << ", which nobody wants";
  }

  // Several masters need a majority and a leader, which they elect in their own time.
  void MoveQuorum(const DesiredCluster& desired) {
    std::vector<ObservedWorkload*> up;
    size_t members = 0;
    for (const Workload& workload : desired.workloads) {
      if (workload.quorum_address.empty()) continue;
      ++members;
      ObservedWorkload* const found = Find(workload.name);
      if (found != nullptr && found->phase == Phase::kRunning && joined_.contains(found->name))
        up.push_back(found);
    }
    for (ObservedWorkload& workload : observed_.workloads) workload.quorum.reset();
    if (members == 0) return;
    const bool leads = std::ranges::find(up, leader_, &ObservedWorkload::name) != up.end();
    const bool majority = up.size() > members / 2;
    if (majority && !leads && random_.OneIn(2)) {
      leader_ = up[random_.Below(up.size())]->name;
      ++term_;
    } else if (!majority || !leads) {
      leader_.clear();
    }
    for (ObservedWorkload* const workload : up) {
      workload->serving = !leader_.empty();
      if (!workload->serving) continue;
      uint64_t& sequence = sequences_[workload->name];
      if (workload->name == leader_ || random_.OneIn(3)) sequence = kSequence;
      workload->quorum =
          QuorumView{.leads = workload->name == leader_, .term = term_, .sequence = sequence};
      workload->proven_hash = workload->config_hash;
    }
  }

  void Transfer(const Action& action) {
    const ObservedWorkload* const from = Find(action.workload);
    const ObservedWorkload* const to = Find(action.to);
    ASSERT_NE(from, nullptr);
    ASSERT_NE(to, nullptr);
    EXPECT_TRUE(from->quorum && from->quorum->leads) << action.workload;
    EXPECT_TRUE(to->serving && to->quorum) << action.to;
    if (random_.OneIn(2)) return;  // it did not come to that
    leader_ = action.to;
    ++term_;
    ++transfers_;
  }

  void Restore(const Action& action) {
    ObservedWorkload* found = Find(action.workload);
    ASSERT_NE(found, nullptr);
    ASSERT_FALSE(found->proven_hash.empty()) << action.workload;
    if (action.refusal) {
      EXPECT_FALSE(found->serving) << action.workload;
      EXPECT_EQ(action.refusal->config_hash, found->config_hash);
      found->refusal = action.refusal;
    }
    if (found->phase == Phase::kRunning) {
      ASSERT_NE(found->proven_hash, found->config_hash);
      found->phase = Phase::kStopping;
      return;
    }
    ASSERT_EQ(found->phase, Phase::kExited);
    if (found->config_hash != found->proven_hash) found->crashes = 0;
    found->config_hash = found->proven_hash;
    found->phase = Phase::kRunning;
    found->started_at_ms = now_ms_;
  }

  void Exit(ObservedWorkload& workload, int crashes) {
    workload.phase = Phase::kExited;
    joined_.erase(workload.name);
    workload.quorum.reset();
    if (crashes > 0) workload.reason = "Crashed";
    workload.serving = false;
    workload.crashes = crashes;
    workload.exited_at_ms = now_ms_;
  }

  ObservedWorkload* Find(const std::string& name) {
    for (ObservedWorkload& workload : observed_.workloads)
      if (workload.name == name) return &workload;
    return nullptr;
  }

  Random random_;
  RestartPolicy policy_;
  ObservedCluster observed_;
  int64_t now_ms_ = 1'000'000;
  int data_deletions_ = 0;
  std::set<std::string> bad_;  // hashes
  bool bad_crashes_ = false;
  std::map<std::string, int> tries_;
  // Of several masters.
  std::set<std::string> members_;  // all that ever ran
  std::set<std::string> joined_;   // run, and could serve
  std::map<std::string, uint64_t> sequences_;
  std::string leader_;  // empty: none
  uint64_t term_ = 0;
  int transfers_ = 0;
};

DesiredCluster RandomDesired(Random& random, uint64_t masters) {
  DesiredCluster desired;
  const bool images = random.OneIn(2);
  const auto add = [&](Role role, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      Workload workload{
          .role = role, .ordinal = static_cast<int>(i), .args = {std::to_string(random.Below(3))}};
      workload.name = std::string(RoleName(role)) + std::to_string(i);
      if (role == Role::kMaster && count > 1) workload.quorum_address = "h:" + std::to_string(i);
      if (images)
        workload.container =
            Container{.image = "image" + std::to_string(random.Below(2)),
                      .resources = {.memory_bytes = static_cast<int64_t>(random.Below(3)) << 30}};
      desired.workloads.push_back(std::move(workload));
    }
  };
  add(Role::kMaster, masters);
  add(Role::kWorker, random.Below(4));
  return desired;
}

// Of a cluster, for all its life.
uint64_t RandomMasters(Random& random) {
  return 1 + 2 * random.Below(3);
}

// Serving daemons that are wanted and that these actions stop.
int StoppedInService(const World& world, const DesiredCluster& desired,
                     const std::vector<Action>& actions, Role role) {
  int count = 0;
  for (const Action& action : actions) {
    const auto& all = world.observed().workloads;
    const auto found = std::ranges::find(all, action.workload, &ObservedWorkload::name);
    const bool wanted = std::ranges::find(desired.workloads, action.workload, &Workload::name) !=
                        desired.workloads.end();
    count += action.kind == ActionKind::kStop && wanted && found != all.end() &&
             found->role == role && found->serving;
  }
  return count;
}

// Daemons of the role that are wanted and don't serve.
int SilentOnes(const World& world, const DesiredCluster& desired, Role role) {
  int count = 0;
  for (const Workload& workload : desired.workloads) {
    const auto& all = world.observed().workloads;
    const auto found = std::ranges::find(all, workload.name, &ObservedWorkload::name);
    count += workload.role == role && (found == all.end() || !found->serving);
  }
  return count;
}

// Several masters lose at most one because of a plan, and only when all others run. Who leads hands
// over first.
void CheckQuorum(const World& world, const DesiredCluster& desired, const Plan& plan) {
  if (desired.deleting) return;
  int stops = 0, away = 0;
  for (const Workload& workload : desired.workloads) {
    if (workload.quorum_address.empty()) continue;
    const auto& all = world.observed().workloads;
    const auto found = std::ranges::find(all, workload.name, &ObservedWorkload::name);
    away += found == all.end() || found->phase != Phase::kRunning;
    for (const Action& action : plan.Runnable()) {
      if (action.workload != workload.name || action.kind != ActionKind::kStop) continue;
      ++stops;
      EXPECT_NE(LeaderOf(world.observed()), &*found) << Describe(plan);
    }
  }
  EXPECT_LE(stops, 1) << Describe(plan);
  EXPECT_TRUE(stops == 0 || away == 0) << Describe(plan);
}

// One look and its actions; checks what must hold for every plan.
bool Round(World& world, const DesiredCluster& desired) {
  const Plan plan = MakePlan(desired, world.observed(), world.now_ms(), world.policy());
  const std::vector<Action> actions = plan.Runnable();
  if (!desired.deleting) {
    EXPECT_LE(StoppedInService(world, desired, actions, Role::kMaster), 1) << Describe(plan);
    EXPECT_LE(StoppedInService(world, desired, actions, Role::kWorker), 1) << Describe(plan);
    for (const Role role : {Role::kMaster, Role::kWorker}) {
      if (StoppedInService(world, desired, actions, role) == 0) continue;
      EXPECT_EQ(SilentOnes(world, desired, role), 0) << Describe(plan);
    }
  }
  CheckQuorum(world, desired, plan);
  for (const Action& action : actions) world.Execute(action, desired);
  // Not stuck: something was done, is under way, or is due later.
  EXPECT_TRUE(plan.converged() || !actions.empty() || !plan.in_progress.empty() || plan.due_at_ms)
      << Describe(plan);
  return plan.converged();
}

void ConvergeOrFail(World& world, const DesiredCluster& desired) {
  for (int round = 0; round < kRoundsToConverge; ++round) {
    if (Round(world, desired)) return;
    world.Pass(/*chaos=*/false, desired);
  }
  FAIL() << "not converged:\n"
         << Describe(MakePlan(desired, world.observed(), world.now_ms(), world.policy()));
}

TEST(PlanPropertyTest, ConvergesFromAnythingAndThenDoesNothing) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    const uint64_t masters = RandomMasters(world.random());
    DesiredCluster desired = RandomDesired(world.random(), masters);
    for (int round = 0; round < kChaosRounds; ++round) {
      if (world.random().OneIn(15)) desired = RandomDesired(world.random(), masters);
      Round(world, desired);
      world.Pass(/*chaos=*/true, desired);
    }
    Round(world, desired);
    ++desired.generation;  // what chaos made look bad deserves another try
    ConvergeOrFail(world, desired);
    EXPECT_EQ(world.observed().workloads.size(), desired.workloads.size());
    for (const Workload& workload : desired.workloads) {
      const auto& all = world.observed().workloads;
      const auto found = std::ranges::find(all, workload.name, &ObservedWorkload::name);
      ASSERT_NE(found, all.end());
      EXPECT_EQ(found->config_hash, workload.ConfigHash());
      EXPECT_TRUE(found->serving);
      if (!workload.container) continue;
      EXPECT_EQ(found->limits, workload.container->limits());
    }
    EXPECT_TRUE(
        MakePlan(desired, world.observed(), world.now_ms(), world.policy()).Runnable().empty());
    EXPECT_EQ(world.data_deletions(), 0);
    if (HasFailure()) return;
  }
}

// All served; then each daemon is to get another configuration, which none can serve with.
TEST(PlanPropertyTest, ABadChangeCostsOneDaemonAWhileAndNobodyElseAnything) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    const uint64_t masters = RandomMasters(world.random());
    DesiredCluster desired = RandomDesired(world.random(), masters);
    desired.generation = 1;
    ConvergeOrFail(world, desired);
    const std::vector<ObservedWorkload> before = world.observed().workloads;
    const bool masters_too = world.random().OneIn(2);
    world.SpoiledOnesCrash(world.random().OneIn(2));
    desired.generation = 2;
    for (Workload& workload : desired.workloads) {
      if (workload.role == Role::kMaster && !masters_too) continue;
      workload.args = {"spoiled"};
      world.Spoil(workload);
    }
    int down_at_once = 0;
    bool halted = false;
    for (int round = 0; round < kRoundsToConverge && !halted; ++round) {
      halted = Round(world, desired);
      int down = 0;
      for (const ObservedWorkload& workload : world.observed().workloads) down += !workload.serving;
      down_at_once = std::max(down_at_once, down);
      world.Pass(/*chaos=*/false, desired);
    }
    EXPECT_TRUE(halted);
    EXPECT_LE(down_at_once, 1);
    const Plan plan = MakePlan(desired, world.observed(), world.now_ms(), world.policy());
    EXPECT_THAT(plan.Runnable(), ::testing::IsEmpty());
    const bool any_changed =
        masters_too || std::ranges::any_of(desired.workloads, [](const Workload& workload) {
          return workload.role == Role::kWorker;
        });
    EXPECT_EQ(plan.halted.size(), any_changed ? 1u : 0u);
    int tried = 0;
    for (const ObservedWorkload& was : before) {
      const auto& all = world.observed().workloads;
      const auto is = std::ranges::find(all, was.name, &ObservedWorkload::name);
      ASSERT_NE(is, all.end());
      EXPECT_EQ(is->config_hash, was.config_hash) << was.name;
      EXPECT_TRUE(is->serving) << was.name;
      tried += world.tries_of_spoiled(was.name) > 0;
      EXPECT_LE(world.tries_of_spoiled(was.name), world.policy().tries_of_new);
    }
    EXPECT_EQ(tried, any_changed ? 1 : 0);
    EXPECT_EQ(world.data_deletions(), 0);
    if (HasFailure()) return;
  }
}

// All serve, and each gets another configuration.
TEST(PlanPropertyTest, ARolloutMovesLeadershipOnceAtMostAndKeepsAMajority) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    const uint64_t masters = 3 + 2 * world.random().Below(2);
    DesiredCluster desired = RandomDesired(world.random(), masters);
    ConvergeOrFail(world, desired);
    const int before = world.transfers();
    for (Workload& workload : desired.workloads) workload.args = {"changed"};
    bool done = false;
    for (int round = 0; round < kRoundsToConverge && !done; ++round) {
      const std::string leader = world.leader();
      done = Round(world, desired);
      world.Pass(/*chaos=*/false, desired);
      EXPECT_FALSE(leader.empty()) << "nobody leads, without a failure";
      EXPECT_LE(SilentOnes(world, desired, Role::kMaster), 1);
    }
    EXPECT_TRUE(done);
    EXPECT_EQ(world.transfers(), before + 1);
    if (HasFailure()) return;
  }
}

TEST(PlanPropertyTest, DeletionEndsFromAnythingAndTouchesDataOnlyWhenToldTo) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    const uint64_t masters = RandomMasters(world.random());
    DesiredCluster desired = RandomDesired(world.random(), masters);
    for (int round = 0; round < kChaosRounds; ++round) {
      Round(world, desired);
      world.Pass(/*chaos=*/true, desired);
    }
    desired.deleting = true;
    desired.delete_data = world.random().OneIn(2);
    ConvergeOrFail(world, desired);
    EXPECT_TRUE(world.observed().workloads.empty());
    EXPECT_EQ(world.observed().has_data, !desired.delete_data);
    EXPECT_FALSE(world.observed().has_leftovers);
    EXPECT_EQ(world.data_deletions(), desired.delete_data ? 1 : 0);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace headpond::plan
