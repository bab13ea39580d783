#include "io/env.h"

namespace headpond::io {

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::string> ReadWholeFile(Env& env, const std::string& path, int64_t limit_bytes) {
  ASSIGN_OR_RETURN(const auto file, env.OpenForRead(path));
  if (file->size() > limit_bytes)
    return ResourceExhausted("{} has {} bytes, more than the {} allowed", path, file->size(),
                             limit_bytes);
  std::string content(static_cast<size_t>(file->size()), '\0');
  ASSIGN_OR_RETURN(const size_t read, file->ReadAt(0, content.size(), content.data()));
  content.resize(read);
  return content;
}

Status WriteFileAtomically(Env& env, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  ASSIGN_OR_RETURN(const auto file, env.OpenForWrite(temporary, OpenMode::kTruncate));
  RETURN_IF_ERROR(file->Append(content));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(file->Close());
  RETURN_IF_ERROR(env.Rename(temporary, path));
  return env.SyncDirectory(ParentDirectory(path));
}

Status CreateDirectoriesDurably(Env& env, const std::string& folder) {
  RETURN_IF_ERROR(env.CreateDirectories(folder));
  std::string at = folder;
  for (std::string parent = ParentDirectory(at); parent != at; parent = ParentDirectory(at)) {
    const Status status = env.SyncDirectory(parent);
    // Folders that we may pass but not read are not ours to make durable.
    if (!status.ok() && status.code() != Code::kPermissionDenied) return status;
    at = parent;
  }
  return Status::Ok();
}

}  // namespace headpond::io
