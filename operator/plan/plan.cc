#include "operator/plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/units.h"
#include "operator/plan/quorum_change.h"
#include "operator/plan/restore.h"

namespace headpond::plan {
namespace {

// Journal entries that a master that follows may be behind. Looks at two masters are some
// milliseconds apart, in which a busy leader adds some hundred.
constexpr uint64_t kMaxLag = 10'000;
// After so many the leader is stopped as it is: it hands leadership over when it ends.
constexpr int kTriesOfTransfer = 3;
// Of those that are about as close behind the leader, the first is to lead next: clients whose list
// is from before a master joined know that one.
constexpr uint64_t kCloseLag = 1'000;

// Builds one plan. Lives for one call of MakePlan.
class Planner {
 public:
  Planner(const DesiredCluster& desired, const ObservedCluster& observed, int64_t now_ms,
          const RestartPolicy& policy)
      : desired_(desired), observed_(observed), now_ms_(now_ms), policy_(policy) {
    for (const Workload& workload : desired.workloads) wanted_[workload.name] = &workload;
    for (const Workload& workload : desired.workloads)
      hashes_[workload.name] = workload.ConfigHash();
    for (const ObservedWorkload& workload : observed.workloads)
      if (IsInPlace(workload)) found_[workload.name] = &workload;
    change_.emplace(
        desired, observed, [this](const std::string& name) { return Serves(name); },
        [this](const std::string& name) { return Runs(name) && !IsCurrent(*Found(name)); });
  }

  Plan Make() {
    if (desired_.deleting) {
      WaitForNodes();
      TearDown();
    } else if (desired_.paused) {
      return std::move(plan_);
    } else if (desired_.restoring) {
      WaitForNodes();
      GoOnRestoring();
    } else {
      WaitForNodes();
      FindHalts();
      ShrinkQuorum();
      RemoveExtras();
      for (const Role role : {Role::kMaster, Role::kWorker}) {
        StartMissing(role);
        ReplaceOutdated(role);
      }
      AdjustLimits();
      MendMissing();
    }
    return std::move(plan_);
  }

 private:
  void Add(ActionKind kind, std::string workload, std::string reason,
           std::vector<std::string> waits_for = {}) {
    plan_.steps.push_back(
        {{kind, std::move(workload), std::move(reason), std::nullopt}, std::move(waits_for)});
    Step& step = plan_.steps.back();
    if (const auto wanted = wanted_.find(step.action.workload); wanted != wanted_.end())
      step.action.node = wanted->second->node;
  }

  // Found where it should be, or not wanted at all.
  bool IsInPlace(const ObservedWorkload& workload) const {
    const auto wanted = wanted_.find(workload.name);
    return wanted == wanted_.end() || wanted->second->node == workload.node;
  }
  bool IsUnknown(const Workload& workload) const {
    return observed_.unreachable.contains(workload.node);
  }

  // What a node has that can't be looked at is neither there nor missing.
  void WaitForNodes() {
    for (const auto& [node, why] : observed_.unreachable)
      plan_.in_progress.push_back(fmt::format("node {} can't be looked at: {}", node, why));
  }

  const ObservedWorkload* Found(const std::string& name) const {
    const auto found = found_.find(name);
    return found == found_.end() ? nullptr : found->second;
  }

  bool IsCurrent(const ObservedWorkload& workload) const {
    const auto hash = hashes_.find(workload.name);
    return hash != hashes_.end() && hash->second == workload.config_hash;
  }

  bool Serves(const std::string& name) const {
    const ObservedWorkload* workload = Found(name);
    return workload != nullptr && workload->phase == Phase::kRunning && workload->serving &&
           !IsCatchingUp(*workload, observed_) && Votes(AddressOf(name), observed_);
  }
  // By which the other masters know a wanted one.
  std::string AddressOf(const std::string& name) const {
    const auto wanted = wanted_.find(name);
    return wanted == wanted_.end() ? "" : wanted->second->quorum_address;
  }
  // Leads the other masters, which are more than none.
  bool Leads(const ObservedWorkload& workload) const { return LeaderOf(observed_) == &workload; }
  bool IsOfQuorum(Role role) const {
    return role == Role::kMaster &&
           std::ranges::any_of(desired_.workloads, [](const Workload& workload) {
             return !workload.quorum_address.empty();
           });
  }

