#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"
#include "base/result.h"

namespace headpond::apiserver {

// Where an object stands. The group of core resources is "", the namespace of cluster-wide ones
// too.
struct ObjectKey {
  std::string group;
  std::string resource;  // plural: "cacheclusters"
  std::string name_space;
  std::string name;

  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
  std::string ToString() const;
};

// An object as it was committed: its metadata.resourceVersion is `version`. Immutable.
using ObjectPtr = std::shared_ptr<const nlohmann::json>;

struct StoredObject {
  int64_t version = 0;
  ObjectPtr object;
};

enum class EventType { kAdded, kModified, kDeleted };

struct StoreEvent {
  EventType type = EventType::kAdded;
  int64_t version = 0;
  ObjectKey key;
  ObjectPtr object;  // of a deletion: the last state, with the version of the deletion
  ObjectPtr before;  // null for kAdded
};

// What a transaction does to one object.
struct Write {
  ObjectKey key;
  // What the object must be at: its version, or 0 when there must be none.
  int64_t expected_version = 0;
  std::shared_ptr<nlohmann::json> object;  // null deletes
};

// Versioned objects with optimistic concurrency and a log of their changes, durable in one SQLite
// file.
//
// Everything is in memory too, so reads and watches touch no disk. Writes go one after the other
// through one thread that owns the database; memory shows a change when it is durable, so nobody
// sees what a crash could undo. One counter numbers all changes of all objects. The log keeps the
// newest changes, in memory and on disk. Thread safe.
class ObjectStore {
 public:
  struct Options {
    std::string path;  // of the SQLite file
    // Changes that the log keeps at least; at most a quarter more.
    size_t log_entries = 4096;
    size_t max_queued_writes = 256;
  };
  // Reads the file, or starts an empty one. Errors are Database::Open's; DataLoss when an object in
  // it is no JSON.
  static Result<std::unique_ptr<ObjectStore>> Open(Options options);
  ~ObjectStore();

  // All writes or none; each object at most once. Returns what is stored now, in the order of
  // `writes` (of a deletion: the last state, with the version of the deletion). Errors:
  // AlreadyExists, NotFound or Aborted when an object is not at its expected version;
  // ResourceExhausted when too many writes wait or the disk is full; Unavailable when the outcome
  // isn't known (the caller reads again).
  Result<std::vector<StoredObject>> Commit(std::vector<Write> writes) EXCLUDES(mutex_);

  // NotFound.
  Result<StoredObject> Get(const ObjectKey& key) const EXCLUDES(mutex_);

  struct List {
    int64_t version = 0;  // of the whole store at that moment
    std::vector<StoredObject> objects;
  };
  // Objects of a resource in the order of their namespaces and names; all namespaces when
  // `name_space` is nullopt. Starts behind `after` (namespace, name) when given.
  List Objects(const std::string& group, const std::string& resource,
               const std::optional<std::string>& name_space,
               const std::optional<std::pair<std::string, std::string>>& after = {}) const
      EXCLUDES(mutex_);
  // The same as they were when the store was at `version`. OutOfRange when the log doesn't go back
  // so far.
  Result<List> ObjectsAt(int64_t version, const std::string& group, const std::string& resource,
                         const std::optional<std::string>& name_space,
                         const std::optional<std::pair<std::string, std::string>>& after = {}) const
      EXCLUDES(mutex_);

  // Every object of every resource.
  std::vector<std::pair<ObjectKey, StoredObject>> AllObjects() const EXCLUDES(mutex_);

  struct Changes {
    int64_t version = 0;  // everything up to here has been looked at
    std::vector<StoreEvent> events;
  };
  // Changes of one resource after `version`, oldest first; looks at no more than `max_scanned`
  // entries of the log. OutOfRange when the log doesn't go back so far.
  Result<Changes> ChangesAfter(int64_t version, const std::string& group,
                               const std::string& resource, size_t max_scanned) const
      EXCLUDES(mutex_);

  // True when there is a change after `version`, at once or before `deadline`.
  bool WaitForChange(int64_t version, std::chrono::steady_clock::time_point deadline)
      EXCLUDES(mutex_);

  int64_t version() const EXCLUDES(mutex_);
  // Changes up to this one are no longer in the log.
  int64_t compacted_version() const EXCLUDES(mutex_);

  // Ends all waits of WaitForChange, now and later: for shutdown.
  void WakeAll() EXCLUDES(mutex_);

 private:
  class Writer;
  explicit ObjectStore(Options options);
  Status CheckExpectation(const Write& write) const EXCLUDES(mutex_);
  Result<std::vector<StoredObject>> CommitOnWriter(std::vector<Write> writes) EXCLUDES(mutex_);
  // Up to where the log ends once `added` changes are in it; 0: nothing has to go.
  int64_t CompactionPoint(size_t added) const EXCLUDES(mutex_);
  Status CheckKept(int64_t version) const REQUIRES(mutex_);
  void Publish(std::vector<StoreEvent> events, int64_t compacted_to) EXCLUDES(mutex_);

  const Options options_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<ObjectKey, StoredObject> objects_ GUARDED_BY(mutex_);
  std::deque<StoreEvent> log_ GUARDED_BY(mutex_);
  int64_t version_ GUARDED_BY(mutex_) = 0;
  int64_t compacted_version_ GUARDED_BY(mutex_) = 0;
  bool waking_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Writer> writer_;  // used on thread_ only, once Open is done
  ThreadPool thread_;               // one thread; last, so that it ends first
};

}  // namespace headpond::apiserver
