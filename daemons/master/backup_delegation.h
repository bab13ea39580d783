#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "master/backup_report.h"

// A backup that another master makes, so that the leader has its time for clients
// (docs/adr/0019-backups.md).
namespace headpond::master {

// What another master is asked for.
struct BackupOrder {
  std::string id;
  std::string folder;     // a URI on the root under-store
  uint64_t sequence = 0;  // the journal's entry that it has to show
};

// The other masters of a quorum. Thread safe. Begin and Look block, for some seconds at most;
// Unavailable or DeadlineExceeded when the other one is silent.
class BackupPeers {
 public:
  struct Peer {
    std::string address;     // of its journal port
    bool available = false;  // the quorum has heard from it lately
    uint64_t lag = 0;        // entries of the leader's log that it may not have
  };

  virtual ~BackupPeers() = default;
  // Those that vote.
  virtual std::vector<Peer> Others() const = 0;
  // How it stands then. Errors: those of Backups::Begin.
  virtual Result<BackupReport> Begin(const std::string& address, const BackupOrder& order) = 0;
  // kUnknown: that master made none with this id lately.
  virtual Result<BackupReport> Look(const std::string& address, const std::string& id) = 0;
};

// What the other masters know of a backup: the best of it, since one that gave up may know less.
// Blocks.
BackupReport LookElsewhere(BackupPeers& peers, const std::string& id);

// The leader's side of one such backup. Blocks, for as long as the backup takes.
class BackupDelegation {
 public:
  struct Options {
    // After so long a silence, or at once when the quorum does not hear from it either, a master
    // counts as lost.
    std::chrono::milliseconds abandon;
    std::chrono::milliseconds poll;
  };
  using Progress = std::function<void(const BackupReport&)>;
  // Waits; false: not any longer, it is over.
  using Pause = std::function<bool(std::chrono::milliseconds)>;

  // `peers` outlives it.
  BackupDelegation(BackupPeers& peers, Options options, Progress progress, Pause pause)
      : peers_(peers),
        options_(options),
        progress_(std::move(progress)),
        pause_(std::move(pause)) {}

  // The end of one that was begun for an earlier leader. Errors: NotFound when there is none, or
  // its master was lost; Cancelled.
  Result<BackupReport> Resume(const std::string& id);
  // Its end, completed or failed. Asks one master after the other, each once, the one that has most
  // first, until one of them comes to an end that the next one would come to as well. Errors:
  // FailedPrecondition, with what was wrong with each of them; Cancelled.
  Result<BackupReport> Make(const BackupOrder& order);

 private:
  // Until it ends. Unavailable: the master, or its backup, was lost.
  Result<BackupReport> Follow(const std::string& address, const std::string& id);
  Result<BackupReport> MakeAt(const std::string& address, const BackupOrder& order);

  BackupPeers& peers_;
  const Options options_;
  const Progress progress_;
  const Pause pause_;
};

}  // namespace headpond::master
