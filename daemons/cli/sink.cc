#include "cli/sink.h"

#include <unistd.h>

#include <cerrno>

namespace headpond::cli {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;

}  // namespace

FdSink::FdSink(int fd) : fd_(fd), is_terminal_(isatty(fd) == 1) {}

void FdSink::Write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes || (is_terminal_ && text.ends_with('\n'))) Flush();
}

void FdSink::Flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t written = write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      break;  // the reader is gone (EPIPE) or the disk is full: nobody is left to tell
    left.remove_prefix(static_cast<size_t>(written));
  }
  buffer_.clear();
}

}  // namespace headpond::cli
