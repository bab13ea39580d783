#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "master/metadata_store.h"
#include "master/ufs_pool.h"

namespace headpond::master {

// Where a backup goes.
struct BackupTarget {
  // A path or URI; empty: where backups go when nobody says (BackupFolder).
  std::string directory;
  bool local = false;   // on this machine's disks, not in the root under-store
  std::string id = {};  // of the backup; empty: a new one
};

// How a backup stands.
struct BackupReport {
  enum class State { kUnknown, kInitiating, kRunning, kCompleted, kFailed };
  std::string id;
  State state = State::kUnknown;
  std::string host;     // that makes it
  std::string uri;      // of the file, once it is known
  uint64_t inodes = 0;  // in it, once it is complete
  Status error;         // of kFailed
};

struct BackupOptions {
  std::string host;
  // alluxio.master.backup.directory, if that is set.
  std::optional<std::string> directory;
  std::string work_dir;  // alluxio.work.dir
};
BackupOptions BackupOptionsOf(const Config& config, const std::string& host);

// The folder, as a URI that ufs::OpenUfs takes. Pure. A path is one of the file system that the
// root under-store is on, or of this machine. Nobody said where: alluxio_backups in the root
// under-store, or in alluxio.work.dir; stock puts them into the root of the file system.
// InvalidArgument for what is no absolute path or URI, and for a store that is not the root's.
Result<std::string> BackupFolder(const BackupOptions& options, const std::string& root_ufs,
                                 const BackupTarget& target);

// "alluxio-backup-2026-3-7-1772841600000.gz", as stock names them: the day in UTC, then the epoch's
// milliseconds.
std::string BackupFileName(int64_t now_ms);
// An empty file with this behind its name tells that a backup is whole, as stock's does.
inline constexpr std::string_view kBackupMark = ".complete";
// The milliseconds; nothing for a name that is none of a backup.
std::optional<int64_t> ParseBackupFileName(std::string_view name);

// Which of the files in a folder of backups go, so that the newest `retained` backups stay; files
// that are none are never among them. Pure.
std::vector<std::string> BackupsToRemove(const std::vector<std::string>& names, size_t retained);

// Makes backups of a namespace, one at a time, on a thread of its own, and remembers how the last
// ones ended. The file appears whole under its name, and its mark beside it, or
// not at all. Thread safe.
class Backups {
 public:
  using Ended = std::function<void(const BackupReport&)>;

  // All must outlive it.
  Backups(BackupOptions options, MetadataStore& store, UfsPool& ufs, const Clock& clock,
          Random random);
  ~Backups();  // Stop()

  // Begins one and returns how it stands. `ended` (may be null) is called once, from the backup's
  // thread. One of the last hundred that has the wanted id is told of instead, and `ended` is not
  // called: a call with an id may be repeated. Errors: those of BackupFolder, InvalidArgument for
  // what can't be an id, FailedPrecondition while another one runs.
  Result<BackupReport> Begin(const BackupTarget& target, Ended ended) EXCLUDES(mutex_);
  // kUnknown for an id that is not one of the last hundred.
  BackupReport Look(const std::string& id) const EXCLUDES(mutex_);

  // Removes all but the newest backups from where they go when nobody says.
  Status KeepNewest(size_t retained);

  // A running one fails. Idempotent.
  void Stop();

 private:
  class Sink;

  void Run(const std::string& folder, const Ended& ended) EXCLUDES(mutex_);
  const BackupReport* Find(const std::string& id) const REQUIRES(mutex_);
  Result<uint64_t> Write(const std::string& folder, const std::string& path);
  meta::MountInfo RootMount() const;
  // Of the one that runs.
  BackupReport Change(const std::function<void(BackupReport&)>& change) EXCLUDES(mutex_);

  const BackupOptions options_;
  MetadataStore& store_;
  UfsPool& ufs_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
  mutable Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  std::deque<BackupReport> reports_ GUARDED_BY(mutex_);  // the newest last
  ThreadPool thread_;
};

}  // namespace headpond::master
