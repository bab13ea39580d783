#include "operator/daemon/remote_api.h"

#include "base/log.h"

namespace headpond::operator_daemon {
namespace {

constexpr std::string_view kComponent = "operator";

Result<kube::RestConfig> ConfigOf(const Options& options) {
  io::Env& env = io::Env::Posix();
  if (options.in_cluster) return kube::InCluster(env, options.environment);
  return kube::LoadKubeconfig(env, options.kubeconfig, options.context);
}

}  // namespace

Result<std::unique_ptr<RemoteApi>> RemoteApi::Connect(const Options& options,
                                                      const std::string& identity,
                                                      const Clock& clock, Monitor& monitor,
                                                      std::function<void()> changed) {
  ASSIGN_OR_RETURN(kube::RestConfig config, ConfigOf(options));
  const std::string server = config.connection.base_url;
  const std::string lease_namespace = config.name_space;
  std::unique_ptr<RemoteApi> api(new RemoteApi());
  api->client_ = std::make_unique<kube::Client>(std::move(config), clock, TellingOptions(monitor));
  api->lease_ = kube::ApiLease(*api->client_, lease_namespace, kOperatorLease);
  LogInfo(kComponent, "{} competes for lease {}/{} of {}", identity, lease_namespace,
          kOperatorLease, server);
  api->elector_ =
      std::make_unique<kube::Elector>(kube::ElectionOptions{.identity = identity}, *api->lease_,
                                      clock, [changed](bool) { changed(); });
  const auto may_write = [elector = api->elector_.get()] { return elector->Leads(); };
  api->tasks_ = std::make_unique<ApiTaskObjects>(
      *api->client_, clock, Random::FromSystem(),
      ApiTaskObjects::Options{.name_space = options.name_space, .may_write = may_write}, changed);
  const ApiOneTimeObjects::Options one_time{.name_space = options.name_space,
                                            .may_write = may_write};
  api->backups_ = std::make_unique<ApiOneTimeObjects>(
      ApiOneTimeObjects::kBackups, *api->client_, clock, Random::FromSystem(), one_time, changed);
  api->restores_ = std::make_unique<ApiOneTimeObjects>(
      ApiOneTimeObjects::kRestores, *api->client_, clock, Random::FromSystem(), one_time, changed);
  api->store_ = std::make_unique<ApiClusterStore>(
      *api->client_, clock, Random::FromSystem(),
      ApiClusterStore::Options{.name_space = options.name_space, .may_write = may_write},
      std::move(changed));
  api->elector_->Start();
  api->store_->Start();
  api->tasks_->Start();
  api->backups_->Start();
  api->restores_->Start();
  return api;
}

RemoteApi::~RemoteApi() {
  if (store_) store_->Stop();
  if (tasks_) tasks_->Stop();
  if (backups_) backups_->Stop();
  if (restores_) restores_->Stop();
  if (elector_) elector_->Stop();
}

}  // namespace headpond::operator_daemon
