#include "consensus/raft_log.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace headpond::consensus {
namespace {

// What an entry counts for in the cache, beside its bytes.
constexpr int64_t kEntryOverheadBytes = 64;
// With the rest of its frame it must fit into one (io::kMaxFrameBodyBytes).
constexpr int64_t kMaxEntryBytes = 64 << 20;

int64_t CostOf(const Entry& entry) {
  return kEntryOverheadBytes + static_cast<int64_t>(entry.data.size() + entry.context.size());
}

Status WithRemedy(const Status& status) {
  return Status(status.code(),
                fmt::format("{}: this node can't go on with a part of its promises: remove it from "
                            "the quorum, move the folder away and join again under a new id",
                            status.message()));
}

}  // namespace

RaftLog::RaftLog(io::Env& env, RaftLogOptions options, std::unique_ptr<io::FileLock> lock)
    : env_(env), options_(std::move(options)), lock_(std::move(lock)) {}

RaftLog::~RaftLog() {
  Close();
}

Result<std::unique_ptr<RaftLog>> RaftLog::Open(io::Env& env, RaftLogOptions options) {
  // Without the stamp not even the lock's file is made in what may be somebody else's folder.
  RETURN_IF_ERROR(CheckNodeStamp(env, options.folder, options.identity));
  ASSIGN_OR_RETURN(auto lock, env.Lock(options.folder + "/" + kNodeLockName));
  RETURN_IF_ERROR(CheckNodeStamp(env, options.folder, options.identity));
  auto log = std::unique_ptr<RaftLog>(new RaftLog(env, std::move(options), std::move(lock)));
  RETURN_IF_ERROR(log->Recover());
  return log;
}

Status RaftLog::Recover() {
  // A process that died may have left names that only the page cache knows.
  RETURN_IF_ERROR(env_.SyncDirectory(options_.folder));
  ASSIGN_OR_RETURN(const RaftFolderFiles files, ListRaftFolder(env_, options_.folder));
  if (files.logs.empty()) return WithRemedy(DataLoss("{}: the log is missing", options_.folder));
  for (const uint64_t first : files.logs) {
    // Files that were no longer needed may come back after a crash, and not all of them. The base
    // of this one stands for all before it, and tells whether something is missing.
    if (first != next_frame_) ForgetAll();
    next_frame_ = first;
    files_.push_back(first);
    if (const Status status = ReadFile(first, first == files.logs.back()); !status.ok())
      return status.code() == Code::kDataLoss ? WithRemedy(status) : status;
  }
  RETURN_IF_ERROR(CheckNothingMissing());
  state_.commit = std::clamp(state_.commit, mark_.snapshot.index,
                             std::max(mark_.snapshot.index, index_.last_index()));
  for (const std::string& name : files.temporaries)
    RETURN_IF_ERROR(env_.Remove(options_.folder + "/" + name));
  RETURN_IF_ERROR(StartFile());
  LogInfo("consensus", "{}: entries {} to {}, snapshot at {}, term {}", options_.folder,
          first_index(), last_index(), mark_.snapshot.index, state_.term);
  return Status::Ok();
}

void RaftLog::ForgetAll() {
  needs_base_ = true;
  index_.Reset(0, 0);
  recent_.clear();
  recent_bytes_ = 0;
}

Status RaftLog::ReadFile(uint64_t first_frame, bool newest) {
  const std::string path = RaftLogPath(options_.folder, first_frame);
  ASSIGN_OR_RETURN(auto reader, io::FrameReader::Open(env_, path, io::FileKind::kRaftLog,
                                                      options_.identity.cluster_id));
  if (reader.header().first_sequence != first_frame)
    return DataLoss("{}: starts with frame {}: the file was renamed", path,
                    reader.header().first_sequence);
  int64_t last_frame_offset = 0;
  for (;;) {
    const int64_t offset = reader.offset();
    ASSIGN_OR_RETURN(const auto frame, reader.Next());
    if (!frame) break;
    RETURN_IF_ERROR(TakeFrame(*frame, path, {.segment = first_frame, .offset = offset}));
    last_frame_offset = offset;
  }
  return SettleTail(reader, path, newest, last_frame_offset);
}

