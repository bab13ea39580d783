#include "journal/embedded/embedded_tool.h"

#include <algorithm>

#include "consensus/raft_log.h"
#include "io/dry_run_env.h"
#include "io/frame_reader.h"
#include "journal/embedded/batch.h"
#include "journal/embedded/snapshots.h"
#include "journal/folder.h"

namespace headpond::journal {
namespace {

constexpr uint64_t kReadBytes = 1 << 20;

// What the member's log and newest snapshot amount to.
struct Contents {
  uint64_t snapshot_sequence = 1;
  uint64_t last_sequence = 0;
};

// With the code that a member starts with. Errors: DataLoss or FailedPrecondition where it would
// not start.
Result<Contents> Replay(io::Env& env, const std::string& folder, Replayer* replayer) {
  io::DryRunEnv dry_run(env);
  ASSIGN_OR_RETURN(const auto identity, consensus::ReadNodeStamp(dry_run, folder));
  ASSIGN_OR_RETURN(
      const auto log,
      consensus::RaftLog::Open(
          dry_run, {.folder = folder, .identity = identity, .fill_bytes = 0, .cache_bytes = 0}));
  Snapshots snapshots(dry_run, folder, identity.cluster_id, Random(0));
  std::function<Status(std::string_view)> on_record;
  if (replayer != nullptr)
    on_record = [replayer](std::string_view record) { return replayer->OnSnapshotRecord(record); };
  ASSIGN_OR_RETURN(const Snapshots::Newest newest, snapshots.Read(on_record));
  Contents contents{.snapshot_sequence = newest.first_sequence,
                    .last_sequence = newest.first_sequence - 1};
  uint64_t next = newest.meta.index + 1;
  if (log->first_index() > next && log->last_index() >= next)
    return DataLoss("{}: the log begins with entry {}, and the newest snapshot ends before {}",
                    folder, log->first_index(), next);
  while (next <= log->last_index()) {
    ASSIGN_OR_RETURN(const auto entries, log->Entries(next, log->last_index() + 1, kReadBytes));
    for (const consensus::Entry& entry : entries) {
      next = entry.index + 1;
      if (!IsBatch(entry)) continue;
      ASSIGN_OR_RETURN(const io::Frame batch, ParseBatch(entry));
      if (batch.first != contents.last_sequence + 1)
        return DataLoss(
            "{}: entry {} of the quorum's log begins with change {} where {} is expected", folder,
            entry.index, batch.first, contents.last_sequence + 1);
      for (const std::string_view record : batch.Records()) {
        ++contents.last_sequence;
        if (replayer != nullptr) RETURN_IF_ERROR(replayer->OnEntry(contents.last_sequence, record));
      }
    }
  }
  return contents;
}

// The journal entries in one frame of the log. DataLoss when a record is none.
Status TakeFrame(const io::Frame& frame, int64_t offset, FileReport& report) {
  const auto damaged = [&](std::string_view why) {
    return DataLoss("{}: damaged at offset {}: {}", report.path, offset, why);
  };
  if (frame.type != io::FrameType::kRaftRecords) return damaged("a journal's frame in a raft log");
  for (const std::string_view bytes : frame.Records()) {
    const auto record = consensus::DecodeRecord(bytes);
    if (!record) return damaged("a record that makes no sense");
    const auto* const entry = std::get_if<consensus::Entry>(&*record);
    if (entry == nullptr || !IsBatch(*entry)) continue;
    const auto batch = ParseBatch(*entry);
    if (!batch.ok()) return damaged(batch.status().message());
    if (report.records == 0) report.first_sequence = batch->first;
    report.records += batch->count;
    report.last_sequence = batch->first + batch->count - 1;
  }
  return Status::Ok();
}

// One file by itself. `next` is the journal entry that is expected in it.
Result<FileReport> ReadRaftFile(io::Env& env, const std::string& path,
                                const std::string& cluster_id, bool newest, uint64_t next) {
  FileReport report{
      .path = path, .kind = FileKind::kLog, .first_sequence = next, .last_sequence = next - 1};
  auto reader = io::FrameReader::Open(env, path, FileKind::kRaftLog, cluster_id);
  if (!reader.ok()) {
    if (!IsDamage(reader.status())) return reader.status();
    report.problem = reader.status();
    return report;
  }
  report.bytes = reader->file_bytes();
  report.good_bytes = reader->offset();
  while (report.problem.ok()) {
    ASSIGN_OR_RETURN(const auto frame, reader->Next());
    if (!frame) break;
    report.problem = TakeFrame(*frame, report.good_bytes, report);
    if (report.problem.ok()) report.good_bytes = reader->offset();
  }
  if (!report.problem.ok()) return report;
  ASSIGN_OR_RETURN(const io::Tail tail, reader->JudgeTail(newest));
  report.unused_tail = tail.kind == io::Tail::Kind::kUnused;
  report.torn_tail = tail.kind == io::Tail::Kind::kTorn;
  if (tail.kind == io::Tail::Kind::kDamaged)
    report.problem = DataLoss(
        "{}: damaged at offset {}: frames that were durable follow {}", path, report.good_bytes,
        tail.later ? fmt::format("at offset {}", *tail.later) : "in the next file");
  return report;
}

Status ReadFiles(io::Env& env, VerifyReport& report) {
  ASSIGN_OR_RETURN(const auto snapshots, ListFolder(env, report.folder));
  for (auto first = snapshots.snapshots.rbegin(); first != snapshots.snapshots.rend(); ++first) {
    ASSIGN_OR_RETURN(FileReport file, ReadSnapshotFile(env, SnapshotPath(report.folder, *first),
                                                       *first, report.cluster_id));
    file.obsolete = !report.contents.files.empty();
    report.contents.files.push_back(std::move(file));
  }
  ASSIGN_OR_RETURN(const auto logs, consensus::ListRaftFolder(env, report.folder));
  uint64_t next = 1;
  for (const uint64_t frame : logs.logs) {
    ASSIGN_OR_RETURN(
        FileReport file,
        ReadRaftFile(env, consensus::RaftLogPath(report.folder, frame), report.cluster_id,
                     /*newest=*/frame == logs.logs.back(), next));
    next = file.last_sequence + 1;
    report.contents.files.push_back(std::move(file));
  }
  return Status::Ok();
}

Result<VerifyReport> VerifyOnce(io::Env& env, const std::string& folder) {
  VerifyReport report{.folder = folder};
  const auto identity = consensus::ReadNodeStamp(env, folder);
  if (identity.ok()) report.cluster_id = identity->cluster_id;
  if (const Status read = ReadFiles(env, report); !read.ok())
    return ExplainVanished(read, env, folder);
  const auto contents = Replay(env, folder, nullptr);
  if (contents.ok()) {
    report.contents.snapshot_sequence = contents->snapshot_sequence;
    report.contents.last_sequence = contents->last_sequence;
  } else if (IsDamage(contents.status())) {
    report.problem = contents.status();
  } else {
    return ExplainVanished(contents.status(), env, folder);
  }
  return report;
}

}  // namespace

Result<bool> IsEmbeddedJournal(io::Env& env, const std::string& folder) {
  return env.Exists(fmt::format("{}/{}", folder, consensus::kNodeStampName));
}

Result<VerifyReport> VerifyEmbeddedJournal(io::Env& env, const std::string& folder) {
  return VerifyUndisturbed([&] { return VerifyOnce(env, folder); });
}

Status DumpEmbeddedJournal(io::Env& env, const std::string& folder, const DumpOptions& options,
                           std::ostream& out) {
  const auto dumper = MakeDumper(options, out);
  return ExplainVanished(Replay(env, folder, dumper.get()).status(), env, folder);
}

}  // namespace headpond::journal
