#include "master/backups.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>

#include "base/daemon.h"
#include "base/log.h"
#include "base/path.h"
#include "master/backup_file.h"
#include "ufs/remove_tree.h"

namespace headpond::master {
namespace {

using State = BackupReport::State;

constexpr std::string_view kComponent = "backup";
constexpr const char* kDirectory = "alluxio.master.backup.directory";
constexpr std::string_view kDefaultFolder = "alluxio_backups";
constexpr std::string_view kPrefix = "alluxio-backup-";
constexpr std::string_view kSuffix = ".gz";
constexpr std::chrono::milliseconds kCatchUpLook{5};
constexpr size_t kMaxId = 128;
// A backup shows every name and owner there is.
constexpr uint16_t kFileMode = 0600;
constexpr uint16_t kFolderMode = 0700;

// "scheme://authority" of a URI; "" for a path.
std::string_view StoreOf(std::string_view uri) {
  const size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos) return "";
  return uri.substr(0, uri.find('/', scheme + 3));
}

bool IsOfThisMachine(std::string_view store) {
  return store.empty() || store == "file://";
}

std::string Join(std::string folder, std::string_view name) {
  if (!folder.ends_with('/')) folder += '/';
  return folder.append(name);
}

// What masters left here that were killed while they made one.
void RemoveAbandoned(const std::string& folder) {
  const std::string_view store = StoreOf(folder);
  if (!IsOfThisMachine(store)) return;
  if (const Status removed = ufs::RemoveAbandonedFiles(folder.substr(store.size())); !removed.ok())
    LogDebug(kComponent, "what was left in {} stays: {}", folder, removed.message());
}

// Only this master's part in it has ended: whoever leads next is told of it where it is made.
bool GoesOnElsewhere(const BackupReport& report) {
  return report.elsewhere && report.error.code() == Code::kCancelled;
}

// Ids stand in logs and answers.
Status CheckId(const std::string& id) {
  const bool good = id.size() <= kMaxId && std::ranges::all_of(id, [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || c == '-';
                    });
  if (good) return Status::Ok();
  return InvalidArgument("the id of a backup is at most {} letters, digits and '-'", kMaxId);
}

}  // namespace

BackupOptions BackupOptionsOf(const Config& config) {
  BackupOptions options{
      .host = config.Find("alluxio.master.hostname").value_or(LocalHostName()),
      .work_dir = config.GetString("alluxio.work.dir"),
      .delegates = config.GetBool("alluxio.master.backup.delegation.enabled"),
      .abandon = config.GetDuration("alluxio.master.backup.abandon.timeout"),
  };
  if (config.IsSet(kDirectory)) options.directory = config.GetString(kDirectory);
  return options;
}

Result<std::string> BackupFolder(const BackupOptions& options, const std::string& root_ufs,
                                 const BackupTarget& target) {
  std::string directory = target.directory;
  if (directory.empty() && options.directory) directory = *options.directory;
  if (directory.empty())
    directory = Join(target.local ? options.work_dir : root_ufs, kDefaultFolder);
  const std::string store(StoreOf(directory));
  const auto path =
      NormalizePath(directory.size() == store.size() ? "/" : directory.substr(store.size()));
  if (!path.ok())
    return path.status().WithContext(fmt::format(
        "the backup's directory, from targetDirectory of the call or from {}", kDirectory));
  directory = store + *path;
  if (target.local) {
    if (IsOfThisMachine(store)) return store.empty() ? "file://" + directory : directory;
    return InvalidArgument("a local backup can't go to {}: name a path, or leave out --local",
                           directory);
  }
  const std::string_view root = StoreOf(root_ufs);
  if (store.empty()) return std::string(root) + directory;
  if (store == root || (IsOfThisMachine(store) && IsOfThisMachine(root))) return directory;
  return InvalidArgument(
      "the backup's directory {} is not on the root under-store {}, whose "
      "credentials are used; name a path there, or use --local",
      directory, root_ufs);
}

std::string BackupFileName(int64_t now_ms) {
  const std::tm day = fmt::gmtime(static_cast<std::time_t>(now_ms / 1000));
  return fmt::format("{}{}-{}-{}-{}{}", kPrefix, day.tm_year + 1900, day.tm_mon + 1, day.tm_mday,
                     now_ms, kSuffix);
}

std::optional<int64_t> ParseBackupFileName(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view number =
      name.substr(name.rfind('-') + 1, name.size() - kSuffix.size() - name.rfind('-') - 1);
  int64_t ms = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), ms);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == number.data() + number.size();
  if (!whole || ms < 0 || BackupFileName(ms) != name) return std::nullopt;
  return ms;
}

