// Drives MakePlan against a simulated world with random crashes, slow starts, slow stops and
// changes of mind.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "operator/plan/plan.h"

namespace headpond::plan {
namespace {

constexpr int kSeeds = 500;
constexpr int kSeedsOfChanges = 200;  // each has several
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
      case ActionKind::kMend:
        ASSERT_NE(found, nullptr);
        ASSERT_EQ(found->phase, Phase::kRunning);
        ASSERT_FALSE(found->missing.empty() && found->surplus.empty());
        found->missing.clear();
        found->surplus.clear();
        return;
      case ActionKind::kCleanUp:
        ASSERT_TRUE(observed_.workloads.empty());
        observed_.has_leftovers = false;
        return;
      case ActionKind::kTransfer: return Transfer(action);
      case ActionKind::kDismiss: return Dismiss(action.to);
      case ActionKind::kSetAside:
      case ActionKind::kPutBack: FAIL() << "nothing is restored here";
    }
  }

  const std::string& leader() const { return leader_; }
  bool TakesPart(const std::string& address) const {
    return voters_.contains(address) || learners_.contains(address);
  }
  std::string AddressOf(const std::string& name) const {
    const auto found = addresses_.find(name);
    return found == addresses_.end() ? "" : found->second;
  }
  // Most of those that vote beside it serve.
  bool BearsLossOf(const std::string& address) const {
    size_t serving = 0;
    for (const ObservedWorkload& workload : observed_.workloads) {
      const std::string other = AddressOf(workload.name);
      serving += workload.serving && other != address && voters_.contains(other);
    }
    return serving * 2 > voters_.size() - 1;
  }
  // Addresses of those that vote.
  const std::set<std::string>& voters() const { return voters_; }
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
      const bool lone = lone_hashes_.contains(workload.config_hash);
      // No master keeps a journal alone that it has begun to share.
      const bool refuses = (lone && !voters_.empty()) || IsRemoved(workload.name);
      const bool bad = refuses || bad_.contains(workload.config_hash);
      if (workload.phase == Phase::kRunning && !bad && random_.OneIn(3)) {
        joined_.insert(workload.name);
        workload.serving = true;
        if (lone) alone_.insert(workload.name);
        if (!members_.contains(workload.name)) workload.proven_hash = workload.config_hash;
      }
      if (members_.contains(workload.name)) workload.serving = false;  // MoveQuorum says
      if (workload.phase == Phase::kRunning && bad && (refuses || bad_crashes_) &&
          random_.OneIn(2)) {
        Exit(workload, NextCrashCount(workload.crashes, workload.started_at_ms, now_ms_, policy_));
        continue;
      }
      if (workload.phase == Phase::kStopping && random_.OneIn(3)) Exit(workload, 0);
      if (chaos && workload.phase == Phase::kRunning && random_.OneIn(10))
        workload.missing = workload.surplus = {"services one"};
      if (chaos && workload.phase == Phase::kRunning && random_.OneIn(10))
        Exit(workload, NextCrashCount(workload.crashes, workload.started_at_ms, now_ms_, policy_));
    }
    MoveQuorum();
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
      if (workload.role == Role::kMaster && workload.quorum_address.empty())
        lone_hashes_.insert(workload.ConfigHash());
      if (!workload.quorum_address.empty()) {
        members_.insert(name);
        addresses_[name] = workload.quorum_address;
        lists_[name] = std::ranges::count(desired.workloads, Role::kMaster, &Workload::role);
        removed_.erase(workload.quorum_address);  // it joins anew
      }
      sequences_[name] = 0;
      observed_.has_data = true;
      return;
    }
    FAIL() << "start of " << name << ", which nobody wants";
  }

  // Several masters need a majority of those that vote and a leader, which they elect in their own
  // time; who is none of them joins.
  void MoveQuorum() {
    std::vector<ObservedWorkload*> up;
    size_t voters_up = 0;
    for (ObservedWorkload& workload : observed_.workloads) {
      workload.quorum.reset();
      workload.members.clear();
      if (!joined_.contains(workload.name) || !members_.contains(workload.name)) continue;
      if (IsRemoved(workload.name)) continue;  // is about to end
      up.push_back(&workload);
      voters_up += voters_.contains(addresses_[workload.name]);
    }
    if (voters_.empty()) Found(up);
    const bool leads = std::ranges::any_of(up, [&](const auto* w) { return w->name == leader_; });
    const bool majority = voters_up > voters_.size() / 2;
    if (majority && !leads && random_.OneIn(2)) {
      std::vector<ObservedWorkload*> candidates = up;
      std::erase_if(candidates,
                    [&](const auto* w) { return !voters_.contains(addresses_[w->name]); });
      leader_ = candidates[random_.Below(candidates.size())]->name;
      ++term_;
    } else if (!majority || !leads) {
      leader_.clear();
    }
    if (!leader_.empty()) LetIn(up);
    for (ObservedWorkload* const workload : up) {
      workload->members = Members(up);
      workload->serving = !leader_.empty();
      if (!workload->serving) continue;
      uint64_t& sequence = sequences_[workload->name];
      if (workload->name == leader_ || random_.OneIn(3)) sequence = kSequence;
      workload->quorum = QuorumView{.leads = workload->name == leader_,
                                    .term = term_,
                                    .leader = addresses_[leader_],
                                    .sequence = sequence};
      workload->proven_hash = workload->config_hash;
    }
  }

  bool IsRemoved(const std::string& name) const {
    const auto address = addresses_.find(name);
    return address != addresses_.end() && removed_.contains(address->second);
  }

  // Those that were told of each other begin, once all of them are there. One that kept its
  // journal alone begins by itself.
  void Found(const std::vector<ObservedWorkload*>& up) {
    std::set<std::string> there;
    for (const ObservedWorkload* const workload : up) there.insert(workload->name);
    for (const std::string& name : members_)
      if (alone_.contains(name) && there.contains(name)) {
        voters_ = {addresses_[name]};
        return;
      }
    if (!alone_.empty()) return;
    for (const int64_t count : {3, 5, 7}) {
      std::set<std::string> founders;
      for (const std::string& name : there)
        if (lists_[name] == count && name < fmt::format("master{}", count))
          founders.insert(addresses_[name]);
      if (static_cast<int64_t>(founders.size()) == count) voters_ = founders;
    }
  }

  // A learner first, which gets the journal in its own time, then a voter.
  void LetIn(const std::vector<ObservedWorkload*>& up) {
    for (const ObservedWorkload* const workload : up) {
      const std::string& address = addresses_[workload->name];
      if (voters_.contains(address) || !random_.OneIn(3)) continue;
      if (learners_.insert(address).second) continue;
      learners_.erase(address);
      voters_.insert(address);
    }
  }

  std::vector<QuorumMember> Members(const std::vector<ObservedWorkload*>& up) {
    std::vector<QuorumMember> members;
    for (const std::string& address : voters_) {
      const bool available = std::ranges::any_of(
          up, [&](const auto* workload) { return addresses_[workload->name] == address; });
      members.push_back({address, /*votes=*/true, available});
    }
    for (const std::string& address : learners_) members.push_back({address, false, false});
    return members;
  }

  void Dismiss(const std::string& address) {
    ASSERT_FALSE(leader_.empty());
    ASSERT_NE(addresses_[leader_], address) << "no leader dismisses itself";
    if (random_.OneIn(3)) return;  // it did not come to that
    const bool voted = voters_.erase(address) > 0;
    learners_.erase(address);
    if (voted) removed_.insert(address);
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
    if (lone_hashes_.contains(found->config_hash)) members_.erase(found->name);
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
  std::set<std::string> alone_;    // kept a journal by themselves before
  std::set<std::string> lone_hashes_;
  std::map<std::string, std::string> addresses_;
  std::map<std::string, int64_t> lists_;               // how many masters each was told of
  std::set<std::string> voters_, learners_, removed_;  // addresses
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
      if (role == Role::kMaster && count > 1) {
        workload.quorum_address = "h:" + std::to_string(i);
        workload.args.push_back("one of " + std::to_string(count));
      }
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

uint64_t RandomMasters(Random& random) {
  return 1 + 2 * random.Below(3);
}
// What a cluster of so many may be changed to: several don't become one.
uint64_t OtherMasters(uint64_t masters, Random& random) {
  return masters == 1 ? RandomMasters(random) : 3 + 2 * random.Below(3);
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

// Daemons of the role that are wanted and don't serve, but for masters that join later.
int SilentOnes(const World& world, const DesiredCluster& desired, Role role) {
  int count = 0;
  for (const Workload& workload : desired.workloads) {
    const auto& all = world.observed().workloads;
    const auto found = std::ranges::find(all, workload.name, &ObservedWorkload::name);
    const bool joins_later = !world.voters().empty() && !workload.quorum_address.empty() &&
                             !world.TakesPart(workload.quorum_address);
    count += workload.role == role && !joins_later && (found == all.end() || !found->serving);
  }
  return count;
}

// What runs has the configuration that is wanted for it.
bool AllAreCurrent(const World& world, const DesiredCluster& desired) {
  for (const Workload& workload : desired.workloads) {
    const auto& all = world.observed().workloads;
    const auto found = std::ranges::find(all, workload.name, &ObservedWorkload::name);
    if (found != all.end() && found->phase == Phase::kRunning &&
        found->config_hash != workload.ConfigHash())
      return false;
  }
  return true;
}

// At most one joins or leaves, nobody else is touched meanwhile, and those who are left have a
// majority. Who votes is not stopped because it is too many, and who joins is known to all.
void CheckMembers(const World& world, const DesiredCluster& desired, const Plan& plan, int stops) {
  int joins = 0, leaves = 0;
  for (const Action& action : plan.Runnable()) {
    const auto wanted = std::ranges::find(desired.workloads, action.workload, &Workload::name);
    if (action.kind == ActionKind::kDismiss) {
      ++leaves;
      if (!world.voters().contains(action.to)) continue;
      EXPECT_TRUE(world.BearsLossOf(action.to)) << Describe(plan);
    } else if (action.kind == ActionKind::kStart && wanted != desired.workloads.end()) {
      const bool join = !world.voters().empty() && !world.leader().empty() &&
                        !wanted->quorum_address.empty() && !world.TakesPart(wanted->quorum_address);
      EXPECT_TRUE(!join || AllAreCurrent(world, desired)) << Describe(plan);
      joins += join;
    } else if (action.kind == ActionKind::kStop && wanted == desired.workloads.end()) {
      EXPECT_FALSE(world.voters().contains(world.AddressOf(action.workload))) << Describe(plan);
    }
  }
  EXPECT_LE(joins + leaves + stops, 1) << Describe(plan);
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
    if (!world.voters().contains(workload.quorum_address)) continue;
    away += found == all.end() || found->phase != Phase::kRunning;
    for (const Action& action : plan.Runnable()) {
      if (action.workload != workload.name || action.kind != ActionKind::kStop) continue;
      ++stops;
      // One that is alone has nobody to hand over to.
      if (world.voters().size() == 1) continue;
      EXPECT_NE(LeaderOf(world.observed()), &*found) << Describe(plan);
    }
  }
  EXPECT_LE(stops, 1) << Describe(plan);
  EXPECT_TRUE(stops == 0 || away == 0) << Describe(plan);
  CheckMembers(world, desired, plan, stops);
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
      // One that is alone can't wait for others.
      if (role == Role::kMaster && world.voters().empty()) continue;
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

// A past of chaos and edits; what is wanted at its end.
DesiredCluster LiveThroughChaos(World& world) {
  uint64_t masters = RandomMasters(world.random());
  DesiredCluster desired = RandomDesired(world.random(), masters);
  for (int round = 0; round < kChaosRounds; ++round) {
    if (world.random().OneIn(15)) {
      masters = OtherMasters(masters, world.random());
      desired = RandomDesired(world.random(), masters);
    }
    Round(world, desired);
    world.Pass(/*chaos=*/true, desired);
  }
  return desired;
}

void ConvergeFromAnything(uint64_t seed) {
  SCOPED_TRACE(seed);
  World world(seed);
  DesiredCluster desired = LiveThroughChaos(world);
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
    EXPECT_THAT(found->missing, ::testing::IsEmpty());
    EXPECT_THAT(found->surplus, ::testing::IsEmpty());
    if (!workload.container) continue;
    EXPECT_EQ(found->limits, workload.container->limits());
  }
  EXPECT_TRUE(
      MakePlan(desired, world.observed(), world.now_ms(), world.policy()).Runnable().empty());
  EXPECT_EQ(world.data_deletions(), 0);
}

TEST(PlanPropertyTest, ConvergesFromAnythingAndThenDoesNothing) {
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) ConvergeFromAnything(seed);
}