// Makes what was read durable before anything builds on it.
Status RaftLog::SettleTail(io::FrameReader& reader, const std::string& path, bool newest,
                           int64_t last_frame_offset) {
  const int64_t offset = reader.offset();
  ASSIGN_OR_RETURN(const io::Tail tail, reader.JudgeTail(newest));
  if (tail.kind == io::Tail::Kind::kDamaged)
    return DataLoss("{}: damaged at offset {}: frames that were durable follow {}", path, offset,
                    tail.later ? fmt::format("at offset {}", *tail.later) : "in the next file");
  if (tail.kind == io::Tail::Kind::kTorn)
    LogWarn("consensus", "{}: cutting a torn tail at offset {}: {} bytes that nobody relied on",
            path, offset, reader.file_bytes() - offset);
  if (tail.kind != io::Tail::Kind::kNone) RETURN_IF_ERROR(env_.Truncate(path, offset));
  // All but the last frame were synced before the next was written. The last may only be in the
  // page cache, or its sync may even have failed.
  if (newest && last_frame_offset > 0) return env_.RewriteTail(path, last_frame_offset);
  return Status::Ok();
}

Status RaftLog::TakeFrame(const io::Frame& frame, const std::string& path,
                          RaftLogIndex::Place place) {
  if (frame.type != io::FrameType::kRaftRecords || frame.first != next_frame_)
    return DataLoss("{}: damaged at offset {}: frame {} where {} is expected", path, place.offset,
                    frame.first, next_frame_);
  ++next_frame_;
  bool base_allowed = place.offset == static_cast<int64_t>(io::kFileHeaderBytes);
  for (const std::string_view bytes : frame.Records()) {
    auto record = DecodeRecord(bytes);
    const bool base = record && std::holds_alternative<BaseRecord>(*record);
    if (!record || base != base_allowed)
      return DataLoss("{}: damaged at offset {}: a record that makes no sense", path, place.offset);
    base_allowed = false;
    if (const Status status = TakeRecord(*std::move(record), place); !status.ok())
      return status.WithContext(fmt::format("{}: damaged at offset {}", path, place.offset));
  }
  if (base_allowed)
    return DataLoss("{}: damaged at offset {}: the file has no base", path, place.offset);
  return Status::Ok();
}

Status RaftLog::TakeRecord(LogRecord record, RaftLogIndex::Place place) {
  if (const auto* entry = std::get_if<Entry>(&record)) {
    return TakeEntry(*entry, place);
  } else if (const auto* state = std::get_if<HardState>(&record)) {
    state_ = *state;
  } else if (const auto* snapshot = std::get_if<SnapshotRecord>(&record)) {
    mark_ = snapshot->mark;
    if (snapshot->replace) {
      index_.Reset(mark_.compacted_index, mark_.compacted_term);
      recent_.clear();
      recent_bytes_ = 0;
    } else {
      if (mark_.compacted_index > last_index())
        return DataLoss("entries up to {} are compacted where {} to {} are there",
                        mark_.compacted_index, first_index(), last_index());
      index_.Compact(mark_.compacted_index, mark_.compacted_term);
      while (!recent_.empty() && recent_.front().index <= compacted_index()) ForgetOldest();
    }
  } else if (const auto* base = std::get_if<BaseRecord>(&record)) {
    if (!needs_base_) return Status::Ok();  // repeats what the files before it said
    needs_base_ = false;
    state_ = base->state;
    mark_ = base->mark;
    index_.Reset(mark_.compacted_index, mark_.compacted_term);
    if (base->last_index < mark_.compacted_index || base->last_index == UINT64_MAX)
      return DataLoss("a base with the last entry {}", base->last_index);
    // In files that were removed. They count as missing unless what follows replaces them.
    if (base->last_index > mark_.compacted_index) index_.PutMissing(base->last_index);
  }
  return Status::Ok();
}