std::vector<std::string> BackupsToRemove(const std::vector<std::string>& names, size_t retained) {
  std::vector<std::pair<int64_t, std::string>> backups;
  for (const std::string& name : names)
    if (const auto time_ms = ParseBackupFileName(name)) backups.emplace_back(*time_ms, name);
  std::ranges::sort(backups, std::greater<>());
  std::vector<std::string> removed;
  for (size_t i = retained; i < backups.size(); ++i) {
    // The mark first: without it nobody takes the rest for a whole backup.
    const std::string mark = backups[i].second + std::string(kBackupMark);
    if (std::ranges::find(names, mark) != names.end()) removed.push_back(mark);
    removed.push_back(backups[i].second);
  }
  return removed;
}

// Ends when the master does.
class Backups::Sink final : public BackupSink {
 public:
  Sink(BackupWriter& writer, const std::atomic<bool>& stopping)
      : writer_(writer), stopping_(stopping) {}

  Status AddRecords(const std::vector<std::string>& records) override {
    RETURN_IF_ERROR(Check());
    return writer_.AddRecords(records);
  }
  Status AddEntries(const std::vector<std::string>& entries) override {
    RETURN_IF_ERROR(Check());
    return writer_.AddEntries(entries);
  }

 private:
  Status Check() const { return stopping_ ? Cancelled("the master serves no more") : Status::Ok(); }

  BackupWriter& writer_;
  const std::atomic<bool>& stopping_;
};

Backups::Backups(BackupOptions options, Around around, Random random)
    : options_(std::move(options)),
      store_(around.store),
      ufs_(std::move(around.open_ufs)),
      clock_(around.clock),
      reports_(around.reports ? std::move(around.reports) : std::make_shared<BackupReports>()),
      peers_(around.peers),
      random_(random),
      thread_("backup", 1, 1) {}

Backups::~Backups() {
  Stop();
}

void Backups::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    stopped_.NotifyAll();
  }
  thread_.Shutdown();
}

bool Backups::Pause(std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  MutexLock lock(mutex_);
  while (!stopping_ && stopped_.WaitUntil(mutex_, deadline)) {
  }
  return !stopping_;
}

Result<BackupReport> Backups::Begin(const BackupTarget& target, Ended ended) {
  RETURN_IF_ERROR(CheckId(target.id));
  ASSIGN_OR_RETURN(const meta::MountInfo root, RootMount());
  ASSIGN_OR_RETURN(const std::string folder, BackupFolder(options_, root.ufs_uri, target));
  BackupReport report{.state = State::kInitiating, .host = options_.host};
  {
    MutexLock lock(mutex_);
    if (BackupReport known = reports_->Find(target.id); known.state != State::kUnknown)
      return known;
    if (!running_.empty())
      return FailedPrecondition("backup {} is running; wait for its end", running_);
    report.id = target.id.empty() ? random_.Uuid() : target.id;
    running_ = report.id;
    reports_->Add(report);
  }
  const Status submitted = thread_.Submit(
      [this, target, folder, ended = std::move(ended)] { Run(target, folder, ended); });
  if (submitted.ok()) return report;
  MutexLock lock(mutex_);
  reports_->Forget(running_);
  running_.clear();
  return submitted;
}

BackupReport Backups::Look(const std::string& id) {
  {
    MutexLock lock(mutex_);
    BackupReport known = reports_->Find(id);
    if (known.state != State::kUnknown || peers_ == nullptr || id.empty()) return known;
  }
  return LookElsewhere(*peers_, id);
}

BackupReport Backups::Change(const std::function<void(BackupReport&)>& change) {
  MutexLock lock(mutex_);
  return reports_->Change(running_, change);
}

BackupReport Backups::End(Result<BackupReport> made) {
  MutexLock lock(mutex_);
  BackupReport report = reports_->Change(running_, [&](BackupReport& end) {
    if (made.ok()) {
      end = *std::move(made);
    } else {
      end.state = State::kFailed;
      end.error = made.status();
    }
  });
  if (GoesOnElsewhere(report)) reports_->Forget(running_);
  running_.clear();
  return report;
}

void Backups::Run(const BackupTarget& target, const std::string& folder, const Ended& ended) {
  const BackupReport report = End(MakeSomewhere(target, folder));
  if (report.state == State::kCompleted)
    LogInfo(kComponent, "{}: {} inodes are backed up to {} by {}", report.id, report.inodes,
            report.uri, report.host);
  else if (GoesOnElsewhere(report))
    LogInfo(kComponent, "{}: {} goes on with it, for whoever leads next", report.id, report.host);
  else
    LogError(kComponent, "{}: no backup in {}: {}", report.id, folder, report.error.ToString());
  if (ended) ended(report);
}

Result<BackupReport> Backups::MakeSomewhere(const BackupTarget& target, const std::string& folder) {
  ASSIGN_OR_RETURN(auto made, MakeElsewhere(target, folder));
  if (made) return *std::move(made);
  return MakeHere(target, folder);
}

