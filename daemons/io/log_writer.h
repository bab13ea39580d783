#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/env.h"
#include "io/frame_format.h"

namespace headpond::io {

// The log file, of frames, that is being appended to. Not thread safe. After any error it must not
// be used again.
class LogWriter {
 public:
  // Makes the file with nothing but its header, durably and as a whole, replacing an empty one of
  // that name: a log file with half a header never exists. `fill_bytes`: how far ahead it is filled
  // with zeros.
  static Result<std::unique_ptr<LogWriter>> Create(Env& env, const std::string& path,
                                                   const FileHeader& header, int64_t fill_bytes);

  uint64_t first_sequence() const { return header_.first_sequence; }
  uint64_t salt() const { return header_.salt; }
  int64_t size() const { return file_->size(); }
  bool empty() const { return file_->size() == static_cast<int64_t>(kFileHeaderBytes); }

  // One write and one fdatasync: durable when it returned OK. The file is filled with zeros ahead
  // of what is written, so readers find zeros behind the last frame of a file that was not closed.
  Status WriteDurably(std::string_view frame);
  // Durably cuts off what was not used: only the newest log can end in zeros.
  Status Close() { return file_->Close(); }

 private:
  LogWriter(FileHeader header, int64_t fill_bytes, std::unique_ptr<WritableFile> file)
      : header_(std::move(header)), fill_bytes_(fill_bytes), file_(std::move(file)) {}

  const FileHeader header_;
  const int64_t fill_bytes_;
  const std::unique_ptr<WritableFile> file_;
  int64_t filled_until_ = 0;  // end of the zeros
};

}  // namespace headpond::io