  // What the workload should be was tried with this daemon and given up.
  bool IsRefused(const ObservedWorkload& found) const {
    const auto hash = hashes_.find(found.name);
    return found.refusal && hash != hashes_.end() && found.refusal->config_hash == hash->second &&
           found.refusal->generation >= desired_.generation &&
           found.refusal->at_ms > desired_.retry_at_ms;
  }

  // Runs, or tries to, what it should, but hasn't served with it, and there is a way back.
  bool IsOnTrial(const ObservedWorkload& found) const {
    return IsCurrent(found) && !found.proven_hash.empty() && found.proven_hash != found.config_hash;
  }
  static bool IsProven(const ObservedWorkload& found) {
    return !found.proven_hash.empty() && found.proven_hash == found.config_hash;
  }

  // Why a daemon on trial has failed; empty while it may still come.
  std::optional<Refusal> Verdict(const ObservedWorkload& found) {
    if (!IsOnTrial(found)) return std::nullopt;
    Refusal refusal{.config_hash = found.config_hash,
                    .generation = desired_.generation,
                    .at_ms = now_ms_,
                    .reason = found.reason,
                    .message = found.message};
    if (found.phase == Phase::kExited) {
      if (found.start_failed) return refusal;
      if (found.crashes < policy_.tries_of_new) return std::nullopt;
      refusal.message += fmt::format(" ({} times in a row)", found.crashes);
      return refusal;
    }
    if (found.phase != Phase::kRunning || found.serving) return std::nullopt;
    if (found.cut_off) return std::nullopt;  // by no fault of its configuration
    // None of several masters can serve alone, whatever its configuration.
    if (IsOfQuorum(found.role) && LeaderOf(observed_) == nullptr) return std::nullopt;
    const int64_t until = std::min(found.started_at_ms, now_ms_) + policy_.serve_within.count();
    if (now_ms_ < until) {
      NoteDue(until);
      return std::nullopt;
    }
    refusal.reason = "NotServing";
    refusal.message =
        fmt::format("did not serve within {} s{}{}", policy_.serve_within.count() / 1000,
                    found.message.empty() ? "" : ": ", found.message);
    return refusal;
  }

  void FindHalts() {
    for (const Workload& workload : desired_.workloads) {
      const ObservedWorkload* found = Found(workload.name);
      if (found == nullptr || !IsRefused(*found)) continue;
      halted_roles_.insert(workload.role);
      if (!IsCurrent(*found) && found->phase != Phase::kExited)
        plan_.halted.push_back({workload.name, found->config_hash, *found->refusal});
    }
  }
  // What was refused for one is not tried on others; nor on workers, what the masters couldn't
  // take.
  bool IsHalted(Role role) const {
    return halted_roles_.contains(role) ||
           (role == Role::kWorker && halted_roles_.contains(Role::kMaster));
  }

  // Others whose success a daemon with a configuration that served has to wait for before it may
  // lose that.
  std::vector<std::string> TrialsBefore(const Workload& workload) const {
    std::vector<std::string> waits_for;
    bool any_master_serves = false;
    for (const Workload& other : desired_.workloads) {
      any_master_serves |= other.role == Role::kMaster && Serves(other.name);
      const ObservedWorkload* found = Found(other.name);
      if (other.name == workload.name || other.role > workload.role || found == nullptr) continue;
      // Who is yet to join waits for this one, even if it ran before.
      if (JoinsLater(other)) continue;
      if (IsOnTrial(*found) && !found->serving)
        waits_for.push_back(other.name + " to serve the new configuration");
    }
    // Masters may need each other to serve at all: with none left there is nothing to protect.
    if (workload.role == Role::kMaster && !any_master_serves) waits_for.clear();
    return waits_for;
  }

  void Restore(const ObservedWorkload& found, std::string reason, std::optional<Refusal> refusal,
               std::vector<std::string> waits_for = {}) {
    plan_.steps.push_back(
        {{ActionKind::kRestore, found.name, std::move(reason), std::move(refusal)},
         std::move(waits_for)});
    plan_.steps.back().action.node = found.node;
  }

