#include "master/backup_delegation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"

namespace headpond::master {
namespace {

using State = BackupReport::State;

constexpr std::string_view kComponent = "backup";

// A call may have come through although nobody said so.
bool IsSilence(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
}

// Failures of a master; those of the under-store would meet the next one too.
bool MayGoBetterElsewhere(const BackupReport& report) {
  return report.state == State::kFailed &&
         (IsSilence(report.error) || report.error.code() == Code::kCancelled);
}

int RankOf(State state) {
  switch (state) {
    case State::kUnknown: return 0;
    case State::kFailed: return 1;
    case State::kInitiating: return 2;
    case State::kRunning: return 3;
    case State::kCompleted: return 4;
  }
  return 0;
}

struct Found {
  std::string address;
  BackupReport report;
};

Found FindBest(BackupPeers& peers, const std::string& id) {
  Found best{.report = {.id = id}};
  for (const BackupPeers::Peer& peer : peers.Others()) {
    auto report = peers.Look(peer.address, id);
    if (report.ok() && RankOf(report->state) > RankOf(best.report.state))
      best = {peer.address, *std::move(report)};
  }
  return best;
}

bool IsAvailable(const BackupPeers& peers, const std::string& address) {
  return std::ranges::any_of(peers.Others(), [&](const BackupPeers::Peer& peer) {
    return peer.address == address && peer.available;
  });
}

}  // namespace

BackupReport LookElsewhere(BackupPeers& peers, const std::string& id) {
  return FindBest(peers, id).report;
}

Result<BackupReport> BackupDelegation::Follow(const std::string& address, const std::string& id) {
  auto heard = std::chrono::steady_clock::now();
  for (;;) {
    const auto report = peers_.Look(address, id);
    const auto now = std::chrono::steady_clock::now();
    if (report.ok()) {
      heard = now;
      if (report->state == State::kUnknown)
        return Unavailable("{} knows of no backup {}, or was started anew", address, id);
      if (report->ended()) return *report;
      progress_(*report);
    } else if (now - heard >= options_.abandon || !IsAvailable(peers_, address)) {
      return Unavailable("{} is silent: {}", address, report.status().message());
    }
    if (!pause_(options_.poll)) return Cancelled("the master serves no more");
  }
}

Result<BackupReport> BackupDelegation::Resume(const std::string& id) {
  const Found found = FindBest(peers_, id);
  if (found.report.state == State::kUnknown) return NotFound("no other master knows {}", id);
  if (found.report.ended()) return found.report;
  progress_(found.report);
  auto end = Follow(found.address, id);
  if (end.ok() || end.status().code() == Code::kCancelled) return end;
  return NotFound("{}", end.status().message());
}

Result<BackupReport> BackupDelegation::MakeAt(const std::string& address,
                                              const BackupOrder& order) {
  const auto begun = peers_.Begin(address, order);
  if (!begun.ok() && !IsSilence(begun.status())) return begun.status();
  if (begun.ok() && begun->ended()) return *begun;
  if (begun.ok()) progress_(*begun);
  auto end = Follow(address, order.id);
  // It never began: why it did not is the better reason.
  return !end.ok() && !begun.ok() && IsSilence(end.status()) ? begun.status() : end;
}

Result<BackupReport> BackupDelegation::Make(const BackupOrder& order) {
  auto peers = peers_.Others();
  std::ranges::stable_sort(peers, {}, &BackupPeers::Peer::lag);
  std::vector<std::string> why;
  for (const BackupPeers::Peer& peer : peers) {
    if (!peer.available) {
      why.push_back(fmt::format("{} is away", peer.address));
      continue;
    }
    auto end = MakeAt(peer.address, order);
    if (end.status().code() == Code::kCancelled) return end;
    if (end.ok() && !MayGoBetterElsewhere(*end)) return end;
    const Status& reason = end.ok() ? end->error : end.status();
    why.push_back(fmt::format("{}: {}", peer.address, reason.message()));
    LogWarn(kComponent, "{}: not by {}: {}", order.id, peer.address, reason.message());
  }
  return FailedPrecondition("no other master could make it ({})", fmt::join(why, "; "));
}

}  // namespace headpond::master