// A master that ran once is to join again when another has its new configuration, which is not to
// wait for it in turn.
TEST(PlanPropertyTest, WhoIsYetToJoinHoldsUpNobody) {
  ConvergeFromAnything(1762);
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

// All serve, and others are wanted before the last change has come to its end.
TEST(PlanPropertyTest, MastersComeAndGoOneByOneUnderALeader) {
  for (uint64_t seed = 0; seed < kSeedsOfChanges; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    uint64_t masters = 3 + 2 * world.random().Below(3);
    DesiredCluster desired = RandomDesired(world.random(), masters);
    ConvergeOrFail(world, desired);
    for (int edit = 0; edit < 4; ++edit) {
      masters = OtherMasters(masters, world.random());
      desired = RandomDesired(world.random(), masters);
      const uint64_t rounds = 1 + world.random().Below(40);
      for (uint64_t round = 0; round < rounds; ++round) {
        Round(world, desired);
        world.Pass(/*chaos=*/false, desired);
        EXPECT_FALSE(world.leader().empty()) << "nobody leads, without a failure";
      }
    }
    ConvergeOrFail(world, desired);
    std::set<std::string> wanted;
    for (const Workload& workload : desired.workloads)
      if (workload.role == Role::kMaster) wanted.insert(workload.quorum_address);
    EXPECT_EQ(world.voters(), wanted);
    if (HasFailure()) return;
  }
}

TEST(PlanPropertyTest, OneMasterBecomesSeveral) {
  for (uint64_t seed = 0; seed < kSeedsOfChanges; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    ConvergeOrFail(world, RandomDesired(world.random(), 1));
    const uint64_t masters = 3 + 2 * world.random().Below(2);
    const DesiredCluster desired = RandomDesired(world.random(), masters);
    ConvergeOrFail(world, desired);
    EXPECT_EQ(world.voters().size(), masters);
    if (HasFailure()) return;
  }
}

TEST(PlanPropertyTest, DeletionEndsFromAnythingAndTouchesDataOnlyWhenToldTo) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    DesiredCluster desired = LiveThroughChaos(world);
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
