#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "io/env.h"
#include "journal/journal.h"

namespace headpond::journal {

// Says whether this process may still write, for a folder that another one can take over. Called
// from the writer's thread; may block on I/O. Aborted: it may not, and never again; other errors
// are failures of the disk.
class WriteGuard {
 public:
  virtual ~WriteGuard() = default;
  // For a folder that nobody else takes.
  static WriteGuard& None();
  // Before each write.
  virtual Status MayWrite() = 0;
  // After each sync, before anyone is told that something is durable.
  virtual Status MayAcknowledge() = 0;
};

struct LocalJournalOptions {
  std::string folder;
  // A log file that has reached this size is followed by a new one. Stock's
  // alluxio.master.journal.log.size.bytes.max is 10 MB; a new file costs two more syncs, and only
  // snapshots free space, so there is nothing to win with small files.
  int64_t segment_bytes = 64 << 20;
  // Bytes of entries that may wait for the disk before CheckWritable says ResourceExhausted.
  int64_t max_pending_bytes = 64 << 20;
  // Entries that one write and one fdatasync make durable together, at most (one larger entry goes
  // alone).
  int64_t max_batch_bytes = 4 << 20;
  // How far ahead of its entries a log file is filled with zeros (io::WritableFile::Preallocate):
  // some thousand small changes. Each refill is one larger write that a sync waits for.
  int64_t fill_bytes = 1 << 20;
  // How far apart flushes start, at least, while several writers are at it (gathering.h). Below the
  // millisecond that a change of stock's takes, and above what a flush takes on a local SSD.
  std::chrono::microseconds gather_window{1000};
  // Older snapshots that are kept beside the newest, with the log from the oldest of them on, for
  // those who read along.
  size_t kept_snapshots = 0;
  WriteGuard* guard = &WriteGuard::None();  // outlives the journal
  // How long Snapshot waits at its end for the disk to take what was appended.
  std::chrono::milliseconds snapshot_timeout = std::chrono::minutes(5);
  Random random = Random::FromSystem();   // of the salts of files
  const Clock* clock = &Clock::System();  // measures flushes
  // Gets the timer Master.JournalFlushTimer: one write and fdatasync (compat/metrics.md). May be
  // null; outlives the journal.
  MetricsRegistry* metrics = nullptr;
};

// The journal in files of one folder (format.h, docs/adr/0004-journal-format.md). One thread of its
// own writes: it takes everything that waits, makes it durable with one write and one fdatasync,
// and runs the callbacks; what arrives meanwhile, or shortly after, is the next batch. `env`
// outlives the journal.
//
// Holds the folder's lock from here to Stop. Errors: FailedPrecondition when the folder is not
// formatted or of another version, Unavailable naming the holder when another process uses it.
Result<std::unique_ptr<Journal>> OpenLocalJournal(io::Env& env, LocalJournalOptions options);

// Begins a journal at entry `first_sequence`, in a folder that is there and has no log: it is
// running, and needs no Recover. The newest snapshot, wherever it is, replaces the entries before
// `snapshot_sequence`. Neither stamp nor lock: whose the folder is the caller knows.
Result<std::unique_ptr<Journal>> StartLocalJournal(io::Env& env, LocalJournalOptions options,
                                                   const std::string& cluster_id,
                                                   uint64_t first_sequence,
                                                   uint64_t snapshot_sequence);

// Makes an empty or absent folder the journal of a cluster (an id of 1 to 64 bytes without line
// breaks, such as a UUID). With `force` a folder that has files is emptied of the journal's first;
// files that are no part of a journal stay. The journal begins with the state of `initial`, or with
// nothing. Errors: FailedPrecondition without `force` when there are files, naming one; Unavailable
// when a master uses it; those of `initial`.
Status FormatLocalJournal(io::Env& env, const std::string& folder, const std::string& cluster_id,
                          bool force, SnapshotSource* initial = nullptr);

// True when the folder is absent, or has nothing in it that FormatLocalJournal would refuse: a
// master may format it by itself.
Result<bool> IsBlankJournalFolder(io::Env& env, const std::string& folder);

// The id given to FormatLocalJournal. Errors: FailedPrecondition when the folder is not formatted.
Result<std::string> ReadJournalClusterId(io::Env& env, const std::string& folder);

// Makes what is a journal's folder none any more, durably: its files stay, but nobody opens them
// as a journal. OK when it is none.
Status RetireLocalJournal(io::Env& env, const std::string& folder);

}  // namespace headpond::journal
