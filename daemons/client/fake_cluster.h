#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/config.h"
#include "client/file_system.h"
#include "client/scripted_server.h"
#include "proto/block_master.pb.h"
#include "proto/file_system_master.pb.h"
#include "proto/meta_master.pb.h"
#include "proto/version.pb.h"

namespace headpond::client {

inline const std::string kFileService = "/alluxio.grpc.file.FileSystemMasterClientService/";
inline const std::string kBlockMaster = "/alluxio.grpc.block.BlockMasterClientService/";
inline const std::string kBlockWorker = "/alluxio.grpc.block.BlockWorker/";
inline const std::string kVersionMethod =
    "/alluxio.grpc.version.ServiceVersionClientService/getServiceVersion";
inline const std::string kConfigMethod =
    "/alluxio.grpc.meta.MetaMasterConfigurationService/GetConfiguration";

template <typename Message>
Message ParseAs(const std::string& bytes) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

// Makes `server` answer what every client asks a primary first: service versions and an empty
// configuration.
inline void ActAsPrimary(ScriptedServer& server) {
  server.OnUnary(kVersionMethod, [](const std::string& bytes) -> Result<std::string> {
    const auto request = ParseAs<alluxio::grpc::version::GetServiceVersionPRequest>(bytes);
    (void)request;
    alluxio::grpc::version::GetServiceVersionPResponse response;
    response.set_version(2);
    return response.SerializeAsString();
  });
  server.OnUnary(kConfigMethod, [](const std::string&) -> Result<std::string> {
    return alluxio::grpc::meta::GetConfigurationPResponse().SerializeAsString();
  });
}

// A client's configuration for these masters: no authentication (net/ tests it) and short retries.
inline Config ClientConfig(const std::vector<const ScriptedServer*>& masters) {
  Config config;
  const auto set = [&](std::string_view key, const std::string& value) {
    EXPECT_TRUE(config.Set(key, value).ok()) << key;
  };
  std::string addresses;
  for (const ScriptedServer* master : masters)
    addresses +=
        (addresses.empty() ? "" : ",") + std::string("127.0.0.1:") + std::to_string(master->port());
  set("alluxio.master.rpc.addresses", addresses);
  set("alluxio.security.authentication.type", "NOSASL");
  set("alluxio.user.rpc.retry.base.sleep", "2ms");
  set("alluxio.user.rpc.retry.max.sleep", "20ms");
  set("alluxio.user.rpc.retry.max.duration", "3s");
  set("alluxio.user.block.read.retry.sleep.base", "2ms");
  set("alluxio.user.file.write.init.sleep.min", "2ms");
  set("alluxio.user.file.write.init.sleep.max", "20ms");
  set("alluxio.user.file.write.init.max.duration", "300ms");
  set("alluxio.user.block.read.retry.sleep.max", "20ms");
  set("alluxio.user.block.read.retry.max.duration", "300ms");
  set("alluxio.user.hostname", "test-client");
  return config;
}

}  // namespace headpond::client
