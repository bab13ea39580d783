#pragma once

#include <chrono>

#include "base/result.h"
#include "consensus/consensus.h"
#include "journal/journal.h"

namespace headpond::journal {

// A journal that several masters keep together. One of them leads, appends and serves; the others
// follow, so that the next to lead has everything applied.
//
//   Recover ──> Follow ──> kPromoted: lead (Append, WhenDurable, Snapshot) ──> AwaitDemotion
//      ^           │                                                              │
//      └───────────┴── kRebuild ──── drop the state and begin again <─────────────┘
//
// Recover gives the newest snapshot, Follow every entry since. Both are called from one thread, the
// owner's; Recover may be called again after Follow returned kRebuild, or after leadership was
// lost: the state may then hold changes that were never agreed on. In between CheckWritable says
// Unavailable with the leader's address. A standby may take snapshots too.
class ReplicatedJournal : public Journal {
 public:
  enum class Followed {
    kPromoted,  // this master leads, and everything agreed on before is applied
    kRebuild,   // a snapshot of the leader's took the place of what came next
    kStopped,
  };

  // Hands on what is agreed on, for as long as this master does not lead. Blocks. Errors: of the
  // replayer; Unavailable with the reason when the node failed.
  virtual Result<Followed> Follow(Replayer& replayer) = 0;

  // Until this master does not lead any more, or `deadline`; whether it does not. What waited for
  // durability was answered with Unavailable by then: nobody knows what becomes of it.
  virtual bool AwaitDemotion(std::chrono::steady_clock::time_point deadline) = 0;

  // CheckReadable: Unavailable, with the leader's address if known, on a standby, and on a leader
  // that no majority has confirmed lately.

  // The node, for its status and for what operators ask of it. Null before Recover.
  virtual consensus::Consensus* node() = 0;
};

}  // namespace headpond::journal
