#include "journal/log_writer.h"

#include "journal/folder.h"

namespace headpond::journal {

Result<std::unique_ptr<LogWriter>> LogWriter::Create(io::Env& env, const std::string& folder,
                                                     const FileHeader& header) {
  const std::string path = LogPath(folder, header.first_sequence);
  const std::string temporary = path + ".tmp";
  {
    ASSIGN_OR_RETURN(const auto file, env.OpenForWrite(temporary, io::OpenMode::kTruncate));
    RETURN_IF_ERROR(file->Append(EncodeFileHeader(header)));
    RETURN_IF_ERROR(file->Sync());
    RETURN_IF_ERROR(file->Close());
  }
  RETURN_IF_ERROR(env.Rename(temporary, path));
  RETURN_IF_ERROR(env.SyncDirectory(folder));
  // Opened again under its own name, which is the one that errors should show.
  ASSIGN_OR_RETURN(auto file, env.OpenForWrite(path, io::OpenMode::kAppend));
  return std::unique_ptr<LogWriter>(new LogWriter(header, std::move(file)));
}

Status LogWriter::WriteDurably(std::string_view frame) {
  RETURN_IF_ERROR(file_->Append(frame));
  return file_->Sync();
}

}  // namespace headpond::journal