  // The end of a daemon that should not be there (any more).
  void End(const ObservedWorkload& workload, const std::string& reason,
           std::vector<std::string> waits_for = {}) {
    switch (workload.phase) {
      case Phase::kRunning:
        Add(ActionKind::kStop, workload.name, reason, std::move(waits_for));
        break;
      case Phase::kStopping: plan_.in_progress.push_back(workload.name + " is stopping"); return;
      case Phase::kExited: Add(ActionKind::kRemove, workload.name, reason); break;
    }
    plan_.steps.back().action.node = workload.node;
  }

  // Workers before masters, and from the highest ordinal down: the reverse of the order of
  // starting.
  std::vector<const ObservedWorkload*> InEndingOrder() const {
    std::vector<const ObservedWorkload*> order;
    for (const ObservedWorkload& workload : observed_.workloads) order.push_back(&workload);
    std::ranges::sort(order, [](const auto* a, const auto* b) {
      return std::tuple(b->role, b->ordinal, a->name) < std::tuple(a->role, a->ordinal, b->name);
    });
    return order;
  }

  void TearDown() {
    std::vector<std::string> workers;
    for (const ObservedWorkload* workload : InEndingOrder()) {
      std::vector<std::string> waits_for;
      if (workload->role == Role::kMaster)
        for (const std::string& worker : workers) waits_for.push_back(worker + " to end");
      if (workload->role == Role::kWorker && workload->phase != Phase::kExited)
        workers.push_back(workload->name);
      End(*workload, "cluster is being deleted", std::move(waits_for));
    }
    std::vector<std::string> waits_for;
    for (const ObservedWorkload& workload : observed_.workloads)
      waits_for.push_back(workload.name + " to be removed");
    for (const auto& [node, why] : observed_.unreachable)
      waits_for.push_back(fmt::format("node {} to be there", node));
    if (observed_.has_leftovers)
      Add(ActionKind::kCleanUp, "", "cluster is being deleted", waits_for);
    if (!desired_.delete_data || !observed_.has_data) return;
    Add(ActionKind::kDeleteData, "", "cluster is being deleted with its data",
        std::move(waits_for));
  }

  // Workers stay: they register with whoever leads next.
  void GoOnRestoring() {
    const auto& [step, tag] = *desired_.restoring;
    if (step == RestoreStep::kStarting) return StartMissing(Role::kMaster);
    bool any = false;
    for (const ObservedWorkload* const found : InEndingOrder()) {
      if (found->role != Role::kMaster) continue;
      any = true;
      End(*found, "the cluster is being restored");
    }
    if (any || !observed_.unreachable.empty()) return;
    for (const Workload& workload : desired_.workloads) {
      const Volume* const journal = JournalOf(workload);
      if (journal == nullptr) continue;
      const bool aside = observed_.folders.contains(SetAsidePath(journal->path, tag));
      if (step == RestoreStep::kSettingAside && !aside)
        Add(ActionKind::kSetAside, workload.name, "the cluster is being restored");
      else if (step == RestoreStep::kPuttingBack && aside)
        Add(ActionKind::kPutBack, workload.name, "the restore failed");
      else
        continue;
      plan_.steps.back().action.to = tag;
    }
  }

  void ShrinkQuorum() {
    if (!IsOfQuorum(Role::kMaster)) return;
    plan_.joining = change_->Joining();
    plan_.leaving = change_->Leaving();
    if (!change_->IsShrinking()) return;
    for (Step& step : change_->Departures(SuccessorOf(*LeaderOf(observed_), /*current=*/false)))
      plan_.steps.push_back(std::move(step));
  }

