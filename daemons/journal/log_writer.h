#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/env.h"
#include "journal/format.h"

namespace headpond::journal {

// The log file that is being appended to. Not thread safe. After any error it must not be used
// again.
class LogWriter {
 public:
  // Makes `<first_sequence>.log` with nothing but its header, durably and as a whole, replacing an
  // empty one of that name: a log file with half a header never exists.
  static Result<std::unique_ptr<LogWriter>> Create(io::Env& env, const std::string& folder,
                                                   const FileHeader& header);

  uint64_t first_sequence() const { return header_.first_sequence; }
  uint64_t salt() const { return header_.salt; }
  int64_t size() const { return file_->size(); }
  bool empty() const { return file_->size() == static_cast<int64_t>(kFileHeaderBytes); }

  // One write and one fdatasync: durable when it returned OK.
  Status WriteDurably(std::string_view frame);
  Status Close() { return file_->Close(); }

 private:
  LogWriter(FileHeader header, std::unique_ptr<io::WritableFile> file)
      : header_(std::move(header)), file_(std::move(file)) {}

  const FileHeader header_;
  const std::unique_ptr<io::WritableFile> file_;
};

}  // namespace headpond::journal