Status RaftLog::TakeEntry(const Entry& entry, RaftLogIndex::Place place) {
  if (!index_.Put(entry.index, entry.term, place))
    return DataLoss("entry {} where {} to {} are there", entry.index, first_index(), last_index());
  Remember(entry);
  return Status::Ok();
}

Status RaftLog::CheckNothingMissing() const {
  if (index_.OldestSegment() == uint64_t{0})
    return WithRemedy(
        DataLoss("{}: the file with entry {} is missing", options_.folder, first_index()));
  return Status::Ok();
}

Status RaftLog::Append(const std::vector<Entry>& entries, const std::optional<HardState>& state) {
  RETURN_IF_ERROR(failure_);
  const bool promise = state && (state->term != state_.term || state->vote != state_.vote);
  if (state) state_ = *state;
  if (entries.empty() && !promise) return Status::Ok();
  for (size_t i = 0; i < entries.size(); ++i)
    if (entries[i].index != entries[0].index + i || entries[0].index < first_index() ||
        entries[0].index > last_index() + 1)
      return Fail(Internal("entry {} can't follow entries {} to {}", entries[i].index,
                           first_index(), last_index() + i));
  std::span<const Entry> left = entries;
  do {
    // The state goes along with entries too, so that the commit index gets there now and then.
    ASSIGN_OR_RETURN(const auto taken, BeginFrame(EncodeRecord(state_), left));
    ASSIGN_OR_RETURN(const RaftLogIndex::Place place, WriteFrame());
    written_commit_ = state_.commit;
    for (const Entry& entry : left.first(taken)) RETURN_IF_ERROR(TakeEntry(entry, place));
    left = left.subspan(taken);
  } while (!left.empty());
  return Status::Ok();
}

void RaftLog::LearnCommit(uint64_t commit) {
  state_.commit = std::max(state_.commit, commit);
}

Status RaftLog::WriteCommit(uint64_t commit) {
  LearnCommit(commit);
  if (written_commit_ >= commit) return Status::Ok();
  ASSIGN_OR_RETURN(const size_t none, BeginFrame(EncodeRecord(state_), {}));
  (void)none;
  RETURN_IF_ERROR(WriteFrame().status());
  written_commit_ = state_.commit;
  return Status::Ok();
}

// Fills the next frame with `record` and as many entries as it should hold, and says how many.
Result<size_t> RaftLog::BeginFrame(const std::string& record, std::span<const Entry> entries) {
  RETURN_IF_ERROR(failure_);
  if (file_ == nullptr) return FailedPrecondition("the log in {} is closed", options_.folder);
  if (file_->size() >= options_.segment_bytes && file_has_base_)
    if (const Status status = StartFile(); !status.ok()) return Fail(status);
  frame_.Clear();
  if (!file_has_base_)
    frame_.Add(EncodeRecord(
        BaseRecord{.state = state_, .mark = mark_, .last_index = index_.last_index()}));
  frame_.Add(record);
  size_t taken = 0;
  for (const Entry& entry : entries) {
    if (CostOf(entry) > kMaxEntryBytes)
      return Fail(InvalidArgument("entry {} has {} bytes, more than the {} a log can hold",
                                  entry.index, CostOf(entry), kMaxEntryBytes));
    if (taken > 0 &&
        static_cast<int64_t>(frame_.bytes()) + CostOf(entry) > options_.max_frame_bytes)
      break;
    frame_.Add(EncodeEntryRecord(entry));
    ++taken;
  }
  return taken;
}

