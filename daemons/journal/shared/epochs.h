#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/env.h"

namespace headpond::journal {

// The folder that several masters share, of whom one writes at a time (docs/adr/0021-zookeeper.md):
//
//   SHARED                  the stamp: format version and cluster id
//   <epoch>.claim           made by the master that wants to write from now on, and by nobody twice
//   <epoch>.begin           the chain of that epoch; its master serves only after this
//   <epoch>.epoch/          its logs and snapshots, in the format of a local journal
//
// Nobody but its master writes into an epoch. Why a master that was stopped (SIGSTOP, a hanging
// mount) and goes on later can neither change the journal nor acknowledge anything:
//
//   the old master              the new master
//   write, fdatasync            claim a newer epoch
//   look for newer claims       read the old epoch to its end, make that durable
//   none: acknowledge           begin: the chain says where the old epoch ends
//
// If the old one saw no newer claim, the new one claimed later, so it read after the old one's
// sync, and what was acknowledged is in the chain. If it saw one, it acknowledges nothing. What it
// writes after it was read lies behind the end that the chain gives it, where nobody reads. The
// same holds between a new master's begin and a still newer one's claim: it serves only if, after
// its begin was durable, there was no newer claim; so whoever claims later finds its begin and
// builds on it.
//
// All of this asks of the file system is that exclusive creation is exclusive and that a listing
// shows what was created before it: Env::List asks the server of a network file system anew.

inline constexpr char kSharedStampName[] = "SHARED";

// An epoch that counts, and its first entry. It ends before the next one's first.
struct Segment {
  uint64_t epoch = 0;
  uint64_t first = 0;
  bool operator==(const Segment&) const = default;
};
using Chain = std::vector<Segment>;  // in the order of both numbers

// Not thread safe, but for CheckNewest.
class Epochs {
 public:
  Epochs(io::Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  std::string LogFolder(uint64_t epoch) const;

  struct Names {
    uint64_t claimed = 0;  // the newest; 0: none
    uint64_t begun = 0;    // likewise
  };
  Result<Names> List() const;

  // A new epoch, claimed durably. `owner` is for who looks into the folder.
  Result<uint64_t> Claim(const std::string& owner);
  // Makes the epoch's chain durable; its last segment is the epoch itself.
  Status Begin(uint64_t epoch, const Chain& chain);
  // Errors: NotFound when it has been cleaned up; DataLoss when it makes no sense.
  Result<Chain> ReadChain(uint64_t epoch) const;
  // Aborted when a newer epoch has been claimed.
  Status CheckNewest(uint64_t epoch) const;

  // Removes what is older than `epoch`, whose own files are enough.
  Status RemoveBefore(uint64_t epoch);

 private:
  io::Env& env_;
  const std::string folder_;
};

// The cluster id of the stamp; nothing when there is none. Errors: DataLoss, FailedPrecondition for
// another version.
Result<std::optional<std::string>> ReadSharedStamp(io::Env& env, const std::string& folder);
// Makes the folder if need be. Several masters may write the same id.
Status WriteSharedStamp(io::Env& env, const std::string& folder, const std::string& cluster_id);

// OK when the folder can be written, or can be made. `name`: of a file that no other process uses.
Status CheckSharedFolder(io::Env& env, const std::string& folder, const std::string& name);

}  // namespace headpond::journal