  void RemoveExtras() {
    std::string moving;
    for (const ObservedWorkload* workload : InEndingOrder()) {
      const auto wanted = wanted_.find(workload->name);
      if (wanted == wanted_.end()) {
        if (workload->role == Role::kMaster)
          EndMaster(*workload);
        else
          End(*workload, "no longer wanted");
        continue;
      }
      if (IsInPlace(*workload)) continue;
      std::vector<std::string> waits_for;
      if (workload->serving) {
        waits_for = Unavailable(workload->role);
        for (std::string& image : MissingImage(*wanted->second))
          waits_for.push_back(std::move(image));
        if (!moving.empty()) waits_for.push_back(moving + " to serve where it belongs");
        moving = workload->name;
      }
      End(*workload, fmt::format("it belongs on node {}", wanted->second->node),
          std::move(waits_for));
    }
  }

  // One that is not wanted is there until it has left the quorum. When it ended before that, its
  // vote may be what the others need to go on, and to let it leave.
  void EndMaster(const ObservedWorkload& master) {
    std::vector<std::string> waits_for = change_->EndWaitsFor();
    if (waits_for.empty() || master.phase != Phase::kExited || master.proven_hash.empty())
      return End(master, "no longer wanted", std::move(waits_for));
    if (LeaderOf(observed_) != nullptr) return;  // those who are left are enough
    waits_for.clear();
    if (master.crashes > 0) WaitForBackOff(master, waits_for);
    Restore(master, "it may be a member still", std::nullopt, std::move(waits_for));
  }

  // Where else one is that belongs elsewhere; empty: nowhere.
  std::string StrayedTo(const std::string& name) const {
    for (const ObservedWorkload& workload : observed_.workloads)
      if (workload.name == name && !IsInPlace(workload)) return workload.node;
    return "";
  }

  // Wanted ones that serve nowhere.
  std::vector<std::string> Unavailable(Role role) const {
    std::vector<std::string> missing;
    for (const Workload& workload : desired_.workloads)
      if (workload.role == role && !Serves(workload.name) && StrayedTo(workload.name).empty())
        missing.push_back(workload.name + " to serve");
    return missing;
  }

  // Masters that a worker's start waits for: none once a majority serves.
  std::vector<std::string> MissingMasters() const {
    std::vector<std::string> missing;
    size_t masters = 0;
    for (const Workload& workload : desired_.workloads) {
      if (workload.role != Role::kMaster || change_->IsToJoin(workload)) continue;
      ++masters;
      if (!Serves(workload.name)) missing.push_back(workload.name + " to serve");
    }
    const bool majority = masters - missing.size() > masters / 2;
    if (!majority) return missing;
    const bool led = LeaderOf(observed_) != nullptr ||
                     std::ranges::any_of(observed_.workloads, [&](const ObservedWorkload& found) {
                       return found.role == Role::kMaster && change_->IsAlone(found);
                     });
    if (IsOfQuorum(Role::kMaster) && !led) return {"a master to lead"};
    return {};
  }

  void StartMissing(Role role) {
    for (const Workload& workload : desired_.workloads) {
      if (workload.role != role || IsUnknown(workload)) continue;
      const ObservedWorkload* found = Found(workload.name);
      if (found != nullptr && found->phase == Phase::kRunning) {
        if (Serves(workload.name)) continue;
        if (found->serving) {
          plan_.in_progress.push_back(workload.name + (Votes(workload.quorum_address, observed_)
                                                           ? " is catching up"
                                                           : " is joining the other masters"));
          continue;
        }
        if (const auto verdict = Verdict(*found))
          Restore(*found, verdict->message, verdict);
        else if (found->cut_off)
          plan_.in_progress.push_back(fmt::format("{} is on node {}, which does not answer",
                                                  workload.name, found->scheduled_to));
        else
          plan_.in_progress.push_back(workload.name + " does not serve yet");
        continue;
      }
      if (found != nullptr && found->phase == Phase::kStopping) {
        plan_.in_progress.push_back(workload.name + " is stopping");
        continue;
      }
      if (found == nullptr || !GoBack(workload, *found)) Start(workload, found);
    }
  }

