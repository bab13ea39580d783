#include "io/faulty_env.h"

#include <algorithm>
#include <limits>

namespace headpond::io {
namespace {

constexpr size_t kSectorBytes = 512;  // the unit a disk writes whole

}  // namespace

class FaultyEnv::Writer final : public WritableFile {
 public:
  Writer(FaultyEnv& env, std::string path, NodePtr node, int64_t generation,
         std::unique_ptr<WritableFile> base)
      : env(env),
        path(std::move(path)),
        node(std::move(node)),
        generation(generation),
        base(std::move(base)) {}

  ~Writer() override { env.Abandon(*this); }

  Status Append(std::string_view data) override { return env.AppendTo(*this, data); }
  Status Preallocate(int64_t bytes) override { return env.Reserve(*this, bytes); }
  Status Sync() override { return env.SyncNode(*this); }
  Status Close() override { return env.CloseFile(*this); }
  int64_t size() const override { return base->size(); }

  FaultyEnv& env;
  const std::string path;
  const NodePtr node;
  const int64_t generation;
  const std::unique_ptr<WritableFile> base;
};

int64_t FaultyEnv::operations() const {
  MutexLock lock(mutex_);
  return operations_;
}

int64_t FaultyEnv::file_syncs() const {
  MutexLock lock(mutex_);
  return file_syncs_;
}

void FaultyEnv::FailAt(int64_t operation, int error_number, bool and_later) {
  MutexLock lock(mutex_);
  fail_at_ = operation;
  fail_errno_ = error_number;
  fail_later_ = and_later;
}

void FaultyEnv::CrashAt(int64_t operation) {
  MutexLock lock(mutex_);
  crash_at_ = operation;
}

void FaultyEnv::Crash() {
  MutexLock lock(mutex_);
  crashed_ = true;
  changed_.NotifyAll();
}

bool FaultyEnv::crashed() const {
  MutexLock lock(mutex_);
  return crashed_;
}

void FaultyEnv::HoldSyncs() {
  MutexLock lock(mutex_);
  hold_syncs_ = true;
}

void FaultyEnv::ReleaseSyncs() {
  MutexLock lock(mutex_);
  hold_syncs_ = false;
  changed_.NotifyAll();
}

bool FaultyEnv::AwaitHeldSync(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (held_syncs_ == 0)
    if (!changed_.WaitUntil(mutex_, deadline)) return held_syncs_ > 0;
  return true;
}

FaultyEnv::Outcome FaultyEnv::Begin() {
  ++operations_;
  if (operations_ == crash_at_) {
    crashed_ = true;
    changed_.NotifyAll();
    return Outcome::kCrash;
  }
  if (fail_at_ != 0 && (operations_ == fail_at_ || (fail_later_ && operations_ > fail_at_)))
    return Outcome::kFail;
  return Outcome::kProceed;
}

Status FaultyEnv::Injected(Outcome outcome, const std::string& what) const {
  return outcome == Outcome::kCrash ? Unavailable("{}: the machine lost power", what)
                                    : ErrnoStatus(fail_errno_, what);
}

Status FaultyEnv::CheckUp() const {
  return crashed_ ? Unavailable("the machine lost power") : Status::Ok();
}

Status FaultyEnv::Track(const std::string& path) {
  if (live_.contains(path)) return Status::Ok();
  ASSIGN_OR_RETURN(const bool exists, base_.Exists(path));
  if (!exists) return Status::Ok();
  ASSIGN_OR_RETURN(std::string content,
                   ReadWholeFile(base_, path, std::numeric_limits<int64_t>::max()));
  auto node = std::make_shared<Node>();
  node->content = node->durable = std::move(content);
  live_[path] = durable_[path] = std::move(node);
  return Status::Ok();
}

void FaultyEnv::ApplyTo(std::map<std::string, NodePtr>& names, const NameChange& change) const {
  for (const auto& [path, node] : change) {
    if (node == nullptr)
      names.erase(path);
    else
      names[path] = node;
  }
}

void FaultyEnv::Change(const std::string& directory, NameChange change) {
  ApplyTo(live_, change);
  pending_[directory].push_back(std::move(change));
}

Result<std::unique_ptr<WritableFile>> FaultyEnv::OpenForWrite(const std::string& path,
                                                              OpenMode mode) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (const auto outcome = Begin(); outcome != Outcome::kProceed)
    return Injected(outcome, "open " + path);
  if (mode != OpenMode::kCreate && !made_directories_.contains(path)) RETURN_IF_ERROR(Track(path));
  ASSIGN_OR_RETURN(auto base, base_.OpenForWrite(path, mode));
  if (!live_.contains(path)) {
    Change(ParentDirectory(path), {{path, std::make_shared<Node>()}});
  } else if (mode == OpenMode::kTruncate) {
    Node& node = *live_[path];
    node.content.clear();
    node.lost.clear();
    node.truncated = true;
  }
  return std::unique_ptr<WritableFile>(
      new Writer(*this, path, live_[path], generation_, std::move(base)));
}

