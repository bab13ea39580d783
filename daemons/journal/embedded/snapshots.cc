#include "journal/embedded/snapshots.h"

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "consensus/raft_log_records.h"
#include "io/numbered_files.h"
#include "journal/folder.h"

namespace headpond::journal {
namespace {

constexpr std::string_view kSnapshotSuffix = ".snapshot";
constexpr std::string_view kUnfinishedSuffix = ".snapshot.tmp";
constexpr std::string_view kReceivedName = "received.snapshot.tmp";

Status WithRemedy(const Status& status) {
  return Status(status.code(),
                fmt::format("{}: remove this master from the quorum, move its journal folder away "
                            "and join again under a new id",
                            status.message()));
}

}  // namespace

// A peer's snapshot on its way into a file of its own.
class Snapshots::Sink final : public consensus::SnapshotSink {
 public:
  Sink(Snapshots& snapshots, std::string path, uint64_t index, uint64_t term,
       std::unique_ptr<io::WritableFile> file)
      : snapshots_(snapshots),
        path_(std::move(path)),
        index_(index),
        term_(term),
        file_(std::move(file)) {}
  ~Sink() override {
    if (finished_) return;
    file_ = nullptr;
    if (const Status status = snapshots_.env_.Remove(path_); !status.ok())
      LogWarn("journal", "a part of a snapshot stays behind: {}", status.message());
  }
  Status Append(std::string_view bytes) override { return file_->Append(bytes); }
  Result<consensus::SnapshotMeta> Finish() override {
    RETURN_IF_ERROR(file_->Sync());
    RETURN_IF_ERROR(file_->Close());
    ASSIGN_OR_RETURN(auto meta, snapshots_.Install(path_, index_, term_));
    finished_ = true;
    return meta;
  }

 private:
  Snapshots& snapshots_;
  const std::string path_;
  const uint64_t index_;
  const uint64_t term_;
  std::unique_ptr<io::WritableFile> file_;
  bool finished_ = false;
};

Status Snapshots::RemoveUnfinished() {
  ASSIGN_OR_RETURN(const auto names, env_.List(folder_));
  for (const std::string& name : names)
    if (name == kReceivedName || io::NumberOf(name, kUnfinishedSuffix))
      RETURN_IF_ERROR(env_.Remove(folder_ + "/" + name));
  return Status::Ok();
}

Result<Snapshots::Newest> Snapshots::Read(
    const std::function<Status(std::string_view)>& on_record) {
  ASSIGN_OR_RETURN(const auto names, env_.List(folder_));
  Newest newest{.first_sequence = 0};
  for (const std::string& name : names)
    newest.first_sequence =
        std::max(newest.first_sequence, io::NumberOf(name, kSnapshotSuffix).value_or(0));
  if (newest.first_sequence == 0) return WithRemedy(DataLoss("{}: there is no snapshot", folder_));
  const std::string path = SnapshotPath(folder_, newest.first_sequence);
  const auto summary = ReadSnapshot(env_, path, cluster_id_, nullptr);
  if (!summary.ok())
    return summary.status().code() == Code::kDataLoss ? WithRemedy(summary.status())
                                                      : summary.status();
  const auto meta = consensus::DecodeSnapshotMeta(summary->stamp);
  if (!meta) return WithRemedy(DataLoss("{}: is no snapshot of a quorum", path));
  newest.meta = *meta;
  newest.shown_sequence = summary->shown_sequence;
  if (on_record) RETURN_IF_ERROR(ReadSnapshot(env_, path, cluster_id_, on_record).status());
  MutexLock lock(mutex_);
  first_sequences_[meta->index] = newest.first_sequence;
  return newest;
}

Result<std::unique_ptr<SnapshotWriter>> Snapshots::Create(uint64_t first_sequence) {
  uint64_t salt = 0;
  {
    MutexLock lock(mutex_);
    salt = random_.Next();
  }
  return SnapshotWriter::Create(env_, folder_,
                                {.kind = FileKind::kSnapshot,
                                 .first_sequence = first_sequence,
                                 .salt = salt,
                                 .cluster_id = cluster_id_});
}

Status Snapshots::Publish(SnapshotWriter& writer, uint64_t first_sequence, uint64_t shown_sequence,
                          const consensus::SnapshotMeta& meta) {
  RETURN_IF_ERROR(writer.Publish(shown_sequence, consensus::EncodeSnapshotMeta(meta)));
  MutexLock lock(mutex_);
  // A file of that name was replaced.
  std::erase_if(first_sequences_,
                [first_sequence](const auto& item) { return item.second == first_sequence; });
  first_sequences_[meta.index] = first_sequence;
  return Status::Ok();
}

Status Snapshots::RemoveOld() {
  ASSIGN_OR_RETURN(const auto names, env_.List(folder_));
  uint64_t newest = 0;
  for (const std::string& name : names)
    newest = std::max(newest, io::NumberOf(name, kSnapshotSuffix).value_or(0));
  {
    MutexLock lock(mutex_);
    std::erase_if(first_sequences_, [newest](const auto& item) { return item.second < newest; });
  }
  for (const std::string& name : names) {
    const auto first = io::NumberOf(name, kSnapshotSuffix);
    if (first && *first < newest) RETURN_IF_ERROR(env_.Remove(folder_ + "/" + name));
  }
  return Status::Ok();
}

Result<std::unique_ptr<io::RandomAccessFile>> Snapshots::OpenSnapshot(uint64_t index) {
  uint64_t first_sequence = 0;
  {
    MutexLock lock(mutex_);
    const auto found = first_sequences_.find(index);
    if (found == first_sequences_.end())
      return NotFound("there is no snapshot at {} any more", index);
    first_sequence = found->second;
  }
  return env_.OpenForRead(SnapshotPath(folder_, first_sequence));
}

Result<std::unique_ptr<consensus::SnapshotSink>> Snapshots::ReceiveSnapshot(uint64_t index,
                                                                            uint64_t term) {
  std::string path = fmt::format("{}/{}", folder_, kReceivedName);
  ASSIGN_OR_RETURN(auto file, env_.OpenForWrite(path, io::OpenMode::kTruncate));
  return std::unique_ptr<consensus::SnapshotSink>(
      new Sink(*this, std::move(path), index, term, std::move(file)));
}

Result<consensus::SnapshotMeta> Snapshots::Install(const std::string& temporary, uint64_t index,
                                                   uint64_t term) {
  ASSIGN_OR_RETURN(const auto summary, ReadSnapshot(env_, temporary, cluster_id_, nullptr));
  const auto meta = consensus::DecodeSnapshotMeta(summary.stamp);
  if (!meta || meta->index != index || meta->term != term)
    return DataLoss("{}: is not the snapshot at {} of term {} that was announced", temporary, index,
                    term);
  RETURN_IF_ERROR(env_.Rename(temporary, SnapshotPath(folder_, summary.first_sequence)));
  RETURN_IF_ERROR(env_.SyncDirectory(folder_));
  MutexLock lock(mutex_);
  std::erase_if(first_sequences_,
                [&](const auto& item) { return item.second == summary.first_sequence; });
  first_sequences_[index] = summary.first_sequence;
  return *meta;
}

}  // namespace headpond::journal
