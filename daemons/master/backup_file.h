#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ufs/ufs.h"

// The file of a backup (proto/backup.proto): all of a namespace, without the journal that it was
// in.
namespace headpond::master {

// Writes one to a file that its caller makes and completes. Blocks on I/O. Not thread safe.
class BackupWriter {
 public:
  BackupWriter(ufs::UfsWriter& file, const std::string& cluster_id, int64_t now_ms);
  ~BackupWriter();

  // Errors: the file's.
  Status AddRecords(const std::vector<std::string>& records);
  Status AddEntries(const std::vector<std::string>& entries);
  // Once, after all else: a file without it can't be restored.
  Status Finish();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

enum class BackupPart { kRecord, kEntry };

// Calls `visit` for each record and entry in the order in which they were added. The file has been
// shown to be whole only when this returned OK. Errors: those of `visit` and of the file, DataLoss
// for a file that is damaged or cut short, InvalidArgument for one that is no backup of ours.
Status ReadBackup(ufs::UfsReader& file,
                  const std::function<Status(BackupPart, std::string_view)>& visit);

}  // namespace headpond::master
