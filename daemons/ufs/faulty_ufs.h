#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "ufs/ufs.h"

namespace headpond::ufs {

enum class UfsOperation {
  kGetStatus,
  kList,
  kOpen,
  kRead,  // UfsReader::ReadAt
  kCreate,
  kAppend,    // UfsWriter::Append
  kComplete,  // UfsWriter::Complete
  kCreateDirectory,
  kDeleteFile,
  kDeleteDirectory,
  kRename,
  kSetOwner,
  kSetMode,
  kGetSpace,
};

// What a test wants to go wrong in a FaultyUfs. Shared by the test and the store. Thread safe.
class UfsFaults {
 public:
  static constexpr int kForever = -1;

  // The next `times` calls of `operation` return `status` without reaching the store.
  void Fail(UfsOperation operation, Status status, int times = kForever) EXCLUDES(mutex_);

  // A slow store without a clock: calls of `operation` wait until Release (or fail with
  // DeadlineExceeded after 30 s, so that a broken test ends).
  void Hold(UfsOperation operation) EXCLUDES(mutex_);
  void Release(UfsOperation operation) EXCLUDES(mutex_);
  // Waits until `count` calls are held; false after 30 s.
  bool AwaitHeld(UfsOperation operation, int count = 1) EXCLUDES(mutex_);

  // Reads end at `length`, as if every file had been cut short behind our back.
  void CutFilesAt(int64_t length) EXCLUDES(mutex_);

  // No more faults; held calls go on. Counts stay.
  void Clear() EXCLUDES(mutex_);

  // How many calls were made, failed ones included.
  int64_t calls(UfsOperation operation) const EXCLUDES(mutex_);

  // For FaultyUfs: counts a call, waits where it is to be held, returns the failure if there is to
  // be one.
  Status Enter(UfsOperation operation) EXCLUDES(mutex_);
  std::optional<int64_t> cut_length() const EXCLUDES(mutex_);

 private:
  struct Failure {
    Status status;
    int times_left;
  };
  struct Gate {
    bool closed = false;
    int waiting = 0;
  };

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<UfsOperation, Failure> failures_ GUARDED_BY(mutex_);
  std::map<UfsOperation, Gate> gates_ GUARDED_BY(mutex_);
  std::map<UfsOperation, int64_t> calls_ GUARDED_BY(mutex_);
  std::optional<int64_t> cut_length_ GUARDED_BY(mutex_);
};

// A Ufs that does what `base` does, or what `faults` says. Its readers have no descriptor, so that
// nothing passes by the faults. Readers and writers may outlive it.
std::unique_ptr<Ufs> MakeFaultyUfs(std::unique_ptr<Ufs> base, std::shared_ptr<UfsFaults> faults);

}  // namespace headpond::ufs
