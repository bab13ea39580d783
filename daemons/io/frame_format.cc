#include "io/frame_format.h"

#include <cassert>
#include <cstring>

#include "io/crc32c.h"

namespace headpond::io {
namespace {

constexpr std::string_view kFileMagic = "HPJOURNL";
constexpr std::string_view kFrameMagic = "\xf5HPf";  // 0xf5 occurs in no UTF-8 text

constexpr size_t kVersionAt = 8;
constexpr size_t kKindAt = 12;
constexpr size_t kFirstAt = 16;
constexpr size_t kSaltAt = 24;
constexpr size_t kClusterLengthAt = 32;
constexpr size_t kClusterAt = 36;
constexpr size_t kHeaderCrcAt = kFileHeaderBytes - 4;
static_assert(kClusterAt + kMaxClusterIdBytes <= kHeaderCrcAt);

constexpr size_t kFrameCrcAt = 4;
constexpr size_t kFrameCoveredAt = 8;  // what the header's checksum covers starts here
constexpr size_t kFrameLengthAt = 8;
constexpr size_t kFrameTypeAt = 12;
constexpr size_t kFrameReservedAt = 14;
constexpr size_t kFrameFirstAt = 16;
constexpr size_t kFrameCountAt = 24;
constexpr size_t kFrameBodyCrcAt = 28;

template <typename Number>
void Store(char* at, Number value) {
  for (size_t i = 0; i < sizeof(Number); ++i) at[i] = static_cast<char>(value >> (8 * i));
}

template <typename Number>
Number Load(const char* at) {
  Number value = 0;
  for (size_t i = 0; i < sizeof(Number); ++i)
    value |= static_cast<Number>(static_cast<Number>(static_cast<uint8_t>(at[i])) << (8 * i));
  return value;
}

uint32_t SaltedCrc(uint64_t salt, std::string_view data) {
  char bytes[sizeof(salt)];
  Store(bytes, salt);
  return ExtendCrc32c(Crc32c({bytes, sizeof(bytes)}), data);
}

// Walks the records of a body; false when their lengths don't add up to it.
template <typename Visit>
bool ForEachRecord(std::string_view body, uint32_t count, Visit visit) {
  for (uint32_t i = 0; i < count; ++i) {
    if (body.size() < kRecordOverheadBytes) return false;
    const size_t length = Load<uint32_t>(body.data());
    body.remove_prefix(kRecordOverheadBytes);
    if (body.size() < length) return false;
    visit(body.substr(0, length));
    body.remove_prefix(length);
  }
  return body.empty();
}

}  // namespace

std::string EncodeFileHeader(const FileHeader& header) {
  assert(header.cluster_id.size() <= kMaxClusterIdBytes);
  std::string bytes(kFileHeaderBytes, '\0');
  kFileMagic.copy(bytes.data(), kFileMagic.size());
  Store(&bytes[kVersionAt], kFormatVersion);
  Store(&bytes[kKindAt], static_cast<uint32_t>(header.kind));
  Store(&bytes[kFirstAt], header.first_sequence);
  Store(&bytes[kSaltAt], header.salt);
  Store(&bytes[kClusterLengthAt], static_cast<uint32_t>(header.cluster_id.size()));
  header.cluster_id.copy(&bytes[kClusterAt], kMaxClusterIdBytes);
  Store(&bytes[kHeaderCrcAt], Crc32c(std::string_view(bytes).substr(0, kHeaderCrcAt)));
  return bytes;
}

Result<FileHeader> DecodeFileHeader(std::string_view bytes) {
  if (bytes.size() < kFileHeaderBytes)
    return DataLoss("the file header is cut short: {} of {} bytes", bytes.size(), kFileHeaderBytes);
  if (bytes.substr(0, kFileMagic.size()) != kFileMagic) return DataLoss("not a journal file");
  // Before the checksum: another version may keep it elsewhere.
  const auto version = Load<uint32_t>(&bytes[kVersionAt]);
  if (version > kFormatVersion)
    return FailedPrecondition("format version {} is newer than {}, the newest this program reads",
                              version, kFormatVersion);
  if (Load<uint32_t>(&bytes[kHeaderCrcAt]) != Crc32c(bytes.substr(0, kHeaderCrcAt)))
    return DataLoss("the file header fails its checksum");
  const auto kind = Load<uint32_t>(&bytes[kKindAt]);
  const auto cluster_length = Load<uint32_t>(&bytes[kClusterLengthAt]);
  if (version == 0 || kind < 1 || kind > 3 || cluster_length > kMaxClusterIdBytes)
    return DataLoss("the file header makes no sense");
  return FileHeader{
      .kind = static_cast<FileKind>(kind),
      .first_sequence = Load<uint64_t>(&bytes[kFirstAt]),
      .salt = Load<uint64_t>(&bytes[kSaltAt]),
      .cluster_id = std::string(bytes.substr(kClusterAt, cluster_length)),
  };
}

std::vector<std::string_view> Frame::Records() const {
  std::vector<std::string_view> records;
  records.reserve(count);
  ForEachRecord(body, count, [&](std::string_view record) { records.push_back(record); });
  return records;
}

std::string_view FrameMagic() {
  return kFrameMagic;
}

std::optional<FrameHeader> ParseFrameHeader(std::string_view bytes, uint64_t salt) {
  if (bytes.size() < kFrameHeaderBytes || bytes.substr(0, kFrameMagic.size()) != kFrameMagic)
    return std::nullopt;
  const auto covered = bytes.substr(kFrameCoveredAt, kFrameHeaderBytes - kFrameCoveredAt);
  if (Load<uint32_t>(&bytes[kFrameCrcAt]) != SaltedCrc(salt, covered)) return std::nullopt;
  const auto type = Load<uint16_t>(&bytes[kFrameTypeAt]);
  const FrameHeader header{
      .type = static_cast<FrameType>(type),
      .first = Load<uint64_t>(&bytes[kFrameFirstAt]),
      .count = Load<uint32_t>(&bytes[kFrameCountAt]),
      .body_length = Load<uint32_t>(&bytes[kFrameLengthAt]),
      .body_crc = Load<uint32_t>(&bytes[kFrameBodyCrcAt]),
  };
  if (type < 1 || type > 5 || header.body_length > kMaxFrameBodyBytes ||
      header.count > header.body_length / kRecordOverheadBytes)
    return std::nullopt;
  return header;
}

std::optional<Frame> ParseFrame(std::string_view bytes, uint64_t salt) {
  const auto header = ParseFrameHeader(bytes, salt);
  if (!header || bytes.size() - kFrameHeaderBytes < header->body_length) return std::nullopt;
  const auto body = bytes.substr(kFrameHeaderBytes, header->body_length);
  if (header->body_crc != SaltedCrc(salt, body)) return std::nullopt;
  if (!ForEachRecord(body, header->count, [](std::string_view) {})) return std::nullopt;
  return Frame{.type = header->type, .first = header->first, .count = header->count, .body = body};
}

void FrameBuilder::Clear() {
  buffer_.assign(kFrameHeaderBytes, '\0');
  count_ = 0;
}

void FrameBuilder::Add(std::string_view record) {
  char length[kRecordOverheadBytes];
  Store(length, static_cast<uint32_t>(record.size()));
  buffer_.append(length, sizeof(length)).append(record);
  ++count_;
}

std::string_view FrameBuilder::Seal(FrameType type, uint64_t first, uint64_t salt) {
  const auto body = std::string_view(buffer_).substr(kFrameHeaderBytes);
  assert(body.size() <= kMaxFrameBodyBytes);
  kFrameMagic.copy(buffer_.data(), kFrameMagic.size());
  Store(&buffer_[kFrameLengthAt], static_cast<uint32_t>(body.size()));
  Store(&buffer_[kFrameTypeAt], static_cast<uint16_t>(type));
  Store(&buffer_[kFrameReservedAt], uint16_t{0});
  Store(&buffer_[kFrameFirstAt], first);
  Store(&buffer_[kFrameCountAt], count_);
  Store(&buffer_[kFrameBodyCrcAt], SaltedCrc(salt, body));
  const std::string_view frame = buffer_;
  Store(&buffer_[kFrameCrcAt],
        SaltedCrc(salt, frame.substr(kFrameCoveredAt, kFrameHeaderBytes - kFrameCoveredAt)));
  return frame;
}

std::string EncodeUint64(uint64_t value) {
  std::string bytes(sizeof(value), '\0');
  Store(bytes.data(), value);
  return bytes;
}

uint64_t DecodeUint64(std::string_view bytes) {
  assert(bytes.size() == sizeof(uint64_t));
  return Load<uint64_t>(bytes.data());
}

}  // namespace headpond::io