Status FaultyEnv::AppendTo(Writer& writer, std::string_view data) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (writer.generation != generation_)
    return Unavailable("{}: opened before the crash", writer.path);
  const Outcome outcome = Begin();
  if (outcome != Outcome::kProceed && !data.empty())
    data = data.substr(0, random_.Below(data.size() + 1));
  RETURN_IF_ERROR(writer.base->Append(data));
  writer.node->content.append(data);
  return outcome == Outcome::kProceed ? Status::Ok() : Injected(outcome, "write " + writer.path);
}

Status FaultyEnv::Reserve(Writer& writer, int64_t bytes) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (writer.generation != generation_)
    return Unavailable("{}: opened before the crash", writer.path);
  RETURN_IF_ERROR(writer.base->Preallocate(0));
  const Outcome outcome = Begin();
  if (outcome == Outcome::kFail) return Injected(outcome, "write " + writer.path);
  writer.node->reserved = writer.node->content.size() + static_cast<size_t>(bytes);
  return outcome == Outcome::kProceed ? Status::Ok() : Injected(outcome, "write " + writer.path);
}

Status FaultyEnv::CloseFile(Writer& writer) {
  MutexLock lock(mutex_);
  if (!crashed_ && writer.generation == generation_) writer.node->reserved = 0;
  return writer.base->Close();
}

// A file that was not closed keeps its zeros.
void FaultyEnv::Abandon(Writer& writer) {
  MutexLock lock(mutex_);
  if (crashed_ || writer.generation != generation_) return;
  (void)ShowZeros(*writer.node, *writer.base);
}

// Makes what was reserved part of the content, as whoever reads the file sees it.
Status FaultyEnv::ShowZeros(Node& node, WritableFile& base) {
  if (node.reserved > node.content.size()) {
    const std::string zeros(node.reserved - node.content.size(), '\0');
    RETURN_IF_ERROR(base.Append(zeros));
    node.content += zeros;
  }
  node.reserved = 0;
  return Status::Ok();
}

// What the disk holds after a successful sync: everything but what failed syncs have lost.
void FaultyEnv::MakeDurable(Node& node) {
  if (node.truncated) node.durable.clear();
  node.durable.resize(std::min(node.durable.size(), node.content.size()));
  const size_t synced = node.durable.size();
  node.durable.append(node.content, synced);
  node.truncated = false;
  for (const auto& [begin, end] : node.lost)
    for (size_t at = begin; at < std::min(end, node.durable.size()); ++at) node.durable[at] = '\0';
}

Status FaultyEnv::SyncNode(Writer& writer) {
  MutexLock lock(mutex_);
  ++held_syncs_;
  changed_.NotifyAll();
  while (hold_syncs_ && !crashed_) changed_.Wait(mutex_);
  --held_syncs_;
  RETURN_IF_ERROR(CheckUp());
  if (writer.generation != generation_)
    return Unavailable("{}: opened before the crash", writer.path);
  const Outcome outcome = Begin();
  Node& node = *writer.node;
  if (outcome == Outcome::kFail) {
    node.lost.emplace_back(node.truncated ? 0 : node.durable.size(), node.content.size());
    return Injected(outcome, "fdatasync " + writer.path);
  }
  // Power may fail just before or just after the disk took it.
  if (outcome == Outcome::kCrash && random_.OneIn(2))
    return Injected(outcome, "fdatasync " + writer.path);
  RETURN_IF_ERROR(writer.base->Sync());
  MakeDurable(node);
  if (outcome == Outcome::kCrash) return Injected(outcome, "fdatasync " + writer.path);
  ++file_syncs_;
  return Status::Ok();
}

