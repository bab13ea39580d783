#include "operator/apiserver/store/object_store.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/log.h"
#include "operator/apiserver/store/database.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr std::string_view kComponent = "api-store";
constexpr int64_t kFormat = 1;
// Longer than a disk that works takes for one transaction.
constexpr std::chrono::seconds kCommitTimeout(30);

constexpr const char* kTables = R"(
  CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS objects (
    api_group TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, object TEXT NOT NULL,
    PRIMARY KEY (api_group, resource, namespace, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log (
    version INTEGER PRIMARY KEY, type INTEGER NOT NULL,
    api_group TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    object TEXT NOT NULL, before TEXT);
)";

Result<ObjectPtr> ParseObject(std::string_view text) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object())
    return Status(Code::kDataLoss, "the store holds an object that is no JSON");
  return std::make_shared<const json>(std::move(value));
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void BindKey(Statement& statement, int first, const ObjectKey& key) {
  statement.Bind(first, key.group);
  statement.Bind(first + 1, key.resource);
  statement.Bind(first + 2, key.name_space);
  statement.Bind(first + 3, key.name);
}

ObjectKey ReadKey(const Statement& row, int first) {
  return {std::string(row.Text(first)), std::string(row.Text(first + 1)),
          std::string(row.Text(first + 2)), std::string(row.Text(first + 3))};
}

// Of an object as it was committed.
int64_t VersionOf(const json& object) {
  const auto& text = object.at("metadata").at("resourceVersion").get_ref<const std::string&>();
  int64_t version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

// What a list asks for.
struct Range {
  const std::string& group;
  const std::string& resource;
  const std::optional<std::string>& name_space;
  const std::optional<std::pair<std::string, std::string>>& after;

  bool Holds(const ObjectKey& key) const {
    return key.group == group && key.resource == resource &&
           (!name_space || key.name_space == *name_space) &&
           (!after || std::tie(key.name_space, key.name) > std::tie(after->first, after->second));
  }
  auto FirstOf(const std::map<ObjectKey, StoredObject>& objects) const {
    ObjectKey first{group, resource, name_space.value_or(""), ""};
    if (!after) return objects.lower_bound(first);
    std::tie(first.name_space, first.name) = *after;
    return objects.upper_bound(first);
  }
};

}  // namespace

std::string ObjectKey::ToString() const {
  return fmt::format("{}/{}/{}/{}", group, resource, name_space, name);
}