Status RaftLog::Compact(const SnapshotMeta& snapshot, uint64_t compact_to) {
  RETURN_IF_ERROR(failure_);
  const auto term = index_.Term(compact_to);
  if (snapshot.index > last_index() || compact_to > snapshot.index ||
      (compact_to >= compacted_index() && !term))
    return InvalidArgument("a snapshot at {} that keeps entries after {}, where {} to {} are there",
                           snapshot.index, compact_to, first_index(), last_index());
  LogMark mark{.snapshot = snapshot,
               .compacted_index = compacted_index(),
               .compacted_term = index_.compacted_term()};
  if (compact_to > compacted_index()) {
    mark.compacted_index = compact_to;
    mark.compacted_term = *term;
  }
  return WriteMark({.replace = false, .mark = mark});
}

Status RaftLog::Replace(const SnapshotMeta& snapshot) {
  RETURN_IF_ERROR(failure_);
  const LogMark mark{
      .snapshot = snapshot, .compacted_index = snapshot.index, .compacted_term = snapshot.term};
  state_.commit = std::max(state_.commit, snapshot.index);
  return WriteMark({.replace = true, .mark = mark});
}

// Durable, and where it is, when it returned OK.
Result<RaftLogIndex::Place> RaftLog::WriteFrame() {
  const RaftLogIndex::Place place{.segment = files_.back(), .offset = file_->size()};
  const Status written =
      file_->WriteDurably(frame_.Seal(io::FrameType::kRaftRecords, next_frame_, file_->salt()));
  if (!written.ok()) return Fail(written);
  file_has_base_ = true;
  ++next_frame_;
  return place;
}

Status RaftLog::WriteMark(const SnapshotRecord& record) {
  ASSIGN_OR_RETURN(const size_t none, BeginFrame(EncodeRecord(record), {}));
  (void)none;
  ASSIGN_OR_RETURN(const RaftLogIndex::Place place, WriteFrame());
  RETURN_IF_ERROR(TakeRecord(record, place));
  return RemoveUnused();
}

Status RaftLog::StartFile() {
  if (file_ != nullptr) RETURN_IF_ERROR(file_->Close());
  file_ = nullptr;
  const io::FileHeader header{.kind = io::FileKind::kRaftLog,
                              .first_sequence = next_frame_,
                              .salt = options_.random.Next(),
                              .cluster_id = options_.identity.cluster_id};
  ASSIGN_OR_RETURN(file_, io::LogWriter::Create(env_, RaftLogPath(options_.folder, next_frame_),
                                                header, options_.fill_bytes));
  if (files_.empty() || files_.back() != next_frame_) files_.push_back(next_frame_);
  file_has_base_ = false;
  return Status::Ok();
}

// Oldest first, so that what is left is always the end of the log.
Status RaftLog::RemoveUnused() {
  const uint64_t oldest = index_.OldestSegment().value_or(files_.back());
  bool removed = false;
  while (files_.size() > 1 && files_.front() < oldest) {
    const std::string path = RaftLogPath(options_.folder, files_.front());
    // Only space is at stake; the next time tries again.
    if (const Status status = env_.Remove(path); !status.ok()) {
      LogWarn("consensus", "an old file stays behind: {}", status.message());
      break;
    }
    files_.erase(files_.begin());
    removed = true;
  }
  if (removed && reader_ && reader_file_ < files_.front()) reader_.reset();
  return removed ? env_.SyncDirectory(options_.folder) : Status::Ok();
}

Status RaftLog::Fail(const Status& cause) {
  if (failure_.ok()) {
    const char* remedy =
        cause.code() == Code::kResourceExhausted ? "free space on its disk" : "check its disk";
    failure_ = Unavailable("the log in {} takes no more entries: {}; {} and restart the master",
                           options_.folder, cause.message(), remedy);
    LogError("consensus", "{}", failure_.message());
  }
  return failure_;
}

