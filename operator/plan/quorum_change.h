#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/plan/membership.h"
#include "operator/plan/plan.h"

namespace headpond::plan {

// How the masters that take part become those that are wanted: one that is too many leaves the
// quorum, and is stopped after that; one that is missing is started, gets the journal and a vote.
// One at a time, those that leave first; who joins comes last, when all daemons have the list that
// names it: whoever leads next, workers find it. Lives for one call of MakePlan; the arguments
// outlive it.
class QuorumChange {
 public:
  // Answers for the wanted daemon of this name.
  using Question = std::function<bool(const std::string& name)>;
  // `serves`: it runs, serves and has caught up. `outdated`: it runs with another configuration.
  QuorumChange(const DesiredCluster& desired, const ObservedCluster& observed, Question serves,
               Question outdated);

  const Membership& membership() const { return membership_; }

  // A wanted one that is no member, though others are: it joins them when it is started. Others
  // begin a new cluster together, and are started together.
  bool IsToJoin(const Workload& master) const;
  // Keeps its journal alone, and begins a quorum with it when it is started anew.
  bool IsAlone(const ObservedWorkload& master) const;
  // What the start of one that is to join waits for.
  std::vector<std::string> JoinWaitsFor(const Workload& master) const;

  // What has members leave that are not wanted. A leader among them lets `successor` lead first;
  // without one it is stopped, and hands over when it ends.
  std::vector<Step> Departures(const ObservedWorkload* successor) const;
  // What the end of a master waits for that is not wanted.
  std::vector<std::string> EndWaitsFor() const;
  // What a wanted one waits for that serves and is to get another configuration.
  std::vector<std::string> RollWaitsFor() const;
  bool IsShrinking() const { return !leaving_.voters.empty() || !leaving_.learners.empty(); }

  // As Plan::joining and Plan::leaving.
  std::vector<std::string> Joining() const;
  std::vector<std::string> Leaving() const;

 private:
  bool IsWanted(const std::string& name) const { return wanted_names_.contains(name); }
  const ObservedWorkload* Found(const std::string& name) const;
  // The only master there is, which keeps its journal alone or did so before it was started anew;
  // null: there is none, or it fails.
  const ObservedWorkload* Founder() const;
  std::vector<std::string> LeaveWaitsFor(const QuorumMember& member) const;
  std::vector<std::string> Extras() const;  // masters that are there and not wanted

  const DesiredCluster& desired_;
  const ObservedCluster& observed_;
  const Question serves_, outdated_;
  const Membership membership_;
  std::vector<const Workload*> masters_;  // the wanted ones, if they are a quorum
  std::set<std::string> wanted_names_, wanted_addresses_;
  plan::Leaving leaving_;
};

}  // namespace headpond::plan