// The database's side: what a commit writes, and what Open reads.
class ObjectStore::Writer {
 public:
  static Result<std::unique_ptr<Writer>> Open(const std::string& path) {
    ASSIGN_OR_RETURN(auto database, Database::Open(path));
    RETURN_IF_ERROR(database->Execute(kTables).WithContext(path));
    ASSIGN_OR_RETURN(Statement set_state,
                     database->Prepare("INSERT OR REPLACE INTO state VALUES (?, ?)"));
    ASSIGN_OR_RETURN(Statement put,
                     database->Prepare("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)"));
    ASSIGN_OR_RETURN(Statement remove,
                     database->Prepare("DELETE FROM objects WHERE api_group = ? AND resource = ? "
                                       "AND namespace = ? AND name = ?"));
    ASSIGN_OR_RETURN(Statement append,
                     database->Prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    ASSIGN_OR_RETURN(Statement trim, database->Prepare("DELETE FROM log WHERE version <= ?"));
    return std::unique_ptr<Writer>(new Writer(std::move(database), std::move(set_state),
                                              std::move(put), std::move(remove), std::move(append),
                                              std::move(trim)));
  }

  // One durable transaction; nothing of it is there after an error, unless the error is of COMMIT
  // itself.
  Status Write(const std::vector<StoreEvent>& events, int64_t compact_to) {
    RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
    if (const Status status = WriteInside(events, compact_to); !status.ok()) {
      if (const Status undone = database_->Execute("ROLLBACK"); !undone.ok())
        LogError(kComponent, "rollback: {}", undone.message());
      return status;
    }
    const Status committed = database_->Execute("COMMIT");
    if (committed.ok()) return committed;
    // A COMMIT that fails leaves its transaction open.
    if (const Status undone = database_->Execute("ROLLBACK"); !undone.ok())
      LogError(kComponent, "rollback: {}", undone.message());
    return committed;
  }

  Result<int64_t> State(std::string_view name) {
    ASSIGN_OR_RETURN(Statement query, database_->Prepare("SELECT value FROM state WHERE name = ?"));
    query.Bind(0, name);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    return found ? query.Number(0) : 0;
  }
  Status SetState(std::string_view name, int64_t value) {
    set_state_.Bind(0, name);
    set_state_.Bind(1, value);
    return set_state_.Run();
  }

  Result<std::map<ObjectKey, StoredObject>> ReadObjects() {
    ASSIGN_OR_RETURN(Statement query, database_->Prepare("SELECT * FROM objects"));
    std::map<ObjectKey, StoredObject> objects;
    while (true) {
      ASSIGN_OR_RETURN(const bool found, query.Step());
      if (!found) return objects;
      ASSIGN_OR_RETURN(ObjectPtr object, ParseObject(query.Text(5)));
      objects[ReadKey(query, 0)] = {query.Number(4), std::move(object)};
    }
  }

  Result<std::deque<StoreEvent>> ReadLog() {
    ASSIGN_OR_RETURN(Statement query, database_->Prepare("SELECT * FROM log ORDER BY version"));
    std::deque<StoreEvent> log;
    while (true) {
      ASSIGN_OR_RETURN(const bool found, query.Step());
      if (!found) return log;
      StoreEvent event{.type = static_cast<EventType>(query.Number(1)),
                       .version = query.Number(0),
                       .key = ReadKey(query, 2)};
      ASSIGN_OR_RETURN(event.object, ParseObject(query.Text(6)));
      if (!query.IsNull(7)) {
        ASSIGN_OR_RETURN(event.before, ParseObject(query.Text(7)));
      }
      log.push_back(std::move(event));
    }
  }

 private:
  Writer(std::unique_ptr<Database> database, Statement set_state, Statement put, Statement remove,
         Statement append, Statement trim)
      : database_(std::move(database)),
        set_state_(std::move(set_state)),
        put_(std::move(put)),
        remove_(std::move(remove)),
        append_(std::move(append)),
        trim_(std::move(trim)) {}

  Status WriteInside(const std::vector<StoreEvent>& events, int64_t compact_to) {
    for (const StoreEvent& event : events) RETURN_IF_ERROR(WriteEvent(event));
    RETURN_IF_ERROR(SetState("version", events.back().version));
    if (compact_to == 0) return Status::Ok();
    RETURN_IF_ERROR(SetState("compacted", compact_to));
    trim_.Bind(0, compact_to);
    return trim_.Run();
  }

  Status WriteEvent(const StoreEvent& event) {
    const std::string object = Dump(*event.object);
    if (event.type == EventType::kDeleted) {
      BindKey(remove_, 0, event.key);
      RETURN_IF_ERROR(remove_.Run());
    } else {
      BindKey(put_, 0, event.key);
      put_.Bind(4, event.version);
      put_.Bind(5, object);
      RETURN_IF_ERROR(put_.Run());
    }
    const std::string before = event.before ? Dump(*event.before) : "";
    append_.Bind(0, event.version);
    append_.Bind(1, static_cast<int64_t>(event.type));
    BindKey(append_, 2, event.key);
    append_.Bind(6, object);
    if (event.before)
      append_.Bind(7, before);
    else
      append_.BindNull(7);
    return append_.Run();
  }

  std::unique_ptr<Database> database_;  // first: statements end before it
  Statement set_state_, put_, remove_, append_, trim_;
};

ObjectStore::ObjectStore(Options options)
    : options_(std::move(options)), thread_("api-store", 1, options_.max_queued_writes) {}

ObjectStore::~ObjectStore() {
  WakeAll();
  thread_.Shutdown();
}

Result<std::unique_ptr<ObjectStore>> ObjectStore::Open(Options options) {
  std::unique_ptr<ObjectStore> store(new ObjectStore(std::move(options)));
  const std::string& path = store->options_.path;
  ASSIGN_OR_RETURN(store->writer_, Writer::Open(path));
  ASSIGN_OR_RETURN(const int64_t format, store->writer_->State("format"));
  if (format > kFormat)
    return FailedPrecondition("{} has format {}; this version reads up to {}", path, format,
                              kFormat);
  if (format == 0) RETURN_IF_ERROR(store->writer_->SetState("format", kFormat));
  ASSIGN_OR_RETURN(auto objects, store->writer_->ReadObjects());
  ASSIGN_OR_RETURN(auto log, store->writer_->ReadLog());
  ASSIGN_OR_RETURN(const int64_t version, store->writer_->State("version"));
  ASSIGN_OR_RETURN(const int64_t compacted, store->writer_->State("compacted"));
  const MutexLock lock(store->mutex_);
  store->objects_ = std::move(objects);
  store->log_ = std::move(log);
  store->version_ = version;
  store->compacted_version_ = compacted;
  return store;
}

Result<std::vector<StoredObject>> ObjectStore::Commit(std::vector<Write> writes) {
  // Shared, because a caller that gives up leaves the task running.
  struct Call {
    Mutex mutex;
    CondVar done;
    std::optional<Result<std::vector<StoredObject>>> outcome GUARDED_BY(mutex);
  };
  const auto call = std::make_shared<Call>();
  const auto task = std::make_shared<std::vector<Write>>(std::move(writes));
  RETURN_IF_ERROR(thread_.Submit([this, call, task] {
    auto outcome = CommitOnWriter(std::move(*task));
    const MutexLock lock(call->mutex);
    call->outcome = std::move(outcome);
    call->done.NotifyAll();
  }));
  const auto deadline = std::chrono::steady_clock::now() + kCommitTimeout;
  const MutexLock lock(call->mutex);
  while (!call->outcome)
    if (!call->done.WaitUntil(call->mutex, deadline) && !call->outcome)
      return Unavailable("the store did not finish a write within {} s", kCommitTimeout.count());
  return *std::move(call->outcome);
}

Status ObjectStore::CheckExpectation(const Write& write) const {
  const MutexLock lock(mutex_);
  const auto found = objects_.find(write.key);
  if (found == objects_.end())
    return write.expected_version == 0 ? Status::Ok() : NotFound("{}", write.key.ToString());
  if (write.expected_version == 0) return AlreadyExists("{}", write.key.ToString());
  if (found->second.version != write.expected_version)
    return Aborted("{} is at version {}, not {}", write.key.ToString(), found->second.version,
                   write.expected_version);
  return Status::Ok();
}

Result<std::vector<StoredObject>> ObjectStore::CommitOnWriter(std::vector<Write> writes) {
  std::vector<StoredObject> outcome;
  if (writes.empty()) return outcome;
  for (const Write& write : writes) RETURN_IF_ERROR(CheckExpectation(write));
  int64_t next = version();
  std::vector<StoreEvent> events;
  for (Write& write : writes) {
    StoreEvent event{.type = EventType::kAdded, .version = ++next, .key = write.key};
    if (write.expected_version != 0) {
      ASSIGN_OR_RETURN(const StoredObject stored, Get(write.key));
      event.before = stored.object;
      event.type = write.object ? EventType::kModified : EventType::kDeleted;
    }
    if (!write.object && !event.before) return InvalidArgument("a deletion needs a version");
    const auto object = write.object ? write.object : std::make_shared<json>(*event.before);
    (*object)["metadata"]["resourceVersion"] = std::to_string(next);
    event.object = object;
    outcome.push_back({next, object});
    events.push_back(std::move(event));
  }
  const int64_t compact_to = CompactionPoint(events.size());
  RETURN_IF_ERROR(writer_->Write(events, compact_to));
  Publish(std::move(events), compact_to);
  return outcome;
}

int64_t ObjectStore::CompactionPoint(size_t added) const {
  const MutexLock lock(mutex_);
  if (log_.size() + added <= options_.log_entries + options_.log_entries / 4) return 0;
  const size_t surplus = std::min(log_.size(), log_.size() + added - options_.log_entries);
  return surplus == 0 ? 0 : log_[surplus - 1].version;
}

void ObjectStore::Publish(std::vector<StoreEvent> events, int64_t compacted_to) {
  const MutexLock lock(mutex_);
  for (StoreEvent& event : events) {
    if (event.type == EventType::kDeleted)
      objects_.erase(event.key);
    else
      objects_[event.key] = {event.version, event.object};
    version_ = event.version;
    log_.push_back(std::move(event));
  }
  while (!log_.empty() && log_.front().version <= compacted_to) log_.pop_front();
  if (compacted_to != 0) compacted_version_ = compacted_to;
  changed_.NotifyAll();
}

Result<StoredObject> ObjectStore::Get(const ObjectKey& key) const {
  const MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return NotFound("{}", key.ToString());
  return found->second;
}

Status ObjectStore::CheckKept(int64_t version) const {
  if (version >= compacted_version_) return Status::Ok();
  return OutOfRange("too old resource version: {} ({})", version, compacted_version_ + 1);
}

ObjectStore::List ObjectStore::Objects(
    const std::string& group, const std::string& resource,
    const std::optional<std::string>& name_space,
    const std::optional<std::pair<std::string, std::string>>& after) const {
  const Range range{group, resource, name_space, after};
  const MutexLock lock(mutex_);
  List list{.version = version_};
  for (auto it = range.FirstOf(objects_); it != objects_.end() && range.Holds(it->first); ++it)
    list.objects.push_back(it->second);
  return list;
}

Result<ObjectStore::List> ObjectStore::ObjectsAt(
    int64_t version, const std::string& group, const std::string& resource,
    const std::optional<std::string>& name_space,
    const std::optional<std::pair<std::string, std::string>>& after) const {
  const Range range{group, resource, name_space, after};
  std::map<ObjectKey, StoredObject> objects;
  {
    const MutexLock lock(mutex_);
    RETURN_IF_ERROR(CheckKept(version));
    for (auto it = range.FirstOf(objects_); it != objects_.end() && range.Holds(it->first); ++it)
      objects.insert(*it);
    // Undone, the newest first.
    for (auto it = log_.rbegin(); it != log_.rend() && it->version > version; ++it) {
      if (!range.Holds(it->key)) continue;
      if (it->before)
        objects[it->key] = {VersionOf(*it->before), it->before};
      else
        objects.erase(it->key);
    }
  }
  List list{.version = version};
  for (auto& [key, stored] : objects) list.objects.push_back(std::move(stored));
  return list;
}

std::vector<std::pair<ObjectKey, StoredObject>> ObjectStore::AllObjects() const {
  const MutexLock lock(mutex_);
  return {objects_.begin(), objects_.end()};
}

Result<ObjectStore::Changes> ObjectStore::ChangesAfter(int64_t version, const std::string& group,
                                                       const std::string& resource,
                                                       size_t max_scanned) const {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckKept(version));
  Changes changes{.version = std::max(version, version_)};
  auto it = std::ranges::upper_bound(log_, version, {}, &StoreEvent::version);
  for (; it != log_.end(); ++it) {
    if (max_scanned-- == 0) {
      changes.version = std::prev(it)->version;
      break;
    }
    if (it->key.group == group && it->key.resource == resource) changes.events.push_back(*it);
  }
  return changes;
}

bool ObjectStore::WaitForChange(int64_t version, std::chrono::steady_clock::time_point deadline) {
  const MutexLock lock(mutex_);
  while (version_ <= version && !waking_)
    if (!changed_.WaitUntil(mutex_, deadline)) break;
  return version_ > version;
}

int64_t ObjectStore::version() const {
  const MutexLock lock(mutex_);
  return version_;
}

int64_t ObjectStore::compacted_version() const {
  const MutexLock lock(mutex_);
  return compacted_version_;
}

void ObjectStore::WakeAll() {
  const MutexLock lock(mutex_);
  waking_ = true;
  changed_.NotifyAll();
}

}  // namespace headpond::apiserver
