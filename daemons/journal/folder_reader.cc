#include "journal/folder_reader.h"

#include "base/log.h"
#include "io/frame_reader.h"
#include "journal/folder.h"
#include "journal/snapshot_file.h"

namespace headpond::journal {
namespace {

constexpr std::string_view kRemedy =
    "`headpond journal verify` shows all files; restore the journal folder, or the metadata from a "
    "backup";

Status WithRemedy(const Status& status) {
  return Status(status.code(), fmt::format("{}: {}", status.message(), kRemedy));
}

// One frame of a log into the report; DataLoss when it does not continue what came before.
Status TakeFrame(const Frame& frame, int64_t offset, FileReport& report,
                 const std::function<Status(uint64_t, std::string_view)>& on_entry) {
  const uint64_t expected = report.last_sequence + 1;
  if (frame.type != FrameType::kEntries && frame.type != FrameType::kCleanEnd)
    return DataLoss("{}: damaged at offset {}: a snapshot's frame in a log", report.path, offset);
  if (frame.first != expected)
    return DataLoss("{}: damaged at offset {}: entry {} where {} is expected", report.path, offset,
                    frame.first, expected);
  if (report.clean_end)
    return DataLoss("{}: damaged at offset {}: entries after its end", report.path, offset);
  if (frame.type == FrameType::kCleanEnd) {
    report.clean_end = true;
    return Status::Ok();
  }
  for (const std::string_view record : frame.Records()) {
    const uint64_t sequence = report.last_sequence + 1;
    if (on_entry) {
      if (const Status status = on_entry(sequence, record); !status.ok())
        return status.WithContext(
            fmt::format("{}: entry {} at offset {}", report.path, sequence, offset));
    }
    report.last_sequence = sequence;
  }
  report.records += frame.count;
  return Status::Ok();
}

// Tells a write that a crash cut short from damage: see the top of format.h.
Status JudgeTail(io::FrameReader& reader, bool newest, FileReport& report) {
  ASSIGN_OR_RETURN(const io::Tail tail, reader.JudgeTail(newest));
  report.unused_tail = tail.kind == io::Tail::Kind::kUnused;
  report.torn_tail = tail.kind == io::Tail::Kind::kTorn;
  if (tail.kind != io::Tail::Kind::kDamaged) return Status::Ok();
  if (tail.later) {
    report.problem = WithRemedy(
        DataLoss("{}: damaged at offset {} (after entry {}): entries that were durable follow at "
                 "offset {}",
                 report.path, reader.offset(), report.last_sequence, *tail.later));
  } else {
    report.problem = WithRemedy(
        DataLoss("{}: damaged at offset {} (after entry {}): entries that were durable follow in "
                 "the next file",
                 report.path, reader.offset(), report.last_sequence));
  }
  return Status::Ok();
}

}  // namespace

bool IsDamage(const Status& status) {
  return status.code() == Code::kDataLoss || status.code() == Code::kFailedPrecondition;
}

Result<FileReport> ReadSnapshotFile(io::Env& env, const std::string& path, uint64_t first_sequence,
                                    const std::string& cluster_id) {
  FileReport file{.path = path, .kind = FileKind::kSnapshot, .first_sequence = first_sequence};
  const auto summary = ReadSnapshot(env, path, cluster_id, nullptr);
  if (summary.ok()) {
    file.last_sequence = summary->shown_sequence;
    file.records = summary->records;
    file.bytes = summary->bytes;
  } else {
    if (!IsDamage(summary.status())) return summary.status();
    file.problem = WithRemedy(summary.status());
  }
  return file;
}

Result<FileReport> ReadLog(io::Env& env, const std::string& folder, uint64_t first_sequence,
                           const std::string& cluster_id, bool newest,
                           const std::function<Status(uint64_t, std::string_view)>& on_entry) {
  FileReport report{.path = LogPath(folder, first_sequence),
                    .kind = FileKind::kLog,
                    .first_sequence = first_sequence,
                    .last_sequence = first_sequence - 1};
  auto reader = io::FrameReader::Open(env, report.path, FileKind::kLog, cluster_id);
  if (!reader.ok()) {
    if (!IsDamage(reader.status())) return reader.status();
    report.problem = WithRemedy(reader.status());
    return report;
  }
  report.bytes = reader->file_bytes();
  report.good_bytes = reader->offset();
  if (reader->header().first_sequence != first_sequence) {
    report.problem = WithRemedy(DataLoss("{}: starts with entry {}: the file was renamed",
                                         report.path, reader->header().first_sequence));
    return report;
  }
  for (;;) {
    ASSIGN_OR_RETURN(const auto frame, reader->Next());
    if (!frame) break;
    if (const Status status = TakeFrame(*frame, report.good_bytes, report, on_entry);
        !status.ok()) {
      if (status.code() != Code::kDataLoss) return status;
      report.problem = WithRemedy(status);
      return report;
    }
    report.last_frame_offset = report.good_bytes;
    report.good_bytes = reader->offset();
  }
  RETURN_IF_ERROR(JudgeTail(*reader, newest, report));
  return report;
}

namespace {

// ReadFolder, step by step.
class FolderReading {
 public:
  FolderReading(io::Env& env, const std::string& folder, const std::string& cluster_id,
                Replayer* replayer)
      : env_(env), folder_(folder), cluster_id_(cluster_id), replayer_(replayer) {}