  // Starts the configuration that served last instead of the wanted one, when that is the thing to
  // do.
  bool GoBack(const Workload& workload, const ObservedWorkload& found) {
    if (const auto verdict = Verdict(found)) {
      Restore(found, verdict->message, verdict);
      return true;
    }
    if (IsOnTrial(found)) {
      if (!IsRefused(found)) return false;
      Restore(found, "its new configuration was refused", std::nullopt);
      return true;
    }
    if (!IsProven(found) || IsCurrent(found)) return false;
    if (!IsHalted(workload.role) && TrialsBefore(workload).empty()) return false;
    std::vector<std::string> waits_for;
    if (found.crashes > 0) WaitForBackOff(found, waits_for);
    Restore(found, found.crashes > 0 ? found.message : "not running", std::nullopt,
            std::move(waits_for));
    return true;
  }

  // True when there is one to wait for.
  bool WaitForBackOff(const ObservedWorkload& found, std::vector<std::string>& waits_for) {
    if (found.exited_at_ms <= desired_.retry_at_ms) return false;
    const int64_t due = DueAfter(found.exited_at_ms, found.crashes);
    if (due <= now_ms_) return false;
    waits_for.push_back(fmt::format("{} ms of back-off after crash {}",
                                    BackoffAfter(found.crashes, policy_).count(), found.crashes));
    NoteDue(due);
    return true;
  }

  // What a start of the workload waits for until its image is there; sees to it that it is fetched.
  std::vector<std::string> MissingImage(const Workload& workload) {
    if (!workload.container) return {};
    const std::string name = ImageKey(workload.container->image, workload.node);
    const auto found = observed_.images.find(name);
    const ObservedImage image = found == observed_.images.end() ? ObservedImage() : found->second;
    if (image.state == ImageState::kFetching && image.changed_at_ms != 0) {
      if (fetched_.insert(name).second)
        plan_.in_progress.push_back(fmt::format("image {} {}", name, image.message));
    } else if (image.state == ImageState::kFailed && image.changed_at_ms > desired_.retry_at_ms &&
               DueAfter(image.changed_at_ms, image.failures) > now_ms_) {
      NoteDue(DueAfter(image.changed_at_ms, image.failures));
    } else {
      const bool known = image.state == ImageState::kPresent &&
                         now_ms_ - image.changed_at_ms <= policy_.image_valid_for.count() &&
                         image.changed_at_ms <= now_ms_;
      if (known) return {};
      if (fetched_.insert(name).second)
        Add(ActionKind::kFetch, workload.name, fmt::format("image {} is needed", name));
    }
    return {fmt::format("image {}", name)};
  }

  // When a back-off that began at `since_ms` ends. A clock that was set back must not stretch it.
  int64_t DueAfter(int64_t since_ms, int failures) const {
    return std::min(since_ms, now_ms_) + BackoffAfter(failures, policy_).count();
  }
  void NoteDue(int64_t due_ms) {
    plan_.due_at_ms = std::min(due_ms, plan_.due_at_ms.value_or(due_ms));
  }

  void Start(const Workload& workload, const ObservedWorkload* found) {
    std::vector<std::string> waits_for;
    if (workload.role == Role::kWorker) waits_for = MissingMasters();
    if (change_->IsToJoin(workload)) {
      // What others could not take is not tried on one that nobody waits for, and not all of them
      // would know it.
      if (IsHalted(Role::kWorker)) return;
      waits_for = change_->JoinWaitsFor(workload);
    }
    if (const std::string node = StrayedTo(workload.name); !node.empty())
      waits_for.push_back(fmt::format("{} to end on node {}", workload.name, node));
    std::string reason = "not running";
    bool backs_off = false;
    if (found != nullptr && found->crashes > 0) {
      reason = found->message;
      // A new configuration deserves a try at once.
      if (IsCurrent(*found)) backs_off = WaitForBackOff(*found, waits_for);
    }
    if (!backs_off)
      for (std::string& image : MissingImage(workload)) waits_for.push_back(std::move(image));
    Add(ActionKind::kStart, workload.name, std::move(reason), std::move(waits_for));
  }

