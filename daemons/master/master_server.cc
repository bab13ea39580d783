#include "master/master_server.h"

#include <chrono>

#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/stop_signal.h"
#include "journal/local_journal.h"
#include "master/metadata_store.h"
#include "master/primary_master.h"
#include "net/host_check.h"

namespace headpond::master {
namespace {

constexpr std::string_view kComponent = "master";
constexpr std::chrono::seconds kJournalWatch{1};

Result<std::unique_ptr<journal::Journal>> OpenJournal(const Config& config, io::Env& env,
                                                      MetricsRegistry& metrics,
                                                      std::string& cluster_id) {
  const std::string folder = config.GetString("alluxio.master.journal.folder");
  ASSIGN_OR_RETURN(const bool blank, journal::IsBlankJournalFolder(env, folder));
  if (blank) {
    LogInfo(kComponent, "formatting the blank journal folder {}", folder);
    Random random = Random::FromSystem();
    RETURN_IF_ERROR(journal::FormatLocalJournal(env, folder, random.Uuid(), /*force=*/false));
  }
  ASSIGN_OR_RETURN(cluster_id, journal::ReadJournalClusterId(env, folder));
  return journal::OpenLocalJournal(env, {.folder = folder, .metrics = &metrics});
}

meta::NamespaceOptions NamespaceOptionsOf(const Config& config) {
  const bool keeps_answers =
      config.GetBool("alluxio.master.filesystem.operation.retry.cache.enabled");
  return {.check_permissions = config.GetBool("alluxio.security.authorization.permission.enabled"),
          .supergroup = config.GetString("alluxio.security.authorization.permission.supergroup"),
          .operation_cache_size = keeps_answers
                                      ? static_cast<size_t>(config.GetInt(
                                            "alluxio.master.filesystem.operation.retry.cache.size"))
                                      : 0};
}

}  // namespace

struct MasterServer::Parts {
  Parts(const Config& c, MasterOutside o) : config(c), outside(std::move(o)) {}

  const Config config;
  const MasterOutside outside;
  MetricsRegistry metrics;
  std::unique_ptr<MetadataStore> store;
  std::unique_ptr<PrimaryMaster> primary;
  std::unique_ptr<PeriodicTask> journal_watch;
  bool stopped = false;
};

MasterServer::MasterServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

MasterServer::~MasterServer() {
  Stop();
}

Result<std::unique_ptr<MasterServer>> MasterServer::Create(const Config& config,
                                                           MasterOutside outside) {
  if (const auto host = config.Find("alluxio.master.hostname"))
    RETURN_IF_ERROR(net::CheckHostResolves("alluxio.master.hostname", *host));
  auto parts = std::make_unique<Parts>(config, std::move(outside));
  std::string cluster_id;
  ASSIGN_OR_RETURN(auto journal,
                   OpenJournal(parts->config, *parts->outside.env, parts->metrics, cluster_id));
  parts->store =
      std::make_unique<MetadataStore>(NamespaceOptionsOf(parts->config), std::move(journal));
  RETURN_IF_ERROR(parts->store->Recover());
  ASSIGN_OR_RETURN(parts->primary, PrimaryMaster::Create({.config = parts->config,
                                                          .clock = Clock::System(),
                                                          .metrics = parts->metrics,
                                                          .store = *parts->store,
                                                          .open_ufs = parts->outside.open_ufs,
                                                          .cluster_id = cluster_id}));
  return std::unique_ptr<MasterServer>(new MasterServer(std::move(parts)));
}

Status MasterServer::Start() {
  RETURN_IF_ERROR(parts_->primary->Start());
  parts_->journal_watch = std::make_unique<PeriodicTask>("journal-watch", kJournalWatch, [this] {
    if (const Status status = failure(); !status.ok()) {
      LogError(kComponent, "{}", status.message());
      StopSignal::Request();
    }
  });
  return Status::Ok();
}

Status MasterServer::failure() const {
  const Status status = parts_->store->CheckWritable();
  if (status.ok() || status.code() == Code::kResourceExhausted) return Status::Ok();
  return status.WithContext("the journal can't be written any more");
}

void MasterServer::Stop() {
  if (parts_->stopped) return;
  parts_->stopped = true;
  parts_->journal_watch.reset();
  parts_->primary->Stop();
  parts_->store->Stop();
}

int MasterServer::rpc_port() const {
  return parts_->primary->rpc_port();
}
int MasterServer::web_port() const {
  return parts_->primary->web_port();
}

int MasterMain(std::span<const std::string> arguments) {
  return RunDaemon(
      "master", arguments, [](const Config& config) -> Result<std::unique_ptr<Daemon>> {
        ASSIGN_OR_RETURN(std::unique_ptr<MasterServer> server, MasterServer::Create(config));
        return std::unique_ptr<Daemon>(std::move(server));
      });
}

}  // namespace headpond::master
