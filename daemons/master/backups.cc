#include "master/backups.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "base/path.h"
#include "master/backup_file.h"

namespace headpond::master {
namespace {

using State = BackupReport::State;

constexpr std::string_view kComponent = "backup";
constexpr const char* kDirectory = "alluxio.master.backup.directory";
constexpr std::string_view kDefaultFolder = "alluxio_backups";
constexpr std::string_view kPrefix = "alluxio-backup-";
constexpr std::string_view kSuffix = ".gz";
constexpr size_t kKeptReports = 100;
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

BackupOptions BackupOptionsOf(const Config& config, const std::string& host) {
  BackupOptions options{.host = host, .work_dir = config.GetString("alluxio.work.dir")};
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

Backups::Backups(BackupOptions options, MetadataStore& store, UfsPool& ufs, const Clock& clock,
                 Random random)
    : options_(std::move(options)),
      store_(store),
      ufs_(ufs),
      clock_(clock),
      random_(random),
      thread_("backup", 1, 1) {}

Backups::~Backups() {
  Stop();
}

void Backups::Stop() {
  stopping_ = true;
  thread_.Shutdown();
}

const BackupReport* Backups::Find(const std::string& id) const {
  const auto found = std::ranges::find(reports_, id, &BackupReport::id);
  return found == reports_.end() ? nullptr : &*found;
}

Result<BackupReport> Backups::Begin(const BackupTarget& target, Ended ended) {
  RETURN_IF_ERROR(CheckId(target.id));
  ASSIGN_OR_RETURN(const std::string folder, BackupFolder(options_, RootMount().ufs_uri, target));
  BackupReport report{.state = State::kInitiating, .host = options_.host};
  {
    MutexLock lock(mutex_);
    if (const BackupReport* const known = Find(target.id)) return *known;
    if (running_)
      return FailedPrecondition("backup {} is running; wait for its end", reports_.back().id);
    report.id = target.id.empty() ? random_.Uuid() : target.id;
    running_ = true;
    reports_.push_back(report);
    if (reports_.size() > kKeptReports) reports_.pop_front();
  }
  const Status submitted =
      thread_.Submit([this, folder, ended = std::move(ended)] { Run(folder, ended); });
  if (submitted.ok()) return report;
  MutexLock lock(mutex_);
  running_ = false;
  reports_.pop_back();
  return submitted;
}

BackupReport Backups::Look(const std::string& id) const {
  MutexLock lock(mutex_);
  const BackupReport* const known = Find(id);
  return known != nullptr ? *known : BackupReport{.id = id};
}

BackupReport Backups::Change(const std::function<void(BackupReport&)>& change) {
  MutexLock lock(mutex_);
  BackupReport& report = reports_.back();
  change(report);
  running_ = report.state == State::kRunning;
  return report;
}

void Backups::Run(const std::string& folder, const Ended& ended) {
  const std::string path = Join(folder, BackupFileName(clock_.NowMs()));
  Change([&](BackupReport& report) {
    report.state = State::kRunning;
    report.uri = path;
  });
  const auto inodes = Write(folder, path);
  const BackupReport report = Change([&](BackupReport& end) {
    end.state = inodes.ok() ? State::kCompleted : State::kFailed;
    if (inodes.ok())
      end.inodes = *inodes;
    else
      end.error = inodes.status();
  });
  if (inodes.ok())
    LogInfo(kComponent, "{}: {} inodes are backed up to {}", report.id, report.inodes, path);
  else
    LogError(kComponent, "{}: no backup at {}: {}", report.id, path, report.error.ToString());
  if (ended) ended(report);
}

meta::MountInfo Backups::RootMount() const {
  return store_.Read([](const meta::Namespace& ns) { return ns.mounts().mounts().at("/"); });
}

Status Backups::KeepNewest(size_t retained) {
  const meta::MountInfo root = RootMount();
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
  ASSIGN_OR_RETURN(const auto store, ufs_.Probe(folder, RootMount().properties));
  if (const Status made = store->CreateDirectory(folder, {.mode = kFolderMode}); !made.ok())
    return made.WithContext(fmt::format(
        "{} can't be made; name a folder that this user can write, in the call or in {}", folder,
        kDirectory));
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
