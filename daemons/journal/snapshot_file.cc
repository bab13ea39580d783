#include "journal/snapshot_file.h"

#include "base/log.h"
#include "io/frame_reader.h"
#include "journal/folder.h"

namespace headpond::journal {
namespace {

constexpr size_t kSnapshotFrameBytes = 1 << 20;  // the buffer between source and file

std::string TemporaryPath(const std::string& folder, const FileHeader& header) {
  return SnapshotPath(folder, header.first_sequence) + ".tmp";
}

}  // namespace

SnapshotWriter::SnapshotWriter(io::Env& env, std::string folder, FileHeader header,
                               std::unique_ptr<io::WritableFile> file)
    : env_(env), folder_(std::move(folder)), header_(std::move(header)), file_(std::move(file)) {}

SnapshotWriter::~SnapshotWriter() {
  if (published_) return;
  file_ = nullptr;
  const std::string path = TemporaryPath(folder_, header_);
  // Only space is at stake: the next start removes it too.
  if (const Status status = env_.Remove(path); !status.ok())
    LogWarn("journal", "an unfinished snapshot stays behind: {}", status.message());
}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::Create(io::Env& env,
                                                               const std::string& folder,
                                                               const FileHeader& header) {
  ASSIGN_OR_RETURN(auto file,
                   env.OpenForWrite(TemporaryPath(folder, header), io::OpenMode::kTruncate));
  auto writer =
      std::unique_ptr<SnapshotWriter>(new SnapshotWriter(env, folder, header, std::move(file)));
  RETURN_IF_ERROR(writer->file_->Append(EncodeFileHeader(header)));
  return writer;
}

Status SnapshotWriter::Add(const std::vector<std::string>& records) {
  for (const std::string& record : records) {
    if (record.size() > kMaxRecordBytes)
      return InvalidArgument("a snapshot record of {} bytes is larger than the {} allowed",
                             record.size(), kMaxRecordBytes);
    if (frame_.count() > 0 && frame_.bytes() + record.size() > kSnapshotFrameBytes)
      RETURN_IF_ERROR(WriteFrame(FrameType::kSnapshotRecords, framed_));
    frame_.Add(record);
    ++records_;
  }
  return Status::Ok();
}

Status SnapshotWriter::WriteFrame(FrameType type, uint64_t first) {
  framed_ += frame_.count();
  const Status status = file_->Append(frame_.Seal(type, first, header_.salt));
  frame_.Clear();
  return status;
}

Status SnapshotWriter::Publish(uint64_t shown_sequence, std::string_view stamp) {
  if (frame_.count() > 0) RETURN_IF_ERROR(WriteFrame(FrameType::kSnapshotRecords, framed_));
  frame_.Add(EncodeUint64(shown_sequence));
  if (!stamp.empty()) frame_.Add(stamp);
  RETURN_IF_ERROR(WriteFrame(FrameType::kSnapshotEnd, records_));
  RETURN_IF_ERROR(file_->Sync());
  RETURN_IF_ERROR(file_->Close());
  const std::string path = SnapshotPath(folder_, header_.first_sequence);
  RETURN_IF_ERROR(env_.Rename(TemporaryPath(folder_, header_), path));
  published_ = true;
  return env_.SyncDirectory(folder_);
}

Status AddAll(SnapshotSource& source, SnapshotWriter& writer,
              const std::function<Status()>& check) {
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<std::string> records, source.NextBatch());
    if (records.empty()) return Status::Ok();
    RETURN_IF_ERROR(writer.Add(records));
    if (check) RETURN_IF_ERROR(check());
  }
}

Result<SnapshotSummary> ReadSnapshot(io::Env& env, const std::string& path,
                                     const std::string& cluster_id,
                                     const std::function<Status(std::string_view)>& on_record) {
  ASSIGN_OR_RETURN(io::FrameReader reader,
                   io::FrameReader::Open(env, path, FileKind::kSnapshot, cluster_id));
  SnapshotSummary summary{.first_sequence = reader.header().first_sequence,
                          .bytes = reader.file_bytes()};
  for (;;) {
    const int64_t offset = reader.offset();
    ASSIGN_OR_RETURN(const auto frame, reader.Next());
    if (!frame || frame->first != summary.records)
      return DataLoss("{}: damaged or incomplete at offset {} of {}, after {} records", path,
                      offset, summary.bytes, summary.records);
    const auto records = frame->Records();
    if (frame->type == FrameType::kSnapshotEnd) {
      if (records.empty() || records.size() > 2 || records[0].size() != sizeof(uint64_t) ||
          !reader.AtEnd())
        return DataLoss("{}: damaged at offset {} of {}: its end makes no sense", path, offset,
                        summary.bytes);
      summary.shown_sequence = DecodeUint64(records[0]);
      if (records.size() == 2) summary.stamp = records[1];
      return summary;
    }
    if (frame->type != FrameType::kSnapshotRecords)
      return DataLoss("{}: damaged at offset {}: a log's frame in a snapshot", path, offset);
    if (on_record) {
      for (size_t i = 0; i < records.size(); ++i)
        if (const Status status = on_record(records[i]); !status.ok())
          return status.WithContext(fmt::format("{}: record {}", path, summary.records + i));
    }
    summary.records += records.size();
  }
}

}  // namespace headpond::journal
