#pragma once

#include <string>
#include <string_view>

#include "client/file_reader.h"
#include "client/file_system.h"
#include "client/file_writer.h"

// Whole files through the client.
namespace headpond::testing {

inline Status WriteFile(client::FileSystem& files, const std::string& path,
                        std::string_view content, const client::CreateOptions& options = {}) {
  ASSIGN_OR_RETURN(const auto writer, files.Create(path, options));
  RETURN_IF_ERROR(writer->Write(content));
  return writer->Close();
}

// DataLoss when the file ends before its length.
inline Result<std::string> ReadFile(client::FileSystem& files, const std::string& path,
                                    const client::OpenOptions& options = {}) {
  ASSIGN_OR_RETURN(const auto reader, files.Open(path, options));
  std::string content(static_cast<size_t>(reader->length()), '\0');
  for (size_t done = 0; done < content.size();) {
    ASSIGN_OR_RETURN(const size_t got, reader->Read(content.size() - done, content.data() + done));
    if (got == 0) return DataLoss("{} ended at {} of {} bytes", path, done, content.size());
    done += got;
  }
  return content;
}

}  // namespace headpond::testing
