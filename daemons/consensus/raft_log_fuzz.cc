// Raft logs of any bytes: opening one never crashes, and what it then says of itself is true. The
// first byte chooses how the rest is used.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/log.h"
#include "consensus/raft_log.h"
#include "io/frame_format.h"
#include "io/mem_env.h"

namespace {

using namespace headpond;             // NOLINT
using namespace headpond::consensus;  // NOLINT

constexpr char kFolder[] = "/node";
const NodeIdentity kIdentity{.cluster_id = "c", .node_id = 1, .address = "a:1"};

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

void OpenWith(std::string_view file) {
  io::MemEnv env;
  Require(FormatRaftFolder(env, kFolder, kIdentity, {.index = 1, .term = 1}, 7, nullptr).ok(),
          "memory is formatted");
  Require(io::WriteFileAtomically(env, RaftLogPath(kFolder, 1), file).ok(), "memory takes it");
  const RaftLogOptions options{
      .folder = kFolder, .identity = kIdentity, .fill_bytes = 0, .cache_bytes = 64};
  const auto log = RaftLog::Open(env, options);
  if (!log.ok()) return;
  const uint64_t first = (*log)->first_index();
  const uint64_t last = (*log)->last_index();
  Require((*log)->Term(first - 1).ok() && (*log)->Term(last).ok(), "the ends have terms");
  uint64_t next = first;
  while (next <= last) {
    const auto entries = (*log)->Entries(next, last + 1, 1 << 20);
    Require(entries.ok() && !entries->empty() && (*entries)[0].index == next,
            "every entry can be read");
    next += entries->size();
  }
}

// Frames whose checksums fit. Per frame: the count of its records, then per record its length and
// its bytes.
std::string Forge(std::string_view recipe) {
  constexpr uint64_t kSalt = 7;
  std::string file = io::EncodeFileHeader({.kind = io::FileKind::kRaftLog,
                                           .first_sequence = 1,
                                           .salt = kSalt,
                                           .cluster_id = kIdentity.cluster_id});
  const auto take = [&](size_t count) {
    const auto taken = recipe.substr(0, count);
    recipe.remove_prefix(taken.size());
    return taken;
  };
  for (uint64_t number = 1; !recipe.empty(); ++number) {
    io::FrameBuilder frame;
    if (number == 1) frame.Add(EncodeRecord(BaseRecord{}));
    for (auto left = static_cast<uint8_t>(take(1)[0]); left > 0 && !recipe.empty(); --left)
      frame.Add(take(static_cast<uint8_t>(take(1)[0])));
    file += frame.Seal(io::FrameType::kRaftRecords, number, kSalt);
  }
  return file;
}

// A record has one form.
void DecodeOne(std::string_view bytes) {
  const auto record = DecodeRecord(bytes);
  if (!record) return;
  const std::string again = std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Entry>)
          return EncodeEntryRecord(value);
        else
          return EncodeRecord(value);
      },
      *record);
  Require(again == bytes, "a record has one form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  SetLogLevel(LogLevel::kError);
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 3) {
    case 0: DecodeOne(rest); break;
    case 1: OpenWith(rest); break;
    default: OpenWith(Forge(rest));
  }
  return 0;
}
