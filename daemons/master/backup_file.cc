#include "master/backup_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "io/crc32c.h"
#include "proto/backup.pb.h"

namespace headpond::master {
namespace {

namespace pb = google::protobuf;

constexpr uint32_t kVersion = 1;
// Metadata is text that repeats itself: the fastest level takes most of what there is to take.
constexpr int kCompressionLevel = 1;
// A journal takes records of up to 64 MiB (io/frame_format.h).
constexpr uint32_t kMaxItemBytes = 80u << 20;
// Of many small entries, so that an item's frame costs next to nothing.
constexpr size_t kBatchBytes = 1 << 20;

// Protobuf's streams say true or false; these keep the reason.
class ToFile final : public pb::io::CopyingOutputStream {
 public:
  explicit ToFile(ufs::UfsWriter& file) : file_(file) {}
  bool Write(const void* buffer, int size) override {
    status_ = file_.Append({static_cast<const char*>(buffer), static_cast<size_t>(size)});
    return status_.ok();
  }
  const Status& status() const { return status_; }

 private:
  ufs::UfsWriter& file_;
  Status status_;
};

class FromFile final : public pb::io::CopyingInputStream {
 public:
  explicit FromFile(ufs::UfsReader& file) : file_(file) {}
  int Read(void* buffer, int size) override {
    const auto read = file_.ReadAt(offset_, static_cast<size_t>(size), static_cast<char*>(buffer));
    status_ = read.status();
    if (!read.ok()) return -1;
    offset_ += static_cast<int64_t>(*read);
    return static_cast<int>(*read);
  }
  const Status& status() const { return status_; }

 private:
  ufs::UfsReader& file_;
  int64_t offset_ = 0;
  Status status_;
};

pb::io::GzipOutputStream::Options GzipOptions() {
  pb::io::GzipOutputStream::Options options;
  options.format = pb::io::GzipOutputStream::GZIP;
  options.compression_level = kCompressionLevel;
  return options;
}

}  // namespace

class BackupWriter::Impl {
 public:
  explicit Impl(ufs::UfsWriter& file)
      : file_(file), bytes_(&file_), gzip_(&bytes_, GzipOptions()) {}

  Status Write(const backup::Item& item) {
    const std::string bytes = item.SerializeAsString();
    crc_ = io::ExtendCrc32c(crc_, bytes);
    pb::io::CodedOutputStream coded(&gzip_);
    coded.WriteVarint32(static_cast<uint32_t>(bytes.size()));
    coded.WriteString(bytes);
    return coded.HadError() ? Failure() : Status::Ok();
  }

  // Batches of about kBatchBytes; what `batch_of` returns is filled.
  template <typename BatchOf>
  Status Add(const std::vector<std::string>& payloads, BatchOf&& batch_of) {
    backup::Item item;
    size_t bytes = 0;
    for (const std::string& payload : payloads) {
      batch_of(item)->add_payloads(payload);
      bytes += payload.size();
      if (bytes < kBatchBytes) continue;
      RETURN_IF_ERROR(Write(item));
      item.Clear();
      bytes = 0;
    }
    const bool written = item.item_case() == backup::Item::ITEM_NOT_SET;
    return written ? Status::Ok() : Write(item);
  }

  Status Finish() {
    backup::Item item;
    item.mutable_end()->set_records(records);
    item.mutable_end()->set_entries(entries);
    item.mutable_end()->set_crc32c(crc_);
    RETURN_IF_ERROR(Write(item));
    return gzip_.Close() && bytes_.Flush() ? Status::Ok() : Failure();
  }

  uint64_t records = 0;
  uint64_t entries = 0;

 private:
  Status Failure() const {
    return file_.status().ok() ? Internal("the backup can't be compressed") : file_.status();
  }