void RaftLog::Close() {
  if (file_ != nullptr && failure_.ok())
    if (const Status status = file_->Close(); !status.ok())
      LogWarn("consensus", "the log was not closed: {}", status.message());
  file_ = nullptr;
  reader_.reset();
  lock_ = nullptr;
}

void RaftLog::Remember(const Entry& entry) {
  while (!recent_.empty() && recent_.back().index >= entry.index) {
    recent_bytes_ -= CostOf(recent_.back());
    recent_.pop_back();
  }
  recent_.push_back(entry);
  recent_bytes_ += CostOf(entry);
  while (recent_bytes_ > options_.cache_bytes && recent_.size() > 1) ForgetOldest();
}

void RaftLog::ForgetOldest() {
  recent_bytes_ -= CostOf(recent_.front());
  recent_.pop_front();
}

const Entry* RaftLog::Recent(uint64_t index) const {
  if (recent_.empty() || index < recent_.front().index || index > recent_.back().index)
    return nullptr;
  return &recent_[index - recent_.front().index];
}

Result<uint64_t> RaftLog::Term(uint64_t index) const {
  if (const auto term = index_.Term(index)) return *term;
  if (index < first_index()) return OutOfRange("entry {} is compacted", index);
  return Unavailable("there is no entry {} yet", index);
}

Result<SnapshotMeta> RaftLog::NewestSnapshot(uint64_t request_index) const {
  if (mark_.snapshot.index < request_index)
    return Unavailable("the newest snapshot is at {}, before {}", mark_.snapshot.index,
                       request_index);
  return mark_.snapshot;
}

Result<std::vector<Entry>> RaftLog::Entries(uint64_t low, uint64_t high, uint64_t max_bytes) const {
  if (low < first_index()) return OutOfRange("entry {} is compacted", low);
  if (high > last_index() + 1) return Unavailable("there is no entry {} yet", high - 1);
  std::vector<Entry> entries;
  uint64_t bytes = 0;
  for (uint64_t index = low; index < high; ++index) {
    const Entry* entry = Recent(index);
    if (entry == nullptr) {
      ASSIGN_OR_RETURN(const auto* frame, ReadFrameAt(*index_.Find(index)));
      const auto at = std::find_if(frame->begin(), frame->end(),
                                   [index](const Entry& e) { return e.index == index; });
      if (at == frame->end())
        return WithRemedy(DataLoss("{}: entry {} is not where it was written",
                                   RaftLogPath(options_.folder, frame_place_.segment), index));
      entry = &*at;
    }
    bytes += static_cast<uint64_t>(CostOf(*entry));
    if (!entries.empty() && bytes > max_bytes) break;
    entries.push_back(*entry);
  }
  return entries;
}

Result<const std::vector<Entry>*> RaftLog::ReadFrameAt(RaftLogIndex::Place place) const {
  if (frame_place_ == place) return &frame_entries_;
  const std::string path = RaftLogPath(options_.folder, place.segment);
  if (!reader_ || reader_file_ != place.segment) {
    ASSIGN_OR_RETURN(auto opened, io::FrameReader::Open(env_, path, io::FileKind::kRaftLog,
                                                        options_.identity.cluster_id));
    reader_.emplace(std::move(opened));
    reader_file_ = place.segment;
  }
  ASSIGN_OR_RETURN(const auto frame, reader_->FrameAt(place.offset));
  if (!frame) return WithRemedy(DataLoss("{}: damaged at offset {}", path, place.offset));
  frame_place_ = {};
  frame_entries_.clear();
  for (const std::string_view bytes : frame->Records()) {
    auto record = DecodeRecord(bytes);
    if (record && std::holds_alternative<Entry>(*record))
      frame_entries_.push_back(std::get<Entry>(*std::move(record)));
  }
  frame_place_ = place;
  // The file that is being written grows behind the reader's back.
  if (place.segment == files_.back()) reader_.reset();
  return &frame_entries_;
}

}  // namespace headpond::consensus
