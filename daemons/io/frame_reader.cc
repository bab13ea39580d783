#include "io/frame_reader.h"

#include <algorithm>

namespace headpond::io {
namespace {

constexpr size_t kReadBytes = 1 << 20;

std::string_view KindName(FileKind kind) {
  switch (kind) {
    case FileKind::kLog: return "log";
    case FileKind::kSnapshot: return "snapshot";
    case FileKind::kRaftLog: return "raft log";
  }
  return "known";
}

}  // namespace

FrameReader::FrameReader(std::unique_ptr<RandomAccessFile> file, FileHeader header)
    : file_(std::move(file)), header_(std::move(header)), offset_(kFileHeaderBytes) {}

Result<FrameReader> FrameReader::Open(Env& env, const std::string& path, FileKind kind,
                                      const std::string& cluster_id) {
  ASSIGN_OR_RETURN(auto file, env.OpenForRead(path));
  std::string bytes(kFileHeaderBytes, '\0');
  ASSIGN_OR_RETURN(const size_t read, file->ReadAt(0, bytes.size(), bytes.data()));
  bytes.resize(read);
  auto header = DecodeFileHeader(bytes);
  if (!header.ok()) return header.status().WithContext(path);
  if (header->kind != kind) return DataLoss("{}: is not a {} file", path, KindName(kind));
  if (!cluster_id.empty() && header->cluster_id != cluster_id)
    return FailedPrecondition("{}: belongs to cluster {}, not to {}", path, header->cluster_id,
                              cluster_id);
  return FrameReader(std::move(file), *std::move(header));
}

Result<std::string_view> FrameReader::Peek(int64_t offset, size_t wanted) {
  wanted = static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(wanted),
                                                 std::max<int64_t>(0, file_->size() - offset)));
  const auto buffered_end = buffer_offset_ + static_cast<int64_t>(buffer_.size());
  if (offset < buffer_offset_ || offset + static_cast<int64_t>(wanted) > buffered_end) {
    buffer_.resize(static_cast<size_t>(std::min<int64_t>(
        static_cast<int64_t>(std::max(wanted, kReadBytes)), file_->size() - offset)));
    buffer_offset_ = offset;
    ASSIGN_OR_RETURN(const size_t read, file_->ReadAt(offset, buffer_.size(), buffer_.data()));
    buffer_.resize(read);
    wanted = std::min(wanted, read);
  }
  return std::string_view(buffer_).substr(static_cast<size_t>(offset - buffer_offset_), wanted);
}

Result<std::optional<Frame>> FrameReader::FrameAt(int64_t offset) {
  ASSIGN_OR_RETURN(const std::string_view head, Peek(offset, kFrameHeaderBytes));
  const auto header = ParseFrameHeader(head, header_.salt);
  const int64_t left = file_->size() - offset - static_cast<int64_t>(kFrameHeaderBytes);
  if (!header || int64_t{header->body_length} > left) return std::optional<Frame>();
  ASSIGN_OR_RETURN(const std::string_view bytes,
                   Peek(offset, kFrameHeaderBytes + header->body_length));
  return ParseFrame(bytes, header_.salt);
}

Result<std::optional<Frame>> FrameReader::Next() {
  if (AtEnd()) return std::optional<Frame>();
  ASSIGN_OR_RETURN(const auto frame, FrameAt(offset_));
  if (frame) offset_ += static_cast<int64_t>(frame->bytes());
  return frame;
}

Result<Tail> FrameReader::JudgeTail(bool newest) {
  if (AtEnd()) return Tail{};
  ASSIGN_OR_RETURN(const bool unused, OnlyZerosLeft());
  if (unused && newest) return Tail{.kind = Tail::Kind::kUnused};
  ASSIGN_OR_RETURN(const auto later, FindLaterFrame());
  if (later) {
    buffer_.clear();
    ASSIGN_OR_RETURN(const auto frame, FrameAt(offset_));
    if (frame) return Aborted("the file grew at offset {} while it was read", offset_);
  }
  if (later || !newest) return Tail{.kind = Tail::Kind::kDamaged, .later = later};
  return Tail{.kind = Tail::Kind::kTorn};
}

Result<bool> FrameReader::OnlyZerosLeft() {
  for (int64_t at = offset_; at < file_->size();) {
    ASSIGN_OR_RETURN(const std::string_view bytes, Peek(at, kReadBytes));
    if (bytes.empty() || bytes.find_first_not_of('\0') != std::string_view::npos) return false;
    at += static_cast<int64_t>(bytes.size());
  }
  return true;
}

Result<std::optional<int64_t>> FrameReader::FindLaterFrame() {
  // Windows overlap by a header less a byte, so that each header lies whole in one of them. Only
  // where the salted header checksum fits is a body read: bytes chosen to look like frames cost no
  // more than others.
  std::string window(kReadBytes, '\0');
  for (int64_t start = offset_ + 1;
       start + static_cast<int64_t>(kFrameHeaderBytes) <= file_->size();
       start += static_cast<int64_t>(kReadBytes - kFrameHeaderBytes + 1)) {
    ASSIGN_OR_RETURN(const size_t read, file_->ReadAt(start, kReadBytes, window.data()));
    const auto bytes = std::string_view(window).substr(0, read);
    for (size_t at = bytes.find(FrameMagic()); at != std::string_view::npos;
         at = bytes.find(FrameMagic(), at + 1)) {
      if (!ParseFrameHeader(bytes.substr(at), header_.salt)) continue;
      ASSIGN_OR_RETURN(const auto frame, FrameAt(start + static_cast<int64_t>(at)));
      if (frame) return std::optional<int64_t>(start + static_cast<int64_t>(at));
    }
  }
  return std::optional<int64_t>();
}

}  // namespace headpond::io