Result<std::unique_ptr<RandomAccessFile>> FaultyEnv::OpenForRead(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  return base_.OpenForRead(path);
}

Result<std::vector<std::string>> FaultyEnv::List(const std::string& directory) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  return base_.List(directory);
}

Result<bool> FaultyEnv::Exists(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  return base_.Exists(path);
}

Status FaultyEnv::CreateDirectories(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (const auto outcome = Begin(); outcome != Outcome::kProceed)
    return Injected(outcome, "mkdir " + path);
  std::vector<std::string> missing;
  for (std::string at = path;; at = ParentDirectory(at)) {
    ASSIGN_OR_RETURN(const bool exists, base_.Exists(at));
    if (exists) break;
    missing.insert(missing.begin(), at);
  }
  RETURN_IF_ERROR(base_.CreateDirectories(path));
  for (const std::string& made : missing) {
    auto node = std::make_shared<Node>();
    node->directory = true;
    made_directories_.insert(made);
    Change(ParentDirectory(made), {{made, std::move(node)}});
  }
  return Status::Ok();
}

Status FaultyEnv::Remove(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (const auto outcome = Begin(); outcome != Outcome::kProceed)
    return Injected(outcome, "remove " + path);
  if (!made_directories_.contains(path)) RETURN_IF_ERROR(Track(path));
  RETURN_IF_ERROR(base_.Remove(path));
  if (live_.contains(path)) Change(ParentDirectory(path), {{path, nullptr}});
  return Status::Ok();
}

Status FaultyEnv::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (const auto outcome = Begin(); outcome != Outcome::kProceed)
    return Injected(outcome, "rename " + from + " to " + to);
  RETURN_IF_ERROR(Track(from));
  RETURN_IF_ERROR(Track(to));
  RETURN_IF_ERROR(base_.Rename(from, to));
  if (from == to) return Status::Ok();
  const NodePtr node = live_[from];
  if (ParentDirectory(from) == ParentDirectory(to)) {
    Change(ParentDirectory(from), {{from, nullptr}, {to, node}});
  } else {
    Change(ParentDirectory(to), {{to, node}});
    Change(ParentDirectory(from), {{from, nullptr}});
  }
  return Status::Ok();
}

Status FaultyEnv::SyncDirectory(const std::string& directory) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  const Outcome outcome = Begin();
  if (outcome == Outcome::kFail || (outcome == Outcome::kCrash && random_.OneIn(2)))
    return Injected(outcome, "fsync " + directory);
  RETURN_IF_ERROR(base_.SyncDirectory(directory));
  for (const NameChange& change : pending_[directory]) ApplyTo(durable_, change);
  pending_.erase(directory);
  return outcome == Outcome::kProceed ? Status::Ok() : Injected(outcome, "fsync " + directory);
}

Status FaultyEnv::Truncate(const std::string& path, int64_t size) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  if (const auto outcome = Begin(); outcome != Outcome::kProceed)
    return Injected(outcome, "truncate " + path);
  RETURN_IF_ERROR(Track(path));
  RETURN_IF_ERROR(base_.Truncate(path, size));
  Node& node = *live_[path];
  node.content.resize(static_cast<size_t>(size));
  node.reserved = 0;
  MakeDurable(node);
  return Status::Ok();
}

Status FaultyEnv::RewriteTail(const std::string& path, int64_t offset) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  const Outcome outcome = Begin();
  if (outcome == Outcome::kFail || (outcome == Outcome::kCrash && random_.OneIn(2)))
    return Injected(outcome, "rewrite " + path);
  RETURN_IF_ERROR(Track(path));
  RETURN_IF_ERROR(base_.RewriteTail(path, offset));
  Node& node = *live_[path];
  for (auto& [begin, end] : node.lost) end = std::min(end, static_cast<size_t>(offset));
  std::erase_if(node.lost, [](const auto& range) { return range.first >= range.second; });
  MakeDurable(node);
  node.durable.replace(static_cast<size_t>(offset), std::string::npos, node.content,
                       static_cast<size_t>(offset));
  return outcome == Outcome::kProceed ? Status::Ok() : Injected(outcome, "rewrite " + path);
}

Result<std::unique_ptr<FileLock>> FaultyEnv::Lock(const std::string& path) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckUp());
  RETURN_IF_ERROR(Track(path));
  ASSIGN_OR_RETURN(auto held, base_.Lock(path));
  if (!live_.contains(path)) Change(ParentDirectory(path), {{path, std::make_shared<Node>()}});
  return held;
}