  // Rolling: one serving daemon of the role is taken away at a time, and only while the rest
  // serves.
  void ReplaceOutdated(Role role) {
    if (IsHalted(role)) return;
    std::vector<std::string> unavailable;  // wanted, and not serving now or by what this plan does
    std::vector<std::string> away;         // the same for not running
    for (const Workload& workload : desired_.workloads) {
      if (workload.role != role) continue;
      if (Serves(workload.name) || JoinsLater(workload)) continue;
      unavailable.push_back(workload.name);
      if (!Runs(workload.name) && !change_->IsToJoin(workload)) away.push_back(workload.name);
    }
    const std::vector<std::string> missing_masters =
        role == Role::kWorker ? OutdatedOrSilentMasters() : std::vector<std::string>();

    for (const Workload* workload : InReplacingOrder(role)) {
      const ObservedWorkload& found = *Found(workload->name);
      std::vector<std::string> waits_for = MissingImage(*workload);
      waits_for.insert(waits_for.end(), missing_masters.begin(), missing_masters.end());
      // One that doesn't serve can't be missed: replace it at once, or a broken configuration could
      // never be repaired. But masters need each other even when none of them serves.
      if (found.serving) {
        if (role == Role::kMaster)
          for (std::string& departure : change_->RollWaitsFor())
            waits_for.push_back(std::move(departure));
        if (!change_->IsAlone(found)) WaitForOthers(*workload, unavailable, waits_for);
      } else {
        if (IsOfQuorum(role))
          for (const std::string& other : away) waits_for.push_back(other + " to run");
        if (IsProven(found))
          for (std::string& trial : TrialsBefore(*workload)) waits_for.push_back(std::move(trial));
      }
      const ObservedWorkload* const successor = waits_for.empty() ? SuccessorOf(found) : nullptr;
      if (successor != nullptr) {
        Add(ActionKind::kTransfer, workload->name,
            fmt::format("its configuration changed; {} is to lead", successor->name));
        plan_.steps.back().action.to = successor->name;
        waits_for.push_back(successor->name + " to lead");
      }
      if (waits_for.empty() || successor != nullptr) {
        away.push_back(workload->name);
        if (found.serving) unavailable.push_back(workload->name);
      }
      Add(ActionKind::kStop, workload->name, "its configuration changed", std::move(waits_for));
    }
  }

  // What a serving one waits for: that all others of its role serve; and the one that leads them,
  // that they do so with their new configurations.
  void WaitForOthers(const Workload& workload, const std::vector<std::string>& unavailable,
                     std::vector<std::string>& waits_for) const {
    const bool leads = Leads(*Found(workload.name));
    for (const Workload& other : desired_.workloads) {
      if (other.role != workload.role || other.name == workload.name) continue;
      if (leads && Runs(other.name) && !IsCurrent(*Found(other.name)))
        waits_for.push_back(other.name + " to serve the new configuration");
      else if (std::ranges::find(unavailable, other.name) != unavailable.end())
        waits_for.push_back(other.name + " to serve");
    }
  }

  bool Runs(const std::string& name) const {
    const ObservedWorkload* const found = Found(name);
    return found != nullptr && found->phase == Phase::kRunning;
  }

  // Joins the other masters once all that is there has its configuration.
  bool JoinsLater(const Workload& workload) const {
    return change_->IsToJoin(workload) && !Runs(workload.name);
  }

  // The outdated ones that run, in order of their ordinals, but the leader last.
  std::vector<const Workload*> InReplacingOrder(Role role) const {
    std::vector<const Workload*> order;
    for (const Workload& workload : desired_.workloads)
      if (workload.role == role && Runs(workload.name) && !IsCurrent(*Found(workload.name)))
        order.push_back(&workload);
    std::stable_partition(order.begin(), order.end(),
                          [&](const Workload* workload) { return !Leads(*Found(workload->name)); });
    return order;
  }

  // Who is to lead before the leader may be stopped: of the wanted masters that vote, `current`
  // ones only if so asked, one that is close behind it. Null when `found` does not lead, or won't
  // hand over.
  const ObservedWorkload* SuccessorOf(const ObservedWorkload& found, bool current = true) const {
    if (!Leads(found) || observed_.refused_transfers >= kTriesOfTransfer) return nullptr;
    const ObservedWorkload* best = nullptr;
    for (const Workload& workload : desired_.workloads) {
      const ObservedWorkload* const other = Found(workload.name);
      if (other == nullptr || other == &found || !other->quorum) continue;
      if (current && !IsCurrent(*other)) continue;
      if (!Votes(workload.quorum_address, observed_)) continue;
      if (best == nullptr || other->quorum->sequence > best->quorum->sequence + kCloseLag)
        best = other;
    }
    return best;
  }

