#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "consensus/consensus.h"
#include "io/env.h"
#include "journal/snapshot_file.h"

namespace headpond::journal {

// The snapshots in a member's folder: files of snapshot_file.h whose stamps are their places in the
// raft log. Thread safe.
class Snapshots final : public consensus::SnapshotStore {
 public:
  Snapshots(io::Env& env, std::string folder, std::string cluster_id, Random random)
      : env_(env),
        folder_(std::move(folder)),
        cluster_id_(std::move(cluster_id)),
        random_(random) {}

  struct Newest {
    uint64_t first_sequence = 1;  // the first entry that it does not replace
    uint64_t shown_sequence = 0;  // the last entry that it may show
    consensus::SnapshotMeta meta;
  };

  // Removes what no process will finish. Once, at the start.
  Status RemoveUnfinished() EXCLUDES(mutex_);

  // Reads the newest one: whole first, then to `on_record`, so that half of one never gets there.
  // Errors: DataLoss naming the file, when it is damaged or missing.
  Result<Newest> Read(const std::function<Status(std::string_view)>& on_record) EXCLUDES(mutex_);

  // The next one, of the state without the entries from `first_sequence` on.
  Result<std::unique_ptr<SnapshotWriter>> Create(uint64_t first_sequence) EXCLUDES(mutex_);
  // Makes it the newest.
  Status Publish(SnapshotWriter& writer, uint64_t first_sequence, uint64_t shown_sequence,
                 const consensus::SnapshotMeta& meta) EXCLUDES(mutex_);
  // Removes all but the newest, once the log does not need them.
  Status RemoveOld() EXCLUDES(mutex_);

  Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t index) override
      EXCLUDES(mutex_);
  Result<std::unique_ptr<consensus::SnapshotSink>> ReceiveSnapshot(uint64_t index,
                                                                   uint64_t term) override;

 private:
  class Sink;

  Result<consensus::SnapshotMeta> Install(const std::string& temporary, uint64_t index,
                                          uint64_t term) EXCLUDES(mutex_);

  io::Env& env_;
  const std::string folder_;
  const std::string cluster_id_;
  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  std::map<uint64_t, uint64_t> first_sequences_ GUARDED_BY(mutex_);  // by index in the raft log
};

}  // namespace headpond::journal
