#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::journal {

// Receives durable state in order at start: first the records of the newest snapshot, then every
// entry appended at or after the moment that snapshot began.
class Replayer {
 public:
  virtual ~Replayer() = default;
  virtual Status OnSnapshotRecord(std::string_view record) = 0;
  virtual Status OnEntry(uint64_t sequence, std::string_view entry) = 0;
  // What was given so far makes a state that once was: the snapshot shows nothing that is still to
  // come. Once, before the journal takes entries.
  virtual Status OnSettled() { return Status::Ok(); }
};

// Produces the records of a snapshot, called repeatedly on the journal's snapshot thread until it
// returns no record. It may run beside Append: the snapshot is fuzzy, i.e. may show the effect of
// entries appended since it began; entries must therefore be idempotent and replayable over any
// later state (docs/adr, journal format).
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // The next batch of records; empty at the end. Holds the caller's locks for one batch only.
  virtual Result<std::vector<std::string>> NextBatch() = 0;
};

// The order of all changes of a master, made durable. Local files now; an embedded quorum and a
// shared folder implement the same interface and pass the same suite (journal_conformance.h).
//
//   Recover ── once ──> { Append ... WhenDurable ... } ── Snapshot at times ──> Stop
//
// Thread safe except where noted.
class Journal {
 public:
  virtual ~Journal() = default;

  // Reads everything back. Once, before anything else. A torn tail (a record cut short by a crash)
  // is cut off and logged with its file and offset; damage anywhere else is DataLoss naming file,
  // offset and the remedy
  // (`headpond journal verify`).
  virtual Status Recover(Replayer& replayer) = 0;

  // OK while entries may be appended. Unavailable when a write or sync failed (the process must
  // restart) or after Stop; ResourceExhausted while more than the limit of bytes waits for the
  // disk. Checked by the caller before it changes its state.
  virtual Status CheckWritable() const = 0;

  // OK when what is applied here is the newest there is: asked before what was read is answered. A
  // journal that others write too is Unavailable when this process may have been cut off from them.
  // Costs a look at the clock at most.
  virtual Status CheckReadable() const { return Status::Ok(); }

  // Buffers one entry and returns its sequence number, from 1, without gaps. Does no I/O. Calls are
  // serialised by the caller's own lock, so that their order is the order of the changes; the
  // change itself is made under that lock too, so that no snapshot which begins after this returned
  // misses it. When the journal can't take it (CheckWritable), the number is returned all the same
  // and waiting for it gives the error.
  virtual uint64_t Append(std::string entry) = 0;

  // Calls `done` exactly once: with OK when all entries up to `sequence` are on disk, else with the
  // error; from the journal's thread, or at once on this one if the outcome is known already.
  // `done` must be quick and must not call Append, Snapshot or Stop.
  virtual void WhenDurable(uint64_t sequence, std::function<void(Status)> done) = 0;

  virtual uint64_t last_sequence() const = 0;     // of Append
  virtual uint64_t durable_sequence() const = 0;  // on disk
  // The first entry that the newest snapshot does not replace, from 1: last_sequence() -
  // snapshot_sequence() + 1 entries would be replayed now.
  virtual uint64_t snapshot_sequence() const = 0;

  // Writes a snapshot beside running appends, then removes the log before it. Blocks the caller (a
  // background thread), never appenders. Published only once every entry it may reflect is durable.
  // One at a time: FailedPrecondition while another runs. A failed snapshot changes nothing;
  // Unavailable once the journal failed or is being stopped. Must have returned before the journal
  // is destroyed.
  virtual Status Snapshot(SnapshotSource& source) = 0;

  // Makes everything appended durable, then closes. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace headpond::journal
