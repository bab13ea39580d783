#include "worker/persister.h"

#include "base/log.h"
#include "ufs/persist_path.h"

namespace headpond::worker {
namespace {

constexpr std::string_view kComponent = "persister";
constexpr size_t kCopyBytes = 1 << 20;
constexpr size_t kQueue = 1000;

}  // namespace

Persister::Persister(Options options, std::function<int64_t()> worker_id, PersistMaster& master,
                     cache::BlockStore& store, UfsMounts& mounts, CacheManager::RemoteFetch fetch)
    : options_(std::move(options)),
      worker_id_(std::move(worker_id)),
      master_(master),
      store_(store),
      mounts_(mounts),
      fetch_(std::move(fetch)),
      pool_("persist", options_.threads, kQueue) {}

Persister::~Persister() {
  Stop();
}

void Persister::Start() {
  task_ = std::make_unique<PeriodicTask>("persist-sync", options_.interval, [this] { Tick(); });
}

void Persister::Stop() {
  if (task_) task_->Stop();
  pool_.Shutdown();  // a copy that ends now may still wake the stopped task
}

void Persister::Tick() {
  const int64_t worker_id = worker_id_();
  if (worker_id < 0) return;
  std::vector<int64_t> report;
  {
    MutexLock lock(mutex_);
    report.swap(copied_);
  }
  const auto tasks = master_.ExchangePersistWork(worker_id, report);
  MutexLock lock(mutex_);
  if (!tasks.ok()) {
    copied_.insert(copied_.end(), report.begin(), report.end());
    return;  // MasterSync reports outages
  }
  for (const PersistTask& task : *tasks) {
    if (!running_.insert(task.file_id).second) continue;
    const Status submitted = pool_.Submit([this, id = task.file_id] { Copy(id); });
    if (!submitted.ok()) running_.erase(task.file_id);
  }
}

void Persister::Copy(int64_t file_id) {
  const Status status = CopyFile(file_id);
  {
    MutexLock lock(mutex_);
    running_.erase(file_id);
    if (status.ok()) copied_.push_back(file_id);
  }
  if (status.ok()) {
    if (task_) task_->Wake();
  } else {
    LogWarn(kComponent, "file {} is not persisted yet: {}", file_id, status.ToString());
  }
}

Status Persister::CopyFile(int64_t file_id) {
  ASSIGN_OR_RETURN(const PersistSource source, master_.GetFile(file_id));
  if (!source.completed) return FailedPrecondition("{} is still being written", source.path);
  ASSIGN_OR_RETURN(const UfsMounts::Mount mount, mounts_.Get(source.mount_id));
  const std::string temp = ufs::PersistTempPath(mount.uri, options_.temp_dir, file_id);
  ASSIGN_OR_RETURN(const auto writer, mount.ufs->Create(temp, {.owner = source.owner,
                                                               .group = source.group,
                                                               .mode = source.mode,
                                                               .create_parents = true}));
  for (const PersistSource::Block& block : source.blocks)
    RETURN_IF_ERROR(AppendBlock(block, *writer).WithContext(source.path));
  return writer->Complete().status();
}

Status Persister::AppendBlock(const PersistSource::Block& block, ufs::UfsWriter& writer) {
  if (const auto reader = store_.Open(block.id); reader.ok()) {
    std::vector<char> buffer(static_cast<size_t>(std::min<int64_t>(block.length, kCopyBytes)));
    for (int64_t offset = 0; offset < block.length;) {
      ASSIGN_OR_RETURN(const size_t got, (*reader)->ReadAt(offset, buffer.size(), buffer.data()));
      if (got == 0)
        return DataLoss("block {} ends at {} of {} bytes", block.id, offset, block.length);
      RETURN_IF_ERROR(writer.Append({buffer.data(), got}));
      offset += static_cast<int64_t>(got);
    }
    return Status::Ok();
  }
  // A fetch that breaks in the middle has already written; only the first holder can be tried.
  if (block.holders.empty()) return Unavailable("block {} is on no live worker", block.id);
  const WorkerAddress& holder = block.holders.front();
  int64_t fetched = 0;
  RETURN_IF_ERROR(fetch_(holder.connect_host(), holder.data_port, block.id, block.length,
                         [&](std::string_view data) {
                           fetched += static_cast<int64_t>(data.size());
                           return writer.Append(data);
                         }));
  if (fetched == block.length) return Status::Ok();
  return DataLoss("worker {}:{} sent {} of the {} bytes of block {}", holder.host, holder.data_port,
                  fetched, block.length, block.id);
}

}  // namespace headpond::worker
