#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::io {

// A file open for appending. Not thread safe. Destroying it closes it without syncing.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual Status Append(std::string_view data) = 0;
  // Fills the file with `bytes` zeros past its end, so that the next appends overwrite them: a sync
  // then has no size and no new blocks to record, which halves its time on a file system with a
  // journal (measured: docs/adr/0004-journal-format.md). size() does not count them and Close cuts
  // them off, durably; after a crash the file may end in them. ResourceExhausted: there was no
  // room, and the file is as it was.
  virtual Status Preallocate(int64_t bytes) = 0;
  // fdatasync: what was appended survives a crash once this returned OK. After a failure the file
  // must not be trusted any more (the kernel may have dropped the dirty pages): callers stop
  // writing.
  virtual Status Sync() = 0;
  virtual Status Close() = 0;
  virtual int64_t size() const = 0;
};

// A file open for positioned reads. Thread safe.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Up to `length` bytes at `offset` into `buffer`; fewer only at the end of the file.
  virtual Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) const = 0;
  virtual int64_t size() const = 0;
};

// Held while it lives; released by destruction or by the death of the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode {
  kCreate,    // fails with AlreadyExists
  kTruncate,  // creates or empties
  kAppend,    // creates or continues at the end
};

// The file system of durable state, behind one interface so that tests can own it: PosixEnv, MemEnv
// and FaultyEnv pass one conformance suite (env_conformance.h). Thread safe. Paths are ordinary
// paths. Errors are ErrnoStatus's (NotFound, AlreadyExists, PermissionDenied, ResourceExhausted
// when the disk is full, ...), naming the path.
class Env {
 public:
  virtual ~Env() = default;

  virtual Result<std::unique_ptr<WritableFile>> OpenForWrite(const std::string& path,
                                                             OpenMode mode) = 0;
  virtual Result<std::unique_ptr<RandomAccessFile>> OpenForRead(const std::string& path) = 0;
  // Names, sorted. Of a network file system: as the server has them now.
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;
  virtual Result<bool> Exists(const std::string& path) = 0;
  // The directory and its missing parents; durable only after SyncDirectory of each one's parent.
  virtual Status CreateDirectories(const std::string& path) = 0;
  virtual Status Remove(const std::string& path) = 0;  // a file or an empty directory
  // Atomic replacement; durable only after SyncDirectory of both parents.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status SyncDirectory(const std::string& directory) = 0;
  // Shortens a file, durably when it returned OK. Not beside an open WritableFile of the same path.
  virtual Status Truncate(const std::string& path, int64_t size) = 0;
  // Makes the bytes from `offset` to the end durable even if an earlier sync of them failed: Linux
  // then calls the pages clean although the disk never took them, so they are written again in
  // place. A crash meanwhile leaves each byte as it was or as it is read now. For files this
  // process did not just write.
  virtual Status RewriteTail(const std::string& path, int64_t offset) = 0;
  // Creates the file if need be and leaves it behind. Unavailable, naming the holder's pid and host
  // when known, if another process, or another owner in this one, has it.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;

  // The machine's files; lives for the whole process.
  static Env& Posix();
};

// What holds `path`: "/a" for "/a/b", "/" for "/a", "." for a bare name.
std::string ParentDirectory(const std::string& path);

// Makes the folder, and the names of all folders on its path durable: also of those that exist,
// because who made them may have died before syncing them (an earlier attempt of ours, `mkdir -p`
// of an installer).
Status CreateDirectoriesDurably(Env& env, const std::string& folder);

// The whole of a file; ResourceExhausted when it is larger than `limit_bytes`.
Result<std::string> ReadWholeFile(Env& env, const std::string& path, int64_t limit_bytes);
// Written to a temporary name, synced, renamed over `path`, directory synced.
Status WriteFileAtomically(Env& env, const std::string& path, std::string_view content);

}  // namespace headpond::io
