#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::journal {

// Receives durable state in order at start: first the records of the newest snapshot, then every entry
// appended at or after the moment that snapshot began.
class Replayer {
 public:
  virtual ~Replayer() = default;
  virtual Status OnSnapshotRecord(std::string_view record) = 0;
  virtual Status OnEntry(uint64_t sequence, std::string_view entry) = 0;
};

// Produces the records of a snapshot, called repeatedly on the journal's snapshot thread until it
// returns no record. It may run beside Append: the snapshot is fuzzy, i.e. may show the effect of entries appended
// since it began; entries must therefore be idempotent and replayable over any later state (docs/adr, journal format).
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // The next batch of records; empty at the end. Holds the caller's locks for one batch only.
  virtual Result<std::vector<std::string>> NextBatch() = 0;
};

// The order of all changes of a master, made durable. Local files now; an embedded quorum and a shared
// folder implement the same interface and pass the same suite (journal_conformance.h).
//
//   Recover ── once ──> { Append ... WhenDurable ... } ── Snapshot at times ──> Stop
//
// Thread safe except where noted.
class Journal {
 public:
  virtual ~Journal() = default;

  // Reads everything back. Once, before anything else. A torn tail (a record cut short by a crash) is
  // cut off and logged with its file and offset; damage anywhere else is DataLoss naming file, offset and the remedy
  // (`headpond journal verify`).
  virtual Status Recover(Replayer& replayer) = 0;

  // OK while entries may be appended. Unavailable when a write or sync failed (the process must
  // restart) or after Stop; ResourceExhausted while more than the limit of bytes waits for the disk.
  // Checked by the caller before it changes its state.
  virtual Status CheckWritable() const = 0;

  // Buffers one entry and returns its sequence number, from 1, without gaps. Does no I/O. Calls are
  // serialised by the caller's own lock, so that their order is the order of the changes.
  virtual uint64_t Append(std::string entry) = 0;

  // Calls `done` exactly once: with OK when all entries up to `sequence` are on disk (at once, on this
  // thread, if they are already), else with the error, from the journal's thread. `done` must be quick and must not
  // call Append.
  virtual void WhenDurable(uint64_t sequence, std::function<void(Status)> done) = 0;

  virtual uint64_t last_sequence() const = 0;     // of Append
  virtual uint64_t durable_sequence() const = 0;  // on disk

  // Writes a snapshot beside running appends, then removes the log before it. Blocks the caller (a
  // background thread), never appenders. Published only once every entry it may reflect is durable.
  virtual Status Snapshot(SnapshotSource& source) = 0;

  // Makes everything appended durable, then closes. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace headpond::journal