  void AdjustLimits() {
    for (const Workload& workload : desired_.workloads) {
      const ObservedWorkload* found = Found(workload.name);
      if (found == nullptr || found->phase != Phase::kRunning || !found->limits ||
          !workload.container || !IsCurrent(*found))
        continue;
      const Limits wanted = workload.container->limits();
      if (*found->limits == wanted) continue;
      const auto& refused = found->refused_limits;
      if (refused && refused->limits == wanted && refused->at_ms > desired_.retry_at_ms) {
        const int64_t due = std::min(refused->at_ms, now_ms_) + policy_.max_backoff.count();
        NoteDue(due);
        if (due > now_ms_) continue;
      }
      Add(ActionKind::kAdjust, workload.name,
          fmt::format("memory {}, cpus {}", FormatSize(wanted.memory_bytes),
                      static_cast<double>(wanted.nano_cpus) / 1e9));
    }
  }

  bool IsBeingActedOn(const Workload& workload) const {
    return std::ranges::any_of(plan_.steps, [&](const Step& step) {
      return step.action.workload == workload.name && step.waits_for.empty();
    });
  }

  void MendMissing() {
    std::set<std::string> mended;  // several may miss the same
    for (const Workload& workload : desired_.workloads) {
      const ObservedWorkload* const found = Found(workload.name);
      if (found == nullptr || found->phase != Phase::kRunning || IsBeingActedOn(workload)) continue;
      std::vector<std::string> reasons;
      for (const auto& [what, names] :
           {std::pair("gone", &found->missing), std::pair("not wanted", &found->surplus)})
        if (!std::ranges::all_of(*names, [&](const auto& it) { return mended.contains(it); }))
          reasons.push_back(fmt::format("{}: {}", what, fmt::join(*names, ", ")));
      if (const auto small = TooSmallClaims(workload, *found); !small.empty())
        reasons.push_back(fmt::format("too small: {}", fmt::join(small, ", ")));
      if (reasons.empty()) continue;
      if (found->mend_failed_at_ms > desired_.retry_at_ms) {
        const int64_t due =
            std::min(found->mend_failed_at_ms, now_ms_) + policy_.max_backoff.count();
        NoteDue(due);
        if (due > now_ms_) continue;
      }
      mended.insert(found->missing.begin(), found->missing.end());
      mended.insert(found->surplus.begin(), found->surplus.end());
      Add(ActionKind::kMend, workload.name, fmt::format("{}", fmt::join(reasons, "; ")));
    }
  }

  std::vector<std::string> OutdatedOrSilentMasters() const {
    std::vector<std::string> waits_for;
    for (const Workload& workload : desired_.workloads) {
      if (workload.role != Role::kMaster || JoinsLater(workload)) continue;
      const ObservedWorkload* found = Found(workload.name);
      const bool current = found != nullptr && IsCurrent(*found);
      if (!current || !Serves(workload.name))
        waits_for.push_back(workload.name + " to serve the new configuration");
    }
    return waits_for;
  }