  ToFile file_;
  pb::io::CopyingOutputStreamAdaptor bytes_;
  pb::io::GzipOutputStream gzip_;
  uint32_t crc_ = 0;
};

BackupWriter::BackupWriter(ufs::UfsWriter& file, const std::string& cluster_id, int64_t now_ms)
    : impl_(std::make_unique<Impl>(file)) {
  backup::Item item;
  item.mutable_header()->set_version(kVersion);
  item.mutable_header()->set_cluster_id(cluster_id);
  item.mutable_header()->set_time_ms(now_ms);
  (void)impl_->Write(item);  // into the compressor's buffer; a failure shows in what follows
}

BackupWriter::~BackupWriter() = default;

Status BackupWriter::AddRecords(const std::vector<std::string>& records) {
  impl_->records += records.size();
  return impl_->Add(records, [](backup::Item& item) { return item.mutable_records(); });
}

Status BackupWriter::AddEntries(const std::vector<std::string>& entries) {
  impl_->entries += entries.size();
  return impl_->Add(entries, [](backup::Item& item) { return item.mutable_entries(); });
}

Status BackupWriter::Finish() {
  return impl_->Finish();
}

namespace {

class BackupReader {
 public:
  explicit BackupReader(ufs::UfsReader& file)
      : file_(file), bytes_(&file_), gzip_(&bytes_, pb::io::GzipInputStream::GZIP) {}

  Status Read(const std::function<Status(BackupPart, std::string_view)>& visit) {
    backup::Item item;
    RETURN_IF_ERROR(ReadHeader(item));
    for (;;) {
      RETURN_IF_ERROR(Next(item));
      switch (item.item_case()) {
        case backup::Item::kRecords:
          RETURN_IF_ERROR(Visit(BackupPart::kRecord, item.records(), visit, records_));
          break;
        case backup::Item::kEntries:
          RETURN_IF_ERROR(Visit(BackupPart::kEntry, item.entries(), visit, entries_));
          break;
        case backup::Item::kEnd: return CheckEnd(item.end());
        default: return Damaged("has an item that makes no sense");
      }
    }
  }

 private:
  Status ReadHeader(backup::Item& item) {
    if (!Next(item).ok() || !item.has_header()) {
      RETURN_IF_ERROR(file_.status());
      return InvalidArgument(
          "is no backup made by `headpond fsadmin backup`; those of stock Alluxio can't be "
          "restored");
    }
    if (item.header().version() == kVersion) return Status::Ok();
    return InvalidArgument("is of version {}; this program reads version {}",
                           item.header().version(), kVersion);
  }

  Status Next(backup::Item& item) {
    crc_ = io::ExtendCrc32c(crc_, bytes_of_item_);  // of the item before
    pb::io::CodedInputStream coded(&gzip_);
    uint32_t size = 0;
    if (!coded.ReadVarint32(&size) || size > kMaxItemBytes ||
        !coded.ReadString(&bytes_of_item_, static_cast<int>(size)))
      return Damaged("is cut short");
    return item.ParseFromString(bytes_of_item_) ? Status::Ok()
                                                : Damaged("has an item that makes no sense");
  }

  Status Visit(BackupPart part, const backup::Batch& batch,
               const std::function<Status(BackupPart, std::string_view)>& visit, uint64_t& count) {
    for (const std::string& payload : batch.payloads()) {
      if (const Status status = visit(part, payload); !status.ok())
        return status.WithContext(
            fmt::format("{} {}", part == BackupPart::kRecord ? "record" : "entry", count));
      ++count;
    }
    return Status::Ok();
  }

  Status CheckEnd(const backup::End& end) {
    if (end.records() != records_ || end.entries() != entries_ || end.crc32c() != crc_)
      return Damaged("does not match its checksum");
    const void* data = nullptr;
    int size = 0;
    while (gzip_.Next(&data, &size))
      if (size > 0) return Damaged("goes on behind its end");
    return Status::Ok();
  }

  Status Damaged(std::string_view how) const {
    RETURN_IF_ERROR(file_.status());
    return DataLoss("{}, after {} records and {} entries", how, records_, entries_);
  }

  FromFile file_;
  pb::io::CopyingInputStreamAdaptor bytes_;
  pb::io::GzipInputStream gzip_;
  std::string bytes_of_item_;
  uint32_t crc_ = 0;
  uint64_t records_ = 0;
  uint64_t entries_ = 0;
};

}  // namespace

Status ReadBackup(ufs::UfsReader& file,
                  const std::function<Status(BackupPart, std::string_view)>& visit) {
  return BackupReader(file).Read(visit);
}

}  // namespace headpond::master
