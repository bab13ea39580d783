#include "consensus/raft_log_records.h"

#include <vector>

#include "io/frame_format.h"

namespace headpond::consensus {
namespace {

constexpr char kEntryType = 'E';
constexpr char kStateType = 'H';
constexpr char kSnapshotType = 'S';
constexpr char kBaseType = 'B';

class Encoder {
 public:
  explicit Encoder(size_t expected_bytes = 0) { bytes_.reserve(expected_bytes); }

  Encoder& Byte(char value) {
    bytes_ += value;
    return *this;
  }
  Encoder& Number(uint64_t value) {
    bytes_ += io::EncodeUint64(value);
    return *this;
  }
  Encoder& Text(std::string_view text) {
    Number(text.size());
    return Rest(text);
  }
  Encoder& Rest(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  Encoder& List(const std::vector<uint64_t>& values) {
    Number(values.size());
    for (const uint64_t value : values) Number(value);
    return *this;
  }
  Encoder& State(const HardState& state) {
    return Number(state.term).Number(state.vote).Number(state.commit);
  }
  Encoder& Meta(const SnapshotMeta& meta) {
    const ConfState& conf = meta.conf_state;
    Number(meta.index)
        .Number(meta.term)
        .List(conf.voters)
        .List(conf.learners)
        .List(conf.voters_outgoing)
        .List(conf.learners_next)
        .Byte(conf.auto_leave ? 1 : 0)
        .Number(meta.addresses.size());
    for (const auto& [id, address] : meta.addresses) Number(id).Text(address);
    return *this;
  }
  Encoder& Mark(const LogMark& mark) {
    return Meta(mark.snapshot).Number(mark.compacted_index).Number(mark.compacted_term);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Encoder wrote; after bytes that are missing or make no sense, ok() is false for good
// and what is read means nothing.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && bytes_.empty(); }

  std::string_view Take(uint64_t count) {
    if (count > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  char Byte() {
    const auto taken = Take(1);
    return taken.empty() ? '\0' : taken[0];
  }
  bool Flag() {
    const char value = Byte();
    ok_ = ok_ && (value == 0 || value == 1);
    return value == 1;
  }
  uint64_t Number() {
    const auto taken = Take(sizeof(uint64_t));
    return taken.empty() ? 0 : io::DecodeUint64(taken);
  }
  std::string Text() { return std::string(Take(Number())); }
  std::string Rest() { return std::string(Take(bytes_.size())); }
  std::vector<uint64_t> List() {
    const uint64_t count = Number();
    std::vector<uint64_t> values;
    if (count > bytes_.size() / sizeof(uint64_t)) {
      ok_ = false;
      return values;
    }
    for (uint64_t i = 0; i < count; ++i) values.push_back(Number());
    return values;
  }
  HardState State() {
    HardState state;
    state.term = Number();
    state.vote = Number();
    state.commit = Number();
    return state;
  }
  SnapshotMeta Meta() {
    SnapshotMeta meta;
    meta.index = Number();
    meta.term = Number();
    meta.conf_state.voters = List();
    meta.conf_state.learners = List();
    meta.conf_state.voters_outgoing = List();
    meta.conf_state.learners_next = List();
    meta.conf_state.auto_leave = Flag();
    // Each takes some bytes: a count that lies ends at the first that is not there.
    for (uint64_t left = Number(); left > 0 && ok_; --left) {
      const uint64_t id = Number();
      meta.addresses[id] = Text();
    }
    return meta;
  }
  LogMark Mark() {
    LogMark mark;
    mark.snapshot = Meta();
    mark.compacted_index = Number();
    mark.compacted_term = Number();
    // UINT64_MAX has no successor.
    ok_ = ok_ && mark.compacted_index <= mark.snapshot.index && mark.snapshot.index < UINT64_MAX;
    return mark;
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

std::optional<LogRecord> DecodeEntry(Decoder& in) {
  Entry entry;
  const char kind = in.Byte();
  if (kind != static_cast<char>(EntryKind::kNormal) &&
      kind != static_cast<char>(EntryKind::kConfChange))
    return std::nullopt;
  entry.kind = static_cast<EntryKind>(kind);
  entry.term = in.Number();
  entry.index = in.Number();
  entry.context = in.Text();
  entry.data = in.Rest();
  // Neither exists, and UINT64_MAX has no successor.
  if (!in.ok() || entry.index == 0 || entry.index == UINT64_MAX) return std::nullopt;
  return entry;
}

}  // namespace

std::string EncodeEntryRecord(const Entry& entry) {
  return Encoder(entry.data.size() + entry.context.size() + 32)
      .Byte(kEntryType)
      .Byte(static_cast<char>(entry.kind))
      .Number(entry.term)
      .Number(entry.index)
      .Text(entry.context)
      .Rest(entry.data)
      .Take();
}

std::string EncodeRecord(const HardState& state) {
  return Encoder().Byte(kStateType).State(state).Take();
}

std::string EncodeRecord(const SnapshotRecord& record) {
  return Encoder().Byte(kSnapshotType).Byte(record.replace ? 1 : 0).Mark(record.mark).Take();
}

std::string EncodeRecord(const BaseRecord& record) {
  return Encoder()
      .Byte(kBaseType)
      .State(record.state)
      .Mark(record.mark)
      .Number(record.last_index)
      .Take();
}

std::optional<LogRecord> DecodeRecord(std::string_view bytes) {
  Decoder in(bytes);
  std::optional<LogRecord> record;
  switch (in.Byte()) {
    case kEntryType: record = DecodeEntry(in); break;
    case kStateType: record = in.State(); break;
    case kSnapshotType: {
      SnapshotRecord snapshot;
      snapshot.replace = in.Flag();
      snapshot.mark = in.Mark();
      record = snapshot;
      break;
    }
    case kBaseType: {
      BaseRecord base;
      base.state = in.State();
      base.mark = in.Mark();
      base.last_index = in.Number();
      record = base;
      break;
    }
    default: return std::nullopt;
  }
  if (!in.AtEnd()) return std::nullopt;
  return record;
}

std::string EncodeSnapshotMeta(const SnapshotMeta& meta) {
  return Encoder().Meta(meta).Take();
}

std::optional<SnapshotMeta> DecodeSnapshotMeta(std::string_view bytes) {
  Decoder in(bytes);
  SnapshotMeta meta = in.Meta();
  if (!in.AtEnd()) return std::nullopt;
  return meta;
}

}  // namespace headpond::consensus
