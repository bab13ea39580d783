#include "master/master_server.h"

#include "master/elected_master.h"
#include "master/lone_master.h"
#include "master/shared_master.h"
#include "net/host_check.h"

namespace headpond::master {

Result<std::unique_ptr<MasterServer>> MasterServer::Create(const Config& config,
                                                           MasterOutside outside) {
  if (const auto host = config.Find("alluxio.master.hostname"))
    RETURN_IF_ERROR(net::CheckHostResolves("alluxio.master.hostname", *host));
  if (config.GetBool("alluxio.zookeeper.enabled")) {
    ASSIGN_OR_RETURN(std::unique_ptr<MasterServer> master,
                     SharedMaster::Create(config, std::move(outside)));
    return master;
  }
  if (HasQuorum(config)) {
    ASSIGN_OR_RETURN(std::unique_ptr<MasterServer> master,
                     ElectedMaster::Create(config, std::move(outside)));
    return master;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<MasterServer> master,
                   LoneMaster::Create(config, std::move(outside)));
  return master;
}

int MasterMain(std::span<const std::string> arguments) {
  return RunDaemon(
      "master", arguments, [](const Config& config) -> Result<std::unique_ptr<Daemon>> {
        ASSIGN_OR_RETURN(std::unique_ptr<MasterServer> server, MasterServer::Create(config));
        return std::unique_ptr<Daemon>(std::move(server));
      });
}

}  // namespace headpond::master
