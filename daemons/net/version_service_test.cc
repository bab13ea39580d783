#include "net/version_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/version.pb.h"

namespace headpond::net {
namespace {

using namespace ::alluxio::grpc::version;  // NOLINT: the names of one small enum

std::set<ServiceType> AllServices() {
  std::set<ServiceType> services;
  for (int type = 0; type <= ServiceType_MAX; ++type) {
    if (ServiceType_IsValid(type)) services.insert(static_cast<ServiceType>(type));
  }
  return services;
}

TEST(VersionServiceTest, AnswersTheNumbersThatClientsAreBuiltWith) {
  const VersionService versions(AllServices(), nullptr);
  const std::pair<ServiceType, int64_t> cases[] = {
      {FILE_SYSTEM_MASTER_CLIENT_SERVICE, 2},
      {FILE_SYSTEM_MASTER_WORKER_SERVICE, 2},
      {FILE_SYSTEM_MASTER_JOB_SERVICE, 2},
      {BLOCK_MASTER_CLIENT_SERVICE, 2},
      {BLOCK_MASTER_WORKER_SERVICE, 2},
      {META_MASTER_CONFIG_SERVICE, 2},
      {META_MASTER_CLIENT_SERVICE, 2},
      {METRICS_MASTER_CLIENT_SERVICE, 2},
      {META_MASTER_MASTER_SERVICE, 1},
      {META_MASTER_PROXY_SERVICE, 1},
      {BLOCK_WORKER_CLIENT_SERVICE, 1},
      {JOB_MASTER_CLIENT_SERVICE, 1},
      {JOB_MASTER_WORKER_SERVICE, 1},
      {JOB_MASTER_MASTER_SERVICE, 1},
      {JOURNAL_MASTER_CLIENT_SERVICE, 1},
      {RAFT_JOURNAL_SERVICE, 1},
      {TABLE_MASTER_CLIENT_SERVICE, 1},
      {META_MASTER_BACKUP_MESSAGING_SERVICE, -1},
      {UNKNOWN_SERVICE, -1},
  };
  for (const auto& [type, version] : cases) {
    EXPECT_EQ(versions.Version(type, false).value_or(-100), version) << ServiceType_Name(type);
  }
  EXPECT_EQ(std::size(cases), AllServices().size());
}

TEST(VersionServiceTest, DoesNotKnowServicesOfOtherProcesses) {
  const VersionService versions({BLOCK_WORKER_CLIENT_SERVICE}, nullptr);
  EXPECT_EQ(versions.Version(FILE_SYSTEM_MASTER_CLIENT_SERVICE, true).status(),
            NotFound("Service FILE_SYSTEM_MASTER_CLIENT_SERVICE is not found."));
  EXPECT_EQ(versions.Version(UNKNOWN_SERVICE, true).value_or(0), -1);
}

TEST(VersionServiceTest, AStandbyRefusesThoseWhoLookForThePrimary) {
  bool primary = false;
  const VersionService versions({META_MASTER_CLIENT_SERVICE}, [&primary] { return primary; });
  EXPECT_EQ(versions.Version(META_MASTER_CLIENT_SERVICE, false).status(),
            Unavailable("GetServiceVersion is not supported on standby master"));
  EXPECT_EQ(versions.Version(META_MASTER_CLIENT_SERVICE, true).value_or(0), 2);
  primary = true;
  EXPECT_EQ(versions.Version(META_MASTER_CLIENT_SERVICE, false).value_or(0), 2);
}

}  // namespace
}  // namespace headpond::net
