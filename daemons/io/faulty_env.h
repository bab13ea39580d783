#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "io/env.h"

namespace headpond::io {

// What Restart leaves of everything that was written but never synced. When a machine lost power a
// disk promises nothing, so both kDropped and kRandom are legal.
enum class Unsynced {
  kKept,     // all, and still not synced: the process died, the machine did not
  kDropped,  // nothing
  kRandom,   // per file: none, all, a part, or sectors out of order; per directory: some changes
};

// Puts a disk that fails, and a machine that loses power, between its user and another Env (which
// must be used by nobody else meanwhile). For tests: keeps a second copy of all content in memory.
// Thread safe; one mutex is held across the base's calls, which keeps runs simple to reason about.
//
//   Crash ──> every call fails, handles are dead ──> Restart ──> only what was synced is there
class FaultyEnv final : public Env {
 public:
  FaultyEnv(Env& base, uint64_t seed) : base_(base), random_(seed) {}

  // How many changing calls were made: OpenForWrite, Append, Preallocate, Sync, CreateDirectories,
  // Remove, Rename, SyncDirectory, Truncate, RewriteTail.
  int64_t operations() const EXCLUDES(mutex_);
  int64_t file_syncs() const EXCLUDES(mutex_);  // calls of WritableFile::Sync that succeeded

  // Makes the `operation`-th changing call (1 is the first ever) fail with `error_number`, and with
  // `and_later` all after it too. A failing Append has written a part; a failing Sync has lost what
  // was not synced for good, even if a later Sync says OK, as Linux does.
  void FailAt(int64_t operation, int error_number, bool and_later = false) EXCLUDES(mutex_);

  // Loses power in the middle of the `operation`-th changing call, or now.
  void CrashAt(int64_t operation) EXCLUDES(mutex_);
  void Crash() EXCLUDES(mutex_);
  bool crashed() const EXCLUDES(mutex_);
  // Rewrites the base to what a disk may hold after the crash and clears all planned faults.
  Status Restart(Unsynced unsynced) EXCLUDES(mutex_);

  // Makes file syncs wait until released (or crashed), so that a test decides what waits behind
  // one.
  void HoldSyncs() EXCLUDES(mutex_);
  void ReleaseSyncs() EXCLUDES(mutex_);
  // True once a sync is being held; false at the deadline.
  bool AwaitHeldSync(std::chrono::steady_clock::time_point deadline) EXCLUDES(mutex_);

  Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                     OpenMode mode) override EXCLUDES(mutex_);
  Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) override
      EXCLUDES(mutex_);
  Result<std::vector<std::string>> List(const std::string& directory) override EXCLUDES(mutex_);
  Result<bool> Exists(const std::string& path) override EXCLUDES(mutex_);
  Status CreateDirectories(const std::string& path) override EXCLUDES(mutex_);
  Status Remove(const std::string& path) override EXCLUDES(mutex_);
  Status Rename(const std::string& from, const std::string& to) override EXCLUDES(mutex_);
  Status SyncDirectory(const std::string& directory) override EXCLUDES(mutex_);
  Status Truncate(const std::string& path, int64_t size) override EXCLUDES(mutex_);
  Status RewriteTail(const std::string& path, int64_t offset) override EXCLUDES(mutex_);
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override EXCLUDES(mutex_);

 private:
  class Writer;
  // One file or directory, whatever its names are.
  struct Node {
    bool directory = false;
    std::string content;
    std::string durable;     // what the disk surely holds
    bool truncated = false;  // `content` is no longer a continuation of `durable`
    size_t reserved = 0;     // the file goes on to here with zeros
    std::vector<std::pair<size_t, size_t>> lost;  // [begin, end) of `content` lost by failed syncs
  };
  using NodePtr = std::shared_ptr<Node>;
  // A change of names within one directory that takes effect as a whole; null: the name is gone.
  using NameChange = std::vector<std::pair<std::string, NodePtr>>;
  enum class Outcome { kProceed, kFail, kCrash };

  // Counts a changing call and says what shall become of it.
  Outcome Begin() REQUIRES(mutex_);
  Status Injected(Outcome outcome, const std::string& what) const REQUIRES(mutex_);
  Status CheckUp() const REQUIRES(mutex_);
  // Starts to follow an existing file of the base.
  Status Track(const std::string& path) REQUIRES(mutex_);
  void Change(const std::string& directory, NameChange change) REQUIRES(mutex_);
  void ApplyTo(std::map<std::string, NodePtr>& names, const NameChange& change) const;
  static void MakeDurable(Node& node);
  static Status ShowZeros(Node& node, WritableFile& base);
  std::string SurvivingContent(const Node& node, Unsynced unsynced) REQUIRES(mutex_);
  void DropOrphans() REQUIRES(mutex_);
  Status ShowReserved() REQUIRES(mutex_);
  Status RebuildBase(Unsynced unsynced) REQUIRES(mutex_);

  Status AppendTo(Writer& writer, std::string_view data) EXCLUDES(mutex_);
  Status Reserve(Writer& writer, int64_t bytes) EXCLUDES(mutex_);
  Status CloseFile(Writer& writer) EXCLUDES(mutex_);
  void Abandon(Writer& writer) EXCLUDES(mutex_);
  Status SyncNode(Writer& writer) EXCLUDES(mutex_);

  Env& base_;
  mutable Mutex mutex_;
  CondVar changed_;
  Random random_ GUARDED_BY(mutex_);
  int64_t operations_ GUARDED_BY(mutex_) = 0;
  int64_t file_syncs_ GUARDED_BY(mutex_) = 0;
  int64_t fail_at_ GUARDED_BY(mutex_) = 0;
  int fail_errno_ GUARDED_BY(mutex_) = 0;
  bool fail_later_ GUARDED_BY(mutex_) = false;
  int64_t crash_at_ GUARDED_BY(mutex_) = 0;
  bool crashed_ GUARDED_BY(mutex_) = false;
  int64_t generation_ GUARDED_BY(mutex_) = 0;  // handles of an earlier one are dead
  bool hold_syncs_ GUARDED_BY(mutex_) = false;
  int held_syncs_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, NodePtr> live_ GUARDED_BY(mutex_);  // followed names, as callers see them
  std::map<std::string, NodePtr> durable_ GUARDED_BY(mutex_);  // as the disk holds them
  std::map<std::string, std::vector<NameChange>> pending_ GUARDED_BY(mutex_);  // by directory
  std::set<std::string> made_directories_ GUARDED_BY(mutex_);
};

}  // namespace headpond::io
