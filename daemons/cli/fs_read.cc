// fs cat, head, tail, checksum
#include <openssl/evp.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/units.h"
#include "cli/fs_commands.h"
#include "client/file_reader.h"

namespace headpond::cli {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr std::string_view kDefaultBytes = "1KB";  // of head and tail, as 2.9

Result<client::FileInfo> GetFile(client::FileSystem& fs, const std::string& path) {
  ASSIGN_OR_RETURN(client::FileInfo info, fs.GetStatus(path));
  if (info.folder) return InvalidArgument("Path \"{}\" must be a file.", path);
  return info;
}

// Hands the bytes from `offset` on, at most `length`, to `take`.
Status ReadRange(client::FileSystem& fs, const client::FileInfo& info, int64_t offset,
                 int64_t length, const std::function<void(std::string_view)>& take) {
  ASSIGN_OR_RETURN(const auto reader, fs.Open(info));
  reader->Seek(offset);
  const auto buffer = std::make_unique<char[]>(kBufferBytes);
  while (length > 0) {
    const size_t wanted = std::min(kBufferBytes, static_cast<size_t>(length));
    ASSIGN_OR_RETURN(const size_t some, reader->Read(wanted, buffer.get()));
    if (some == 0) break;
    take(std::string_view(buffer.get(), some));
    length -= static_cast<int64_t>(some);
  }
  return Status::Ok();
}

Status Print(Call& call, client::FileSystem& fs, const client::FileInfo& info, int64_t offset,
             int64_t length) {
  return ReadRange(fs, info, offset, length,
                   [&](std::string_view data) { call.out().Write(data); });
}

Result<int> Cat(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(
      ForEachPath(*fs, call.positional().front(), [&](const std::string& path) -> Status {
        ASSIGN_OR_RETURN(const client::FileInfo info, GetFile(*fs, path));
        return Print(call, *fs, info, 0, info.length);
      }));
  return kExitOk;
}

Result<int64_t> ByteCount(Call& call) {
  const std::string text = call.args.ValueOr("c", kDefaultBytes);
  const Result<int64_t> bytes = ParseSize(text);
  if (!bytes.ok()) return InvalidArgument("Fail to parse {} to bytes", text);
  if (*bytes <= 0) return InvalidArgument("specified bytes must be > 0");
  return *bytes;
}

Result<int> HeadOrTail(Call& call, bool tail) {
  ASSIGN_OR_RETURN(const int64_t bytes, ByteCount(call));
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(
      ForEachPath(*fs, call.positional().front(), [&](const std::string& path) -> Status {
        ASSIGN_OR_RETURN(const client::FileInfo info, GetFile(*fs, path));
        const int64_t count = std::min(bytes, info.length);
        return Print(call, *fs, info, tail ? info.length - count : 0, count);
      }));
  return kExitOk;
}

Result<std::string> Md5(client::FileSystem& fs, const client::FileInfo& info) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  if (!digest || EVP_DigestInit_ex(digest.get(), EVP_md5(), nullptr) != 1)
    return Internal("MD5 is not available from OpenSSL here");
  RETURN_IF_ERROR(ReadRange(fs, info, 0, info.length, [&](std::string_view data) {
    EVP_DigestUpdate(digest.get(), data.data(), data.size());
  }));
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  EVP_DigestFinal_ex(digest.get(), bytes, &count);
  std::string hex;
  for (unsigned int i = 0; i < count; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

Result<int> Checksum(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  RETURN_IF_ERROR(
      ForEachPath(*fs, call.positional().front(), [&](const std::string& path) -> Status {
        ASSIGN_OR_RETURN(const client::FileInfo info, GetFile(*fs, path));
        ASSIGN_OR_RETURN(const std::string hex, Md5(*fs, info));
        call.out().Line("md5sum: {}\n", hex);
        return Status::Ok();
      }));
  return kExitOk;
}

}  // namespace

std::vector<Command> ReadCommands() {
  const OptionSpec bytes{.letter = "c", .value = "bytes", .help = "how much; 1KB if not given"};
  return {
      {.name = "cat",
       .usage = "cat <path>",
       .help = "Prints the content of files.",
       .examples = "  headpond fs cat '/data/part-*' | wc -l",
       .min_args = 1,
       .max_args = kAnyNumber,
       .run = Cat},
      {.name = "head",
       .usage = "head [-c <bytes>] <path>",
       .help = "Prints the beginning of a file.",
       .examples = "  headpond fs head -c 4KB /data/part-0",
       .min_args = 1,
       .max_args = 1,
       .options = {bytes},
       .run = [](Call& call) { return HeadOrTail(call, /*tail=*/false); }},
      {.name = "tail",
       .usage = "tail [-c <bytes>] <path>",
       .help = "Prints the end of a file.",
       .examples = "  headpond fs tail /data/log",
       .min_args = 1,
       .max_args = 1,
       .options = {bytes},
       .run = [](Call& call) { return HeadOrTail(call, /*tail=*/true); }},
      {.name = "checksum",
       .usage = "checksum <Alluxio path>",
       .help = "Prints the MD5 of a file.",
       .examples = "  headpond fs checksum /data/part-0",
       .min_args = 1,
       .max_args = 1,
       .run = Checksum},
  };
}

}  // namespace headpond::cli
