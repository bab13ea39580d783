#include "testing/mini_cluster.h"

#include <fmt/ranges.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace headpond::testing {
namespace {

constexpr std::chrono::seconds kRegisterTimeout{60};

}  // namespace

MiniCluster::MiniCluster(Options options) : options_(std::move(options)) {
  workers_.resize(static_cast<size_t>(options_.workers));
  std::filesystem::create_directories(directory_ / "ufs");
}

MiniCluster::~MiniCluster() {
  workers_.clear();
  master_.reset();
}

Result<Config> MiniCluster::MakeConfig(
    const std::vector<std::pair<std::string, std::string>>& properties) const {
  std::vector<std::pair<std::string, std::string>> all{
      {"alluxio.master.hostname", "127.0.0.1"},
      {"alluxio.master.bind.host", "127.0.0.1"},
      {"alluxio.master.web.bind.host", "127.0.0.1"},
      {"alluxio.master.rpc.port", std::to_string(master_port_)},
      {"alluxio.master.web.port", "0"},
      {"alluxio.master.journal.folder", journal_folder()},
      {"alluxio.master.mount.table.root.ufs", directory_ / "ufs"},
      {"alluxio.master.worker.connect.wait.time", "0s"},
      {"alluxio.worker.bind.host", "127.0.0.1"},
      {"alluxio.worker.web.bind.host", "127.0.0.1"},
      {"alluxio.worker.rpc.port", "0"},
      {"alluxio.worker.web.port", "0"},
      {"alluxio.worker.ramdisk.size", options_.worker_capacity},
      {"alluxio.worker.block.heartbeat.interval", "100ms"},
      {"alluxio.logs.dir", directory_ / "logs"}};
  all.insert(all.end(), options_.properties.begin(), options_.properties.end());
  all.insert(all.end(), properties.begin(), properties.end());
  Config config;
  for (const auto& [key, value] : all) RETURN_IF_ERROR(config.Set(key, value));
  return config;
}

Result<std::unique_ptr<ufs::Ufs>> MiniCluster::OpenUfs(
    const std::string& uri, const std::map<std::string, std::string>& properties) const {
  ASSIGN_OR_RETURN(auto store, ufs::OpenUfs(uri, properties));
  if (!options_.ufs_faults) return store;
  return ufs::MakeFaultyUfs(std::move(store), options_.ufs_faults);
}

Status MiniCluster::Start() {
  RETURN_IF_ERROR(StartMaster());
  for (int i = 0; i < options_.workers; ++i) RETURN_IF_ERROR(StartWorker(i));
  return WaitForWorkers();
}

Status MiniCluster::StartMaster() {
  ASSIGN_OR_RETURN(const Config config, MakeConfig({}));
  master::MasterOutside outside{.env = options_.master_env};
  outside.open_ufs = [this](const auto& uri, const auto& properties) {
    return OpenUfs(uri, properties);
  };
  ASSIGN_OR_RETURN(master_, master::MasterServer::Create(config, std::move(outside)));
  RETURN_IF_ERROR(master_->Start());
  master_port_ = master_->rpc_port();
  return Status::Ok();
}

Status MiniCluster::StartWorker(int index) {
  // Names differ, so that the master tells the workers apart and none is taken for the client's own
  // host.
  std::vector<std::pair<std::string, std::string>> properties{
      {"alluxio.worker.hostname", fmt::format("127.0.1.{}", index + 1)},
      {"alluxio.worker.container.hostname", "127.0.0.1"},
      {"alluxio.worker.tieredstore.level0.dirs.path", directory_ / fmt::format("tier{}", index)}};
  if (!options_.other_masters.empty())
    properties.emplace_back(
        "alluxio.master.rpc.addresses",
        fmt::format("{},127.0.0.1:{}", fmt::join(options_.other_masters, ","), master_port_));
  ASSIGN_OR_RETURN(const Config config, MakeConfig(properties));
  worker::WorkerOutside outside;
  outside.open_ufs = [this](const auto& uri, const auto& properties) {
    return OpenUfs(uri, properties);
  };
  if (options_.tier_faults)
    outside.files = std::make_unique<cache::FaultyBlockFiles>(options_.tier_faults);
  ASSIGN_OR_RETURN(workers_[static_cast<size_t>(index)],
                   worker::WorkerServer::Create(config, std::move(outside)));
  return workers_[static_cast<size_t>(index)]->Start();
}

Status MiniCluster::WaitForWorkers() {
  const auto deadline = std::chrono::steady_clock::now() + kRegisterTimeout;
  for (const auto& worker : workers_) {
    while (worker && !worker->registered()) {
      if (std::chrono::steady_clock::now() > deadline)
        return DeadlineExceeded("a worker did not register in time");
      std::this_thread::yield();
    }
  }
  return Status::Ok();
}

Result<std::unique_ptr<client::FileSystem>> MiniCluster::NewClient(
    const std::vector<std::pair<std::string, std::string>>& properties) {
  ASSIGN_OR_RETURN(Config config, MakeConfig(properties));
  return client::FileSystem::Connect(std::move(config));
}

}  // namespace headpond::testing
