#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "meta/inode.h"
#include "meta/mount_table.h"

namespace headpond::meta {

// A mutation stays below this many puts, so that a journal record stays far below its limit of 128
// MiB (io/frame_format.h) and the namespace is not locked for long. Operations on whole subtrees
// that write more say so by `more` in their plan: apply it and plan again with the same request.
inline constexpr size_t kMaxPutsPerMutation = 100'000;

// One atomic change of a namespace: what an operation plans, the journal stores and Apply executes.
// It is physical (states, not steps), so that applying it twice, or over a state that already shows
// later changes, ends in the same namespace: journal snapshots are taken beside running operations
// (journal/journal.h).
struct Mutation {
  struct Touch {
    InodeId id = kNoInode;
    std::optional<int64_t> modification_ms;
    std::optional<int64_t> access_ms;
    friend bool operator==(const Touch&, const Touch&) = default;
  };
  struct BlockCount {  // blocks handed out to a file that is still open
    InodeId file_id = kNoInode;
    uint32_t count = 0;
    friend bool operator==(const BlockCount&, const BlockCount&) = default;
  };
  struct BlockLength {  // a block that a worker has committed to a file that is still open
    BlockId block_id = 0;
    int64_t length = 0;
    friend bool operator==(const BlockLength&, const BlockLength&) = default;
  };

  int64_t op_time_ms = 0;
  OperationId operation_id;       // a client's request that is complete with this
  std::vector<InodeRecord> puts;  // parents before children when both are new
  std::vector<InodeId> removed;   // every inode of a removed subtree
  std::vector<Touch> touched;
  std::vector<BlockCount> block_counts;
  std::vector<BlockLength> block_lengths;
  // High-water marks of the id generators; the larger of two wins. 0: unchanged.
  int64_t next_container = 0;
  InodeId next_directory_id = 0;
  std::vector<MountInfo> mount_puts;
  std::vector<std::string> mount_removals;  // namespace paths
  std::map<std::string, std::map<std::string, std::string>>
      path_config_puts;  // path -> its properties, all of them
  std::vector<std::string> path_config_removals;
  std::map<std::string, UfsMode> ufs_modes;  // under-store URI -> mode
  std::string cluster_id;
  // Workers that serve from now on, or no more, by "host:port".
  std::vector<std::string> worker_puts;
  std::vector<std::string> worker_removals;
  std::vector<OperationId> completed_operations;  // snapshots only, oldest first

  // True when applying it changes nothing: nothing to journal (a retried operation, a rename to
  // itself).
  bool empty() const;
  friend bool operator==(const Mutation&, const Mutation&) = default;
};

// The journal's payload of one mutation; a snapshot record has the same form. The format is
// journal_format.proto: fields may be added, never renumbered.
std::string EncodeMutation(const Mutation& mutation);
// DataLoss, naming the field, for bytes that are no mutation or hold values out of range. Unknown
// fields are ignored.
Result<Mutation> DecodeMutation(std::string_view payload);

// For `headpond journal dump`: one mutation on one line, in protobuf's text form. Errors as
// DecodeMutation.
Result<std::string> DescribeMutation(std::string_view payload);

}  // namespace headpond::meta
