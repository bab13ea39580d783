#include "io/log_writer.h"

namespace headpond::io {

Result<std::unique_ptr<LogWriter>> LogWriter::Create(Env& env, const std::string& path,
                                                     const FileHeader& header, int64_t fill_bytes) {
  const std::string temporary = path + ".tmp";
  {
    ASSIGN_OR_RETURN(const auto file, env.OpenForWrite(temporary, OpenMode::kTruncate));
    RETURN_IF_ERROR(file->Append(EncodeFileHeader(header)));
    RETURN_IF_ERROR(file->Sync());
    RETURN_IF_ERROR(file->Close());
  }
  RETURN_IF_ERROR(env.Rename(temporary, path));
  RETURN_IF_ERROR(env.SyncDirectory(ParentDirectory(path)));
  // Opened again under its own name, which is the one that errors should show.
  ASSIGN_OR_RETURN(auto file, env.OpenForWrite(path, OpenMode::kAppend));
  return std::unique_ptr<LogWriter>(new LogWriter(header, fill_bytes, std::move(file)));
}

Status LogWriter::WriteDurably(std::string_view frame) {
  const int64_t end = file_->size() + static_cast<int64_t>(frame.size());
  if (fill_bytes_ > 0 && end > filled_until_) {
    const auto bytes = static_cast<int64_t>(frame.size()) + fill_bytes_;
    const Status filled = file_->Preallocate(bytes);
    // A disk that is nearly full may still hold the frame itself.
    if (!filled.ok() && filled.code() != Code::kResourceExhausted) return filled;
    filled_until_ = filled.ok() ? file_->size() + bytes : end;
  }
  RETURN_IF_ERROR(file_->Append(frame));
  return file_->Sync();
}

}  // namespace headpond::io
