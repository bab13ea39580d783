// Journal files of any bytes: reading them never crashes, hands out nothing that its checksum does
// not cover, and reports what it read truthfully. The first byte chooses how the rest is used.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "io/crc32c.h"
#include "io/mem_env.h"
#include "journal/folder.h"
#include "journal/folder_reader.h"
#include "journal/format.h"

namespace {

using namespace headpond;           // NOLINT
using namespace headpond::journal;  // NOLINT

constexpr char kFolder[] = "/journal";

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

class CountingReplayer final : public Replayer {
 public:
  Status OnSnapshotRecord(std::string_view) override {
    ++records;
    return Status::Ok();
  }
  Status OnEntry(uint64_t sequence, std::string_view) override {
    Require(last == 0 || sequence == last + 1, "entries come without gaps");
    last = sequence;
    ++entries;
    return Status::Ok();
  }
  uint64_t records = 0, entries = 0, last = 0;
};

void Put(io::MemEnv& env, const std::string& path, std::string_view content) {
  Require(io::WriteFileAtomically(env, path, content).ok(), "memory takes the file");
}

// A log from entry 1 and, if it is not empty, a snapshot before entry 3.
void ReadAll(std::string_view log, std::string_view snapshot) {
  io::MemEnv env;
  Require(env.CreateDirectories(kFolder).ok(), "memory takes the folder");
  Put(env, LogPath(kFolder, 1), log);
  if (!snapshot.empty()) Put(env, SnapshotPath(kFolder, 3), snapshot);
  CountingReplayer replayer;
  const auto report = ReadFolder(env, kFolder, "", &replayer);
  Require(report.ok(), "bytes are no error of the file system");
  if (report->problem.ok()) {
    Require(replayer.entries == report->last_sequence + 1 - report->snapshot_sequence,
            "every entry after the snapshot is replayed");
    for (const FileReport& file : report->files)
      Require(file.kind == FileKind::kSnapshot || file.good_bytes == file.bytes || file.torn_tail ||
                  file.unused_tail,
              "what is not good is called torn or unused");
  }
  const auto verified = ReadFolder(env, kFolder, "", nullptr);
  Require(verified.ok() && verified->problem.ok() == report->problem.ok(),
          "verify and recovery judge alike");
}

// Frames whose checksums fit, so that what lies behind the checksums is reached too. Per frame:
// type, record count, first sequence, body length, one byte each, then the body.
std::string ForgeFrames(std::string_view recipe) {
  std::string frames;
  const std::string salt(8, '\0');
  const auto crc = [&](std::string_view data) {
    const uint32_t value = io::ExtendCrc32c(io::Crc32c(salt), data);
    return EncodeUint64(value).substr(0, 4);
  };
  while (recipe.size() >= 4) {
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(recipe[at]); };
    const std::string_view body = recipe.substr(4, byte(3));
    std::string covered = EncodeUint64(body.size()).substr(0, 4) +
                          EncodeUint64(byte(0)).substr(0, 2) + std::string(2, '\0') +
                          EncodeUint64(byte(2)) + EncodeUint64(byte(1)).substr(0, 4) + crc(body);
    frames += std::string(io::FrameMagic()) + crc(covered) + covered + std::string(body);
    recipe.remove_prefix(4 + body.size());
  }
  return frames;
}

// What was parsed is what a writer would have written.
void ParseOne(std::string_view bytes) {
  (void)DecodeFileHeader(bytes);
  const auto frame = io::ParseFrame(bytes, /*salt=*/0);
  if (!frame) return;
  FrameBuilder builder;
  for (const std::string_view record : frame->Records()) builder.Add(record);
  Require(builder.Seal(frame->type, frame->first, 0) == bytes.substr(0, frame->bytes()),
          "a frame has one form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string log_header = EncodeFileHeader({.kind = FileKind::kLog, .first_sequence = 1});
  const std::string snapshot_header =
      EncodeFileHeader({.kind = FileKind::kSnapshot, .first_sequence = 3});
  switch (data[0] % 5) {
    case 0: ParseOne(rest); break;
    case 1: ReadAll(rest, ""); break;
    case 2: ReadAll(log_header + std::string(rest), ""); break;
    case 3: ReadAll(log_header + ForgeFrames(rest), ""); break;
    default: {
      const std::string frames = ForgeFrames(rest);
      ReadAll(log_header + frames, snapshot_header + frames);
    }
  }
  return 0;
}
