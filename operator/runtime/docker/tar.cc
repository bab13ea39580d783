#include "operator/runtime/docker/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace headpond::runtime {
namespace {

// Offsets and lengths of POSIX.1-1988 ustar headers.
constexpr size_t kBlock = 512;
constexpr size_t kNameLength = 100;
constexpr size_t kModeAt = 100, kUidAt = 108, kGidAt = 116, kIdLength = 8;
constexpr size_t kSizeAt = 124, kSizeLength = 12, kTimeAt = 136;
constexpr size_t kChecksumAt = 148, kChecksumLength = 8, kTypeAt = 156, kMagicAt = 257;
constexpr std::string_view kMagic("ustar\00000", 8);
constexpr char kFile = '0', kFolder = '5', kGnuLongName = 'L', kPax = 'x', kPaxGlobal = 'g';

void PutOctal(std::string& header, size_t at, size_t length, uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, length - 1);
  header.replace(at, text.size(), text);
}

uint64_t ReadOctal(std::string_view field) {
  uint64_t value = 0;
  for (const char c : field) {
    if (c == ' ' && value == 0) continue;
    if (c < '0' || c > '7') break;
    value = value * 8 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

uint64_t Checksum(std::string_view header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= kChecksumAt && i < kChecksumAt + kChecksumLength;
    sum += own ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(header[i]);
  }
  return sum;
}

uint64_t Padded(uint64_t size) {
  return (size + kBlock - 1) / kBlock * kBlock;
}

}  // namespace

Result<std::string> WriteTar(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const TarEntry& entry : entries) {
    const std::string name = entry.is_folder ? entry.path + "/" : entry.path;
    if (name.size() > kNameLength)
      return InvalidArgument("the path {} is longer than {} bytes", name, kNameLength);
    std::string header(kBlock, '\0');
    header.replace(0, name.size(), name);
    PutOctal(header, kModeAt, kIdLength, static_cast<uint64_t>(entry.mode));
    PutOctal(header, kUidAt, kIdLength, static_cast<uint64_t>(entry.uid));
    PutOctal(header, kGidAt, kIdLength, static_cast<uint64_t>(entry.gid));
    PutOctal(header, kSizeAt, kSizeLength, entry.content.size());
    PutOctal(header, kTimeAt, kSizeLength, 0);
    header[kTypeAt] = entry.is_folder ? kFolder : kFile;
    header.replace(kMagicAt, kMagic.size(), kMagic);
    const std::string sum = fmt::format("{:06o}", Checksum(header));
    header.replace(kChecksumAt, sum.size() + 2, sum + std::string("\0 ", 2));
    tar += header;
    tar += entry.content;
    tar.resize(Padded(tar.size()), '\0');
  }
  tar.append(2 * kBlock, '\0');
  return tar;
}

Result<std::vector<TarEntry>> ReadTar(std::string_view bytes) {
  std::vector<TarEntry> entries;
  while (bytes.size() >= kBlock) {
    const std::string_view header = bytes.substr(0, kBlock);
    if (std::ranges::all_of(header, [](char c) { return c == '\0'; })) break;
    if (ReadOctal(header.substr(kChecksumAt, kChecksumLength)) != Checksum(header))
      return Status(Code::kDataLoss, "not a tar archive: a header's checksum is wrong");
    const uint64_t size = ReadOctal(header.substr(kSizeAt, kSizeLength));
    const char type = header[kTypeAt];
    bytes.remove_prefix(kBlock);
    const bool is_extension = type == kGnuLongName || type == kPax || type == kPaxGlobal;
    std::string_view name = header.substr(0, kNameLength);
    name = name.substr(0, name.find('\0'));
    const bool is_folder = type == kFolder;
    while (name.size() > 1 && name.ends_with('/')) name.remove_suffix(1);
    if (!is_extension)
      entries.push_back({.path = std::string(name),
                         .is_folder = is_folder,
                         .mode = static_cast<int>(ReadOctal(header.substr(kModeAt, kIdLength))),
                         .uid = static_cast<int64_t>(ReadOctal(header.substr(kUidAt, kIdLength))),
                         .gid = static_cast<int64_t>(ReadOctal(header.substr(kGidAt, kIdLength))),
                         .content = std::string(bytes.substr(0, size))});  // or what is here of it
    bytes.remove_prefix(std::min<uint64_t>(Padded(size), bytes.size()));
  }
  return entries;
}

}  // namespace headpond::runtime
