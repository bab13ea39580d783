#include "cli/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/random.h"
#include "base/unique_fd.h"
#include "client/file_reader.h"
#include "client/file_writer.h"

namespace headpond::cli {
namespace {

constexpr size_t kBufferBytes = 4 << 20;
// A big file is read in pieces of this size, each with a stream of its own.
constexpr int64_t kPieceBytes = 128 << 20;

// Feeds `writer` from `read` until that returns 0. On any failure the new file is removed.
Status Pump(client::FileWriter& writer, Progress& progress,
            const std::function<Result<size_t>(size_t length, char* buffer)>& read) {
  const auto buffer = std::make_unique<char[]>(kBufferBytes);
  const auto pump = [&]() -> Status {
    while (true) {
      ASSIGN_OR_RETURN(const size_t some, read(kBufferBytes, buffer.get()));
      if (some == 0) return writer.Close();
      RETURN_IF_ERROR(writer.Write(std::string_view(buffer.get(), some)));
      progress.Add(static_cast<int64_t>(some));
    }
  };
  const Status status = pump();
  if (!status.ok()) writer.Cancel();
  return status;
}

Status LocalError(const std::string& path) {
  return ErrnoStatus(errno, path);
}

// A file that is being put together from pieces.
class LocalOutput {
 public:
  static Result<std::shared_ptr<LocalOutput>> Create(const std::string& path, int64_t length,
                                                     int pieces, std::function<void()> done) {
    auto output = std::shared_ptr<LocalOutput>(new LocalOutput(path, pieces, std::move(done)));
    output->fd_ =
        UniqueFd(open(output->temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!output->fd_.valid()) return LocalError(path);
    if (ftruncate(output->fd_.get(), length) != 0) return LocalError(path);
    return output;
  }

  ~LocalOutput() {
    if (fd_.valid()) unlink(temporary_.c_str());
  }

  Status Write(int64_t offset, std::string_view data) {
    while (!data.empty()) {
      const ssize_t some = pwrite(fd_.get(), data.data(), data.size(), offset);
      if (some < 0 && errno == EINTR) continue;
      if (some < 0) return LocalError(path_);
      data.remove_prefix(static_cast<size_t>(some));
      offset += some;
    }
    return Status::Ok();
  }

  // The last piece gives the file its name.
  Status FinishPiece() {
    if (--pieces_ > 0) return Status::Ok();
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return LocalError(path_);
    fd_.Reset();
    done_();
    return Status::Ok();
  }

 private:
  LocalOutput(const std::string& path, int pieces, std::function<void()> done)
      : path_(path),
        temporary_(path + "." + Random::FromSystem().Uuid() + ".tmp"),
        pieces_(pieces),
        done_(std::move(done)) {}

  const std::string path_;
  const std::string temporary_;
  UniqueFd fd_;
  std::atomic<int> pieces_;
  const std::function<void()> done_;
};

Status ReadPiece(client::FileSystem& fs, const client::FileInfo& from, int64_t begin, int64_t end,
                 LocalOutput& output, Progress& progress) {
  ASSIGN_OR_RETURN(const auto reader, fs.Open(from));
  reader->Seek(begin);
  const auto buffer = std::make_unique<char[]>(kBufferBytes);
  while (reader->position() < end) {
    const int64_t at = reader->position();
    const size_t wanted = std::min(kBufferBytes, static_cast<size_t>(end - at));
    ASSIGN_OR_RETURN(const size_t some, reader->Read(wanted, buffer.get()));
    if (some == 0) return DataLoss("{} ended at {} instead of {}", from.path, at, from.length);
    RETURN_IF_ERROR(output.Write(at, std::string_view(buffer.get(), some)));
    progress.Add(static_cast<int64_t>(some));
  }
  return output.FinishPiece();
}

}  // namespace

Status CopyToNamespace(client::FileSystem& fs, const std::string& local, const std::string& path,
                       const client::CreateOptions& options, Progress& progress) {
  const UniqueFd fd(open(local.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return NotFound("{} ({})", local, ErrnoStatus(errno, "").message().substr(2));
  ASSIGN_OR_RETURN(const auto writer, fs.Create(path, options));
  return Pump(*writer, progress, [&](size_t length, char* buffer) -> Result<size_t> {
    while (true) {
      const ssize_t some = read(fd.get(), buffer, length);
      if (some >= 0) return static_cast<size_t>(some);
      if (errno != EINTR) return LocalError(local);
    }
  });
}

Status CopyInNamespace(client::FileSystem& fs, const client::FileInfo& from, const std::string& to,
                       Progress& progress) {
  ASSIGN_OR_RETURN(const auto reader, fs.Open(from));
  ASSIGN_OR_RETURN(const auto writer, fs.Create(to));
  return Pump(*writer, progress,
              [&](size_t length, char* buffer) { return reader->Read(length, buffer); });
}

void CopyToLocal(client::FileSystem& fs, const client::FileInfo& from, const std::string& local,
                 WorkGroup& group, Progress& progress, std::function<void()> done) {
  const auto pieces =
      static_cast<int>(std::max<int64_t>((from.length + kPieceBytes - 1) / kPieceBytes, 1));
  const auto output = LocalOutput::Create(local, from.length, pieces, std::move(done));
  if (!output.ok()) return group.Add([status = output.status()] { return status; });
  const auto info = std::make_shared<const client::FileInfo>(from);
  for (int piece = 0; piece < pieces; ++piece) {
    const int64_t begin = piece * kPieceBytes;
    const int64_t end = std::min(from.length, begin + kPieceBytes);
    group.Add([&fs, &progress, info, begin, end, output = *output] {
      return ReadPiece(fs, *info, begin, end, *output, progress);
    });
  }
}

}  // namespace headpond::cli
