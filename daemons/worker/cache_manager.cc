#include "worker/cache_manager.h"

#include <algorithm>

namespace headpond::worker {
namespace {

constexpr int64_t kFirstReservation = 1 << 20;

}  // namespace

CacheManager::CacheManager(Options options, cache::BlockStore& store, BlockInputs& inputs,
                           CommitToMaster commit, RemoteFetch fetch)
    : options_(std::move(options)),
      store_(store),
      inputs_(inputs),
      commit_(std::move(commit)),
      fetch_(std::move(fetch)),
      pool_("cache", options_.threads, options_.max_requests) {}

void CacheManager::Cache(CacheRequest request, std::function<void(Status)> done) {
  if (store_.Contains(request.block)) return done(Status::Ok());
  {
    MutexLock lock(mutex_);
    auto [it, first] = waiting_.try_emplace(request.block);
    it->second.push_back(std::move(done));
    if (!first) return;
  }
  const BlockId block = request.block;
  const auto finish = [this, block](const Status& status) {
    std::vector<std::function<void(Status)>> callbacks;
    {
      MutexLock lock(mutex_);
      callbacks = std::move(waiting_.extract(block).mapped());
    }
    for (const auto& callback : callbacks) callback(status);
  };
  const Status submitted =
      pool_.Submit([this, request = std::move(request), finish] { finish(Pull(request)); });
  if (!submitted.ok()) finish(submitted);
}

Status CacheManager::Pull(const CacheRequest& request) {
  const bool remote =
      !request.source_host.empty() && !options_.is_self(request.source_host, request.source_port);
  if (remote) {
    const Status pulled = PullFromWorker(request);
    if (pulled.ok() || !request.ufs) return pulled;  // the under-store has it as well
  }
  if (!request.ufs)
    return InvalidArgument(
        "block {} has neither a source worker nor an under-store path to come from", request.block);
  return inputs_.CacheFromUfs(request.block, *request.ufs);
}

Status CacheManager::PullFromWorker(const CacheRequest& request) {
  auto writer =
      store_.Create(NewSessionId(), request.block, {}, std::min(request.length, kFirstReservation));
  if (writer.status().code() == Code::kAlreadyExists) return Status::Ok();
  if (!writer.ok()) return writer.status();
  RETURN_IF_ERROR(fetch_(request.source_host, request.source_port, request.block, request.length,
                         [&](std::string_view data) { return (*writer)->Append(data); }));
  if ((*writer)->position() != request.length)
    return Unavailable("worker {}:{} sent {} of the {} bytes of block {}", request.source_host,
                       request.source_port, (*writer)->position(), request.length, request.block);
  return CommitBlock(**writer, request.block, /*pin=*/false, commit_);
}

}  // namespace headpond::worker
