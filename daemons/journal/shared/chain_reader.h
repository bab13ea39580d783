#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "io/env.h"
#include "io/frame_format.h"
#include "journal/journal.h"
#include "journal/shared/epochs.h"

namespace headpond::journal {

// Reads a shared journal from its newest snapshot to its end, and on while it grows. Changes
// nothing. Not thread safe.
//
// Aborted, from any of its calls: begin again with a new reader and a new state. The files that
// come next were replaced by a snapshot, or what was read last is no part of the journal after all:
// its master lost it, or wrote it when another one had taken over already.
class ChainReader {
 public:
  ChainReader(io::Env& env, const Epochs& epochs, std::string cluster_id)
      : env_(env), epochs_(epochs), cluster_id_(std::move(cluster_id)) {}

  // Once, first. Errors: those of the replayer; DataLoss naming file and remedy.
  Status ReadSnapshot(Replayer& replayer);

  // What has been added since. The number of entries; 0 says that there are no more now. Errors:
  // as above.
  Result<uint64_t> ReadMore(Replayer& replayer);

  // DataLoss, naming file and offset, when what was read ends before something that was durable
  // once. Not while its master writes.
  Status CheckEnd() const;
  // Makes all that was read durable, for the one who builds on it: what was written last, and the
  // names of the files, may not be so already. Errors: also those of CheckEnd.
  Status Settle();

  // The chain of an epoch that builds on what was read.
  Chain ContinuedBy(uint64_t epoch) const;

  uint64_t applied() const { return applied_; }  // the last entry given
  // The first entry that the snapshot does not replace, and the last one that it may show.
  uint64_t snapshot_first() const { return snapshot_first_; }
  uint64_t shown() const { return shown_; }
  bool begun() const { return !chain_.empty(); }  // whether any epoch is

 private:
  // Where reading goes on.
  struct Place {
    uint64_t epoch = 0;
    uint64_t log = 0;  // named by its first entry; 0: to be found
    int64_t offset = 0;
  };

  Status RefreshChain();
  Status CheckStillPart() const;
  // The segment that holds the entry after applied_, and where it ends (inclusive).
  Result<Segment> NextSegment() const;
  uint64_t EndOf(const Segment& segment) const;
  Result<bool> FindLog(const Segment& segment);
  Status ReadLog(const Segment& segment, Replayer& replayer);
  Status Take(const std::string& path, const io::Frame& frame, uint64_t end, Replayer& replayer);
  // An entry that should be there is not.
  Status Missing() const;
  Result<std::vector<Segment>> Snapshots() const;
  // Without the epochs that the snapshot makes needless.
  Chain Needed() const;

  io::Env& env_;
  const Epochs& epochs_;
  const std::string cluster_id_;
  uint64_t chain_epoch_ = 0;
  Chain chain_;
  Place place_;
  uint64_t applied_ = 0;
  uint64_t applied_epoch_ = 0;  // that the last entry was read from; 0: from a snapshot
  uint64_t snapshot_first_ = 1;
  uint64_t snapshot_epoch_ = 0;
  uint64_t shown_ = 0;
  std::string last_log_;
  int64_t last_frame_ = 0;
};

}  // namespace headpond::journal