Result<std::optional<BackupReport>> Backups::MakeElsewhere(const BackupTarget& target,
                                                           const std::string& folder) {
  using Made = std::optional<BackupReport>;
  if (peers_ == nullptr || target.sequence || peers_->Others().empty()) return Made();
  const auto progress = [this](const BackupReport& now) {
    Change([&](BackupReport& report) {
      report = now;
      report.elsewhere = true;
    });
  };
  BackupDelegation delegation(*peers_, {.abandon = options_.abandon, .poll = options_.poll},
                              progress, [this](auto time) { return Pause(time); });
  const auto elsewhere = [](BackupReport end) {
    end.elsewhere = true;
    return Made(std::move(end));
  };
  const std::string id = Change([](BackupReport& report) { report.elsewhere = true; }).id;
  if (!target.id.empty()) {
    auto resumed = delegation.Resume(id);
    if (resumed.ok()) return elsewhere(*std::move(resumed));
    if (resumed.status().code() != Code::kNotFound) return resumed.status();
  }
  Status why;
  if (options_.delegates && !target.local && !target.here) {
    ASSIGN_OR_RETURN(const uint64_t sequence, store_.AgreedSequence());
    auto made = delegation.Make({.id = id, .folder = folder, .sequence = sequence});
    if (made.ok()) return elsewhere(*std::move(made));
    if (made.status().code() == Code::kCancelled) return made.status();
    why = made.status();
  }
  Change([&](BackupReport& report) {
    report = {.id = id, .state = State::kInitiating, .host = options_.host};
  });
  if (why.ok() || target.allow_leader) return Made();
  return why.WithContext(
      "let the leader make it (allowLeader, --allow-leader), or wait until another master has "
      "caught up");
}

Status Backups::AwaitEntry(uint64_t sequence) {
  const auto deadline = std::chrono::steady_clock::now() + options_.catch_up;
  while (!store_.Shows(sequence)) {
    if (std::chrono::steady_clock::now() >= deadline)
      return DeadlineExceeded("{} has not caught up with entry {} of the journal within {} ms",
                              options_.host, sequence, options_.catch_up.count());
    if (!Pause(kCatchUpLook)) return Cancelled("the master is being stopped");
  }
  return Status::Ok();
}

Result<BackupReport> Backups::MakeHere(const BackupTarget& target, const std::string& folder) {
  RETURN_IF_ERROR(AwaitEntry(target.sequence.value_or(0)));
  const std::string path = Join(folder, BackupFileName(clock_.NowMs()));
  BackupReport report = Change([&](BackupReport& now) {
    now.state = State::kRunning;
    now.uri = path;
  });
  ASSIGN_OR_RETURN(report.inodes, Write(folder, path));
  report.state = State::kCompleted;
  return report;
}

Result<meta::MountInfo> Backups::RootMount() const {
  return store_.Read([](const meta::Namespace& ns) -> Result<meta::MountInfo> {
    const auto root = ns.mounts().mounts().find("/");
    if (root == ns.mounts().mounts().end())
      return Unavailable("this master has no state of the cluster yet");
    return root->second;
  });
}

Status Backups::KeepNewest(size_t retained) {
  ASSIGN_OR_RETURN(const meta::MountInfo root, RootMount());
  ASSIGN_OR_RETURN(const std::string folder, BackupFolder(options_, root.ufs_uri, {}));
  ASSIGN_OR_RETURN(const auto store, ufs_.Probe(folder, root.properties));
  std::vector<std::string> names;
  RETURN_IF_ERROR(store->List(folder, [&](const ufs::UfsStatus& file) {
    if (!file.is_directory) names.push_back(file.name);
    return Status::Ok();
  }));
  for (const std::string& name : BackupsToRemove(names, retained))
    RETURN_IF_ERROR(store->DeleteFile(Join(folder, name)));
  return Status::Ok();
}

Result<uint64_t> Backups::Write(const std::string& folder, const std::string& path) {
  const std::string cluster =
      store_.Read([](const meta::Namespace& ns) { return ns.cluster_id(); });
  ASSIGN_OR_RETURN(const meta::MountInfo root, RootMount());
  ASSIGN_OR_RETURN(const auto store, ufs_.Probe(folder, root.properties));
  if (const Status made = store->CreateDirectory(folder, {.mode = kFolderMode}); !made.ok())
    return made.WithContext(fmt::format(
        "{} can't be made; name a folder that this user can write, in the call or in {}", folder,
        kDirectory));
  RemoveAbandoned(folder);
  ASSIGN_OR_RETURN(const auto file, store->Create(path, {.mode = kFileMode}));
  BackupWriter writer(*file, cluster, clock_.NowMs());
  Sink sink(writer, stopping_);
  ASSIGN_OR_RETURN(const uint64_t inodes, store_.Backup(sink));
  RETURN_IF_ERROR(writer.Finish());
  RETURN_IF_ERROR(file->Complete().status());
  ASSIGN_OR_RETURN(const auto mark,
                   store->Create(path + std::string(kBackupMark), {.mode = kFileMode}));
  RETURN_IF_ERROR(mark->Complete().status());
  return inodes;
}

}  // namespace headpond::master
