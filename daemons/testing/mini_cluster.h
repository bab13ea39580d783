#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "cache/faulty_block_files.h"
#include "client/file_system.h"
#include "master/master_server.h"
#include "testing/temp_directory.h"
#include "ufs/faulty_ufs.h"
#include "worker/worker_server.h"

namespace headpond::testing {

// A master and its workers in this process, on ephemeral ports of 127.0.0.1 and in a temporary
// directory. Used by one thread; clients may be used by many.
class MiniCluster {
 public:
  struct Options {
    int workers = 1;
    std::string worker_capacity = "64MB";
    std::vector<std::pair<std::string, std::string>> properties;  // of everybody
    // Faults to put below, if any; what they wrap is the real thing.
    io::Env* master_env = &io::Env::Posix();
    std::shared_ptr<cache::FileFaults> tier_faults;
    std::shared_ptr<ufs::UfsFaults> ufs_faults;  // for workers and master
    // "host:port" of masters that workers are told of before the one there is.
    std::vector<std::string> other_masters;
  };
  explicit MiniCluster(Options options);
  ~MiniCluster();

  // Starts all and waits until every worker is registered.
  Status Start();

  Status StartMaster();
  void StopMaster() { master_.reset(); }
  Status StartWorker(int index);
  void StopWorker(int index) { workers_[static_cast<size_t>(index)].reset(); }
  // DeadlineExceeded when not all running workers are known to the master in time.
  Status WaitForWorkers();

  Result<std::unique_ptr<client::FileSystem>> NewClient(
      const std::vector<std::pair<std::string, std::string>>& properties = {});

  std::string ufs_path(const std::string& relative) const {
    return directory_ / ("ufs/" + relative);
  }
  std::string journal_folder() const { return directory_ / "journal"; }
  master::MasterServer& master() { return *master_; }
  worker::WorkerServer& worker(int index) { return *workers_[static_cast<size_t>(index)]; }

 private:
  // As ufs::OpenUfs, behind the faults of the options.
  Result<std::unique_ptr<ufs::Ufs>> OpenUfs(
      const std::string& uri, const std::map<std::string, std::string>& properties) const;
  Result<Config> MakeConfig(
      const std::vector<std::pair<std::string, std::string>>& properties) const;

  const Options options_;
  TempDirectory directory_;
  int master_port_ = 0;  // fixed by the first start, so that workers find a restarted master
  std::unique_ptr<master::MasterServer> master_;
  std::vector<std::unique_ptr<worker::WorkerServer>> workers_;
};

}  // namespace headpond::testing