  const DesiredCluster& desired_;
  const ObservedCluster& observed_;
  const int64_t now_ms_;
  const RestartPolicy& policy_;
  std::map<std::string, const Workload*, std::less<>> wanted_;
  std::map<std::string, const ObservedWorkload*, std::less<>> found_;
  std::map<std::string, std::string, std::less<>> hashes_;
  std::set<std::string> fetched_;  // images that are fetched, by the plan or already
  std::set<Role> halted_roles_;
  std::optional<QuorumChange> change_;
  Plan plan_;
};

}  // namespace

std::string_view Verb(ActionKind kind) {
  switch (kind) {
    case ActionKind::kStart: return "start";
    case ActionKind::kStop: return "stop";
    case ActionKind::kRemove: return "remove";
    case ActionKind::kDeleteData: return "delete data";
    case ActionKind::kFetch: return "fetch the image of";
    case ActionKind::kCleanUp: return "clean up";
    case ActionKind::kAdjust: return "adjust";
    case ActionKind::kRestore: return "restore";
    case ActionKind::kTransfer: return "transfer leadership from";
    case ActionKind::kDismiss: return "dismiss";
    case ActionKind::kMend: return "mend what is beside";
    case ActionKind::kSetAside: return "set aside the journal of";
    case ActionKind::kPutBack: return "put back the journal of";
  }
  return "";
}

std::vector<Action> Plan::Runnable() const {
  std::vector<Action> actions;
  for (const Step& step : steps)
    if (step.waits_for.empty()) actions.push_back(step.action);
  return actions;
}

int NextCrashCount(int before, int64_t started_at_ms, int64_t exited_at_ms,
                   const RestartPolicy& policy) {
  const bool was_stable = exited_at_ms - started_at_ms >= policy.stable_after.count();
  return was_stable ? 1 : before + 1;
}

std::chrono::milliseconds BackoffAfter(int crashes, const RestartPolicy& policy) {
  std::chrono::milliseconds backoff = policy.initial_backoff;
  for (int i = 1; i < crashes && backoff < policy.max_backoff; ++i) backoff *= 2;
  return std::min(backoff, policy.max_backoff);
}

const ObservedWorkload* LeaderOf(const ObservedCluster& observed) {
  const ObservedWorkload* leader = nullptr;
  for (const ObservedWorkload& workload : observed.workloads) {
    if (!workload.serving || !workload.quorum || !workload.quorum->leads) continue;
    if (leader == nullptr || workload.quorum->term > leader->quorum->term) leader = &workload;
  }
  return leader;
}

bool IsCatchingUp(const ObservedWorkload& master, const ObservedCluster& observed) {
  const ObservedWorkload* const leader = LeaderOf(observed);
  return leader != nullptr && master.quorum && leader != &master &&
         master.quorum->sequence + kMaxLag < leader->quorum->sequence;
}

std::vector<std::string> TooSmallClaims(const Workload& workload, const ObservedWorkload& found) {
  std::vector<std::string> small;
  for (const Volume& volume : workload.volumes) {
    const auto claim = found.claims.find(volume.volume_name);
    if (claim != found.claims.end() && claim->second < volume.claim_bytes)
      small.push_back(volume.volume_name);
  }
  return small;
}

bool Votes(const std::string& quorum_address, const ObservedCluster& observed) {
  const ObservedWorkload* const leader = LeaderOf(observed);
  if (quorum_address.empty() || leader == nullptr || leader->members.empty()) return true;
  return MembershipOf(observed).Votes(quorum_address);
}

Plan MakePlan(const DesiredCluster& desired, const ObservedCluster& observed, int64_t now_ms,
              const RestartPolicy& policy) {
  return Planner(desired, observed, now_ms, policy).Make();
}

std::string ImageKey(const std::string& image, const std::string& node) {
  return node.empty() ? image : fmt::format("{} on node {}", image, node);
}

std::string Describe(const Action& action) {
  if (action.kind == ActionKind::kDismiss)
    return fmt::format("dismiss master {} ({})", action.to, action.reason);
  if (action.workload.empty()) return fmt::format("{} ({})", Verb(action.kind), action.reason);
  const std::string where = action.node.empty() ? "" : fmt::format(" on node {}", action.node);
  return fmt::format("{} {}{} ({})", Verb(action.kind), action.workload, where, action.reason);
}

std::string Describe(const Halt& halt) {
  return fmt::format("{} keeps configuration {}, because {} was refused: {}: {}", halt.workload,
                     halt.running_hash, halt.refusal.config_hash, halt.refusal.reason,
                     halt.refusal.message);
}

std::string Describe(const Plan& plan) {
  std::string text;
  for (const Step& step : plan.steps) {
    text += Describe(step.action);
    if (!step.waits_for.empty())
      text += fmt::format(", waits for {}", fmt::join(step.waits_for, ", "));
    text += '\n';
  }
  for (const std::string& thing : plan.in_progress) text += thing + '\n';
  for (const Halt& halt : plan.halted) text += Describe(halt) + '\n';
  return text;
}

}  // namespace headpond::plan