  Result<FolderReport> Run() {
    ASSIGN_OR_RETURN(const FolderFiles files, ListFolder(env_, folder_));
    RETURN_IF_ERROR(ReadSnapshots(files.snapshots));
    RETURN_IF_ERROR(ReadLogs(files.logs));
    return std::move(report_);
  }

 private:
  void Problem(const Status& status) {
    if (report_.problem.ok()) report_.problem = status;
  }

  // The newest snapshot that is whole counts. It is read twice when replaying, because half a
  // snapshot can't be taken back out of the replayer.
  Status ReadSnapshots(const std::vector<uint64_t>& snapshots) {
    for (auto it = snapshots.rbegin(); it != snapshots.rend(); ++it) {
      ASSIGN_OR_RETURN(FileReport file,
                       ReadSnapshotFile(env_, SnapshotPath(folder_, *it), *it, cluster_id_));
      file.obsolete = file.problem.ok() && found_snapshot_;
      report_.files.push_back(file);
      if (found_snapshot_) continue;
      if (!file.problem.ok()) {
        damaged_snapshot_ = file.problem;
        if (replayer_ != nullptr)
          LogWarn("journal", "trying to do without a snapshot: {}", file.problem.message());
        continue;
      }
      found_snapshot_ = true;
      report_.snapshot_sequence = *it;
      shown_sequence_ = file.last_sequence;
      if (replayer_ == nullptr) continue;
      return ReadSnapshot(
                 env_, file.path, cluster_id_,
                 [this](std::string_view record) { return replayer_->OnSnapshotRecord(record); })
          .status();
    }
    return Status::Ok();
  }

  Status ReadLogs(const std::vector<uint64_t>& logs) {
    const uint64_t start = report_.snapshot_sequence;
    uint64_t next = start;  // the entry that has to come next
    bool reading = false;   // past the logs that the snapshot made obsolete
    for (size_t i = 0; i < logs.size(); ++i) {
      const bool newest = i + 1 == logs.size();
      const bool obsolete = !newest && logs[i + 1] <= start;
      if (obsolete && replayer_ != nullptr) continue;
      if (!obsolete && (reading ? logs[i] != next : logs[i] > start)) {
        Missing(next, logs[i] - 1);
        if (replayer_ != nullptr) return Status::Ok();
      }
      ASSIGN_OR_RETURN(FileReport file, ReadLog(env_, folder_, logs[i], cluster_id_, newest,
                                                [&](uint64_t sequence, std::string_view entry) {
                                                  return Replay(start, sequence, entry);
                                                }));
      file.obsolete = obsolete;
      report_.files.push_back(file);
      if (obsolete) continue;
      reading = true;
      next = file.last_sequence + 1;
      if (file.problem.ok()) continue;
      Problem(file.problem);
      if (replayer_ != nullptr) return Status::Ok();
      if (!newest) next = logs[i + 1];  // so that one damage is not reported as missing files too
    }
    report_.last_sequence = next - 1;
    CheckReach(reading, next);
    return Status::Ok();
  }

  Status Replay(uint64_t start, uint64_t sequence, std::string_view entry) {
    return replayer_ == nullptr || sequence < start ? Status::Ok()
                                                    : replayer_->OnEntry(sequence, entry);
  }

  // A damaged snapshot is the better explanation for logs that only it could have replaced.
  void Missing(uint64_t from, uint64_t to) {
    Problem(!damaged_snapshot_.ok()
                ? damaged_snapshot_
                : WithRemedy(DataLoss("{}: the log with the entries {} to {} is missing", folder_,
                                      from, to)));
  }

  // The log must go as far as the snapshot does: a snapshot alone shows only a part of the changes
  // that were made while it was written. One that shows none is what the journal began with.
  void CheckReach(bool reading, uint64_t next) {
    if (!found_snapshot_ && !damaged_snapshot_.ok() && !reading) Problem(damaged_snapshot_);
    if (!found_snapshot_ || (shown_sequence_ == 0 && !reading)) return;
    if (!reading || next < report_.snapshot_sequence) {
      Missing(next, report_.snapshot_sequence);
    } else if (next - 1 < shown_sequence_) {
      Missing(next, shown_sequence_);
    }
  }

  io::Env& env_;
  const std::string& folder_;
  const std::string& cluster_id_;
  Replayer* const replayer_;
  FolderReport report_;
  bool found_snapshot_ = false;
  uint64_t shown_sequence_ = 0;
  Status damaged_snapshot_;
};

}  // namespace

Result<FolderReport> ReadFolder(io::Env& env, const std::string& folder,
                                const std::string& cluster_id, Replayer* replayer) {
  return FolderReading(env, folder, cluster_id, replayer).Run();
}

}  // namespace headpond::journal