std::string FaultyEnv::SurvivingContent(const Node& node, Unsynced unsynced) {
  if (unsynced == Unsynced::kDropped) return node.durable;
  if (node.truncated) return random_.OneIn(2) ? node.durable : std::string();
  std::string content = node.durable;
  std::string tail = node.content.substr(node.durable.size());
  if (tail.empty()) return content;
  switch (random_.Below(5)) {
    case 0: return content;
    case 1: return content + tail;
    case 2: return content + tail.substr(0, random_.Below(tail.size()));
    case 3: {  // the new length reached the disk, the data did not
      const size_t cut = random_.Below(tail.size());
      return content + tail.substr(0, cut) + std::string(tail.size() - cut, '\0');
    }
    default:
      for (size_t at = 0; at < tail.size();) {
        // Sectors are counted from the start of the file, not from the start of the tail.
        const size_t end =
            std::min(tail.size(), at + kSectorBytes - (content.size() + at) % kSectorBytes);
        if (random_.OneIn(2))
          std::fill(tail.begin() + static_cast<ptrdiff_t>(at),
                    tail.begin() + static_cast<ptrdiff_t>(end), '\0');
        at = end;
      }
      return content + tail;
  }
}

// A name below a directory that did not survive is gone too.
void FaultyEnv::DropOrphans() {
  std::erase_if(durable_, [&](const auto& item) REQUIRES(mutex_) {
    for (std::string at = ParentDirectory(item.first); at != "/" && at != ".";
         at = ParentDirectory(at))
      if (made_directories_.contains(at) && !durable_.contains(at)) return true;
    return false;
  });
}

Status FaultyEnv::RebuildBase(Unsynced unsynced) {
  for (auto it = live_.rbegin(); it != live_.rend(); ++it)  // children before their directories
    RETURN_IF_ERROR(base_.Remove(it->first));
  std::map<std::string, NodePtr> names;
  for (const auto& [path, node] : durable_) {
    auto fresh = std::make_shared<Node>();
    fresh->directory = node->directory;
    names[path] = fresh;
    if (node->directory) {
      RETURN_IF_ERROR(base_.CreateDirectories(path));
      continue;
    }
    std::string content = SurvivingContent(*node, unsynced);
    if (content.size() < node->reserved && random_.OneIn(2)) content.resize(node->reserved, '\0');
    fresh->content = fresh->durable = std::move(content);
    ASSIGN_OR_RETURN(const auto file, base_.OpenForWrite(path, OpenMode::kTruncate));
    RETURN_IF_ERROR(file->Append(fresh->content));
    RETURN_IF_ERROR(file->Close());
  }
  live_ = durable_ = std::move(names);
  return Status::Ok();
}

// A process that died leaves the zeros of its open files.
Status FaultyEnv::ShowReserved() {
  for (const auto& [path, node] : live_) {
    if (node->reserved <= node->content.size()) continue;
    ASSIGN_OR_RETURN(const auto file, base_.OpenForWrite(path, OpenMode::kAppend));
    RETURN_IF_ERROR(ShowZeros(*node, *file));
  }
  return Status::Ok();
}

Status FaultyEnv::Restart(Unsynced unsynced) {
  MutexLock lock(mutex_);
  ++generation_;
  crashed_ = false;
  fail_at_ = crash_at_ = 0;
  hold_syncs_ = false;
  if (unsynced == Unsynced::kKept) return ShowReserved();
  for (const auto& [directory, changes] : pending_) {
    if (unsynced == Unsynced::kDropped) continue;
    // Journaling file systems keep their order; nothing obliges others to.
    const bool in_order = random_.OneIn(2);
    const size_t first = random_.Below(changes.size() + 1);
    for (size_t i = 0; i < changes.size(); ++i)
      if (in_order ? i < first : random_.OneIn(2)) ApplyTo(durable_, changes[i]);
  }
  pending_.clear();
  DropOrphans();
  RETURN_IF_ERROR(RebuildBase(unsynced));
  std::erase_if(made_directories_,
                [&](const std::string& path) REQUIRES(mutex_) { return !live_.contains(path); });
  return Status::Ok();
}

}  // namespace headpond::io
