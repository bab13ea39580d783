#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
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
#include "master/backup_delegation.h"
#include "master/backup_report.h"
#include "master/metadata_store.h"
#include "master/ufs_pool.h"

namespace headpond::master {

// Where a backup goes, and who may make it.
struct BackupTarget {
  // A path or URI; empty: where backups go when nobody says (BackupFolder).
  std::string directory;
  bool local = false;         // on this machine's disks, not in the root under-store
  std::string id = {};        // of the backup; empty: a new one
  bool here = false;          // by this master, not by another one
  bool allow_leader = false;  // by this master, when there are others and none of them can
  // Of an order from the master that leads: the journal's entry that it has to show.
  std::optional<uint64_t> sequence = std::nullopt;
};

struct BackupOptions {
  std::string host;
  // alluxio.master.backup.directory, if that is set.
  std::optional<std::string> directory;
  std::string work_dir;   // alluxio.work.dir
  bool delegates = true;  // alluxio.master.backup.delegation.enabled
  // How long another master that makes one may be silent:
  // alluxio.master.backup.abandon.timeout.
  std::chrono::milliseconds abandon{60'000};
  // How long a master that is asked for one may take to get the entry that it has to show.
  std::chrono::milliseconds catch_up{30'000};
  std::chrono::milliseconds poll{500};  // of another master that makes one
};
BackupOptions BackupOptionsOf(const Config& config);

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

// Makes backups of a namespace, or has another master make them (backup_delegation.h), one at a
// time, on a thread of its own. The file appears whole under its name, and its mark beside it, or
// not at all. Thread safe.
class Backups {
 public:
  using Ended = std::function<void(const BackupReport&)>;

  // What outlives it. Without `reports` it has its own, without `peers` it makes every backup.
  struct Around {
    MetadataStore& store;
    UfsPool::Opener open_ufs;
    const Clock& clock;
    std::shared_ptr<BackupReports> reports = nullptr;
    BackupPeers* peers = nullptr;
  };
  Backups(BackupOptions options, Around around, Random random);
  ~Backups();  // Stop()

  // Begins one and returns how it stands. `ended` (may be null) is called once, from the backup's
  // thread. One of the last hundred that has the wanted id is told of instead, and `ended` is not
  // called: a call with an id may be repeated, also at the next leader. Errors: those of
  // BackupFolder, InvalidArgument for what can't be an id, FailedPrecondition while another one
  // runs, Unavailable on a master that has no state yet.
  Result<BackupReport> Begin(const BackupTarget& target, Ended ended) EXCLUDES(mutex_);
  // Asks the other masters for one that this one does not know: blocks then, for seconds at most.
  // kUnknown when nobody knows it.
  BackupReport Look(const std::string& id) EXCLUDES(mutex_);

  // Removes all but the newest backups from where they go when nobody says.
  Status KeepNewest(size_t retained);

  // A running one fails; one that another master makes goes on. Idempotent.
  void Stop() EXCLUDES(mutex_);

 private:
  class Sink;

  void Run(const BackupTarget& target, const std::string& folder, const Ended& ended)
      EXCLUDES(mutex_);
  Result<BackupReport> MakeSomewhere(const BackupTarget& target, const std::string& folder);
  // By another master; nothing: this one is to make it.
  Result<std::optional<BackupReport>> MakeElsewhere(const BackupTarget& target,
                                                    const std::string& folder);
  Result<BackupReport> MakeHere(const BackupTarget& target, const std::string& folder);
  Status AwaitEntry(uint64_t sequence) EXCLUDES(mutex_);
  Result<uint64_t> Write(const std::string& folder, const std::string& path);
  Result<meta::MountInfo> RootMount() const;
  // Of the one that runs.
  BackupReport Change(const std::function<void(BackupReport&)>& change) EXCLUDES(mutex_);
  BackupReport End(Result<BackupReport> made) EXCLUDES(mutex_);
  // False at once when it is stopped.
  bool Pause(std::chrono::milliseconds time) EXCLUDES(mutex_);

  const BackupOptions options_;
  MetadataStore& store_;
  UfsPool ufs_;
  const Clock& clock_;
  const std::shared_ptr<BackupReports> reports_;
  BackupPeers* const peers_;
  std::atomic<bool> stopping_{false};
  mutable Mutex mutex_;
  CondVar stopped_;
  Random random_ GUARDED_BY(mutex_);
  std::string running_ GUARDED_BY(mutex_);  // its id, if one runs
  ThreadPool thread_;
};

}  // namespace headpond::master
