#pragma once

#include <string>

#include "operator/apiserver/api_server.h"
#include "operator/controller/store.h"

namespace headpond::operator_daemon {

// Who the controller is to the API: the manager of the fields that it sets.
inline constexpr const char* kUserAgent = "headpond-operator";

// The embedded API as the controller sees it. Writes go through the API like anyone's, so watches
// see them and its rules hold.
//
// Data outlives clusters: the uid that folders carry is kept in a ConfigMap `<cluster>.data` beside
// the cluster, which stays when data does, so that a cluster of the same name finds its data again.
// Thread safe.
class ApiClusterStore final : public controller::ClusterStore {
 public:
  // Both must outlive the store; the server is one over these objects.
  ApiClusterStore(apiserver::ApiServer& server, apiserver::ObjectStore& objects)
      : server_(server), objects_(objects) {}

  Result<controller::ClusterList> List() override;
  Result<controller::ClusterStatus> GetStatus(const controller::ClusterKey& key) override;
  Status WriteStatus(const controller::ClusterKey& key,
                     const controller::ClusterStatus& status) override;
  Status Finalize(const controller::ClusterKey& key, bool data_kept) override;

 private:
  // Of the cluster's data: its own uid, or an earlier cluster's whose data was kept.
  Result<std::string> ClaimData(const controller::ClusterKey& key, const std::string& uid);
  Status AddFinalizer(const controller::ClusterKey& key, const nlohmann::json& object);
  Result<nlohmann::json> Ask(const std::string& method, const std::string& path,
                             const nlohmann::json& body, const std::string& content_type);

  apiserver::ApiServer& server_;
  apiserver::ObjectStore& objects_;
};

}  // namespace headpond::operator_daemon
