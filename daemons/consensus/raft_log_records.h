#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "consensus/types.h"

namespace headpond::consensus {

// The records in the frames of a raft log (io/frame_format.h, kRaftRecords). Numbers little endian,
// lists with their length before them, strings likewise; the first byte is the type.
//
//   entry     E, kind u8, term u64, index u64, context, data (to the end of the record)
//   state     H, term u64, vote u64, commit u64
//   snapshot  S, replace u8, mark
//   base      B, state, mark, last index u64    the first record of each file
//   mark      snapshot: index u64, term u64, conf, addresses; compacted: index u64, term u64
//   conf      four lists of u64 (voters, learners, outgoing voters, next learners), auto leave u8
//   addresses list of id u64, address string

// What of the beginning of the log is gone, and what replaces it.
struct LogMark {
  SnapshotMeta snapshot;  // the newest snapshot
  // The last entry that was removed, at or before the snapshot: a tail is kept for slow peers.
  uint64_t compacted_index = 0;
  uint64_t compacted_term = 0;
};

struct SnapshotRecord {
  bool replace = false;  // the snapshot came from a peer: no entry before this record counts
  LogMark mark;
};

// What all files before this one amount to, so that they can be removed.
struct BaseRecord {
  HardState state;
  LogMark mark;
  uint64_t last_index = 0;
};

using LogRecord = std::variant<Entry, HardState, SnapshotRecord, BaseRecord>;

std::string EncodeEntryRecord(const Entry& entry);
std::string EncodeRecord(const HardState& state);
std::string EncodeRecord(const SnapshotRecord& record);
std::string EncodeRecord(const BaseRecord& record);

// Nothing for bytes that are no record.
std::optional<LogRecord> DecodeRecord(std::string_view bytes);

// A snapshot's place in the log as bytes, for the files of snapshots and for peers.
std::string EncodeSnapshotMeta(const SnapshotMeta& meta);
std::optional<SnapshotMeta> DecodeSnapshotMeta(std::string_view bytes);

}  // namespace headpond::consensus
