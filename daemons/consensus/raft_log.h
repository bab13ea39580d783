#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "consensus/raft_core.h"
#include "consensus/raft_log_folder.h"
#include "consensus/raft_log_index.h"
#include "consensus/raft_log_records.h"
#include "io/env.h"
#include "io/frame_reader.h"
#include "io/log_writer.h"

namespace headpond::consensus {

struct RaftLogOptions {
  std::string folder;
  NodeIdentity identity;
  // A file that has reached this size is followed by a new one; whole files are removed behind
  // snapshots.
  int64_t segment_bytes = 64 << 20;
  // How far ahead of its records a file is filled with zeros (io::WritableFile::Preallocate).
  int64_t fill_bytes = 1 << 20;
  // Entries that one write and one fdatasync make durable together, at most (one larger entry goes
  // alone).
  int64_t max_frame_bytes = 8 << 20;
  // Recent entries that are kept in memory too: what peers in step are sent.
  int64_t cache_bytes = 16 << 20;
  Random random = Random::FromSystem();  // of the salts of files
};

// The durable state of one node: its entries, its promises (HardState) and where its newest
// snapshot stands. Files of frames (io/frame_format.h) that are only ever appended to: an entry
// that replaces a conflicting one is written behind it, and reading takes the later.
//
// Not thread safe: the node's thread owns it. After an error of a write nothing more is taken, and
// every call that writes returns that error: the process must not go on as if it had promised
// nothing.
class RaftLog final : public LogReader {
 public:
  // Takes the folder's lock and reads everything. A torn tail is cut off and logged with its file
  // and offset.
  // Errors: FailedPrecondition when the folder is not formatted, or another node's; Unavailable
  // while another process uses it; DataLoss naming file, offset and remedy for damage anywhere but
  // in a torn tail, and for files that are missing.
  static Result<std::unique_ptr<RaftLog>> Open(io::Env& env, RaftLogOptions options);
  ~RaftLog() override;

  const HardState& hard_state() const { return state_; }
  const SnapshotMeta& snapshot() const { return mark_.snapshot; }
  uint64_t compacted_index() const { return index_.compacted_index(); }
  const NodeIdentity& identity() const { return options_.identity; }

  // Durable when it returned OK. The entries are consecutive; where the first is not new, it and
  // all after it are replaced. One write and one fdatasync; none when nothing but the commit index
  // changed, which goes along with the next.
  Status Append(const std::vector<Entry>& entries, const std::optional<HardState>& state);

  // Entries up to `commit` are agreed on. It goes along with the next write.
  void LearnCommit(uint64_t commit);
  // Makes sure of that for an entry that changes who the members are, before the change counts: a
  // node that forgot it would hold elections among those who were members before.
  Status WriteCommit(uint64_t commit);

  // A snapshot up to `snapshot.index`, an index of this log, exists durably: entries up to
  // `compact_to`, not past it, are of no use any more. Removes the files that hold no others.
  Status Compact(const SnapshotMeta& snapshot, uint64_t compact_to);

  // A snapshot from a peer exists durably: the log goes on behind it, and no entry stays.
  Status Replace(const SnapshotMeta& snapshot);

  // Closes the file in order and releases the folder. Idempotent.
  void Close();

  // LogReader. Entries that are not in memory are read from disk.
  uint64_t first_index() const override { return index_.first_index(); }
  uint64_t last_index() const override { return index_.last_index(); }
  Result<uint64_t> Term(uint64_t index) const override;
  Result<std::vector<Entry>> Entries(uint64_t low, uint64_t high,
                                     uint64_t max_bytes) const override;
  Result<SnapshotMeta> NewestSnapshot(uint64_t request_index) const override;

 private:
  RaftLog(io::Env& env, RaftLogOptions options, std::unique_ptr<io::FileLock> lock);

  // Recovery.
  Status Recover();
  void ForgetAll();
  Status ReadFile(uint64_t first_frame, bool newest);
  Status SettleTail(io::FrameReader& reader, const std::string& path, bool newest,
                    int64_t last_frame_offset);
  Status TakeFrame(const io::Frame& frame, const std::string& path, RaftLogIndex::Place place);
  Status TakeEntry(const Entry& entry, RaftLogIndex::Place place);
  Status TakeRecord(LogRecord record, RaftLogIndex::Place place);
  Status CheckNothingMissing() const;

  // Writing.
  Result<size_t> BeginFrame(const std::string& record, std::span<const Entry> entries);
  Result<RaftLogIndex::Place> WriteFrame();
  Status WriteMark(const SnapshotRecord& record);
  Status StartFile();
  Status RemoveUnused();
  Status Fail(const Status& cause);
  void Remember(const Entry& entry);
  void ForgetOldest();

  // Reading.
  const Entry* Recent(uint64_t index) const;
  Result<const std::vector<Entry>*> ReadFrameAt(RaftLogIndex::Place place) const;

  io::Env& env_;
  RaftLogOptions options_;
  std::unique_ptr<io::FileLock> lock_;
  Status failure_;

  HardState state_;
  uint64_t written_commit_ = 0;  // of state_, as far as it is durable
  LogMark mark_;
  RaftLogIndex index_;
  uint64_t next_frame_ = 1;
  std::vector<uint64_t> files_;  // by first frame; the last is being written

  std::unique_ptr<io::LogWriter> file_;
  bool file_has_base_ = false;
  bool needs_base_ = true;  // of the next file that is read
  io::FrameBuilder frame_;

  std::deque<Entry> recent_;  // the last entries, without gaps
  int64_t recent_bytes_ = 0;
  // The file and the frame of it that were read last: peers that lag read one after the other.
  mutable std::optional<io::FrameReader> reader_;
  mutable uint64_t reader_file_ = 0;
  mutable RaftLogIndex::Place frame_place_;
  mutable std::vector<Entry> frame_entries_;
};

}  // namespace headpond::consensus
