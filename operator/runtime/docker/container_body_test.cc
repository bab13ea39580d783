#include "operator/runtime/docker/container_body.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "operator/plan/desired.h"
#include "testing/status_matchers.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

const ClusterRef kCluster{"default", "demo", "0123456789abcdef"};
const plan::Layout kLayout = plan::ContainerLayout();

std::vector<plan::Workload> Workloads(json spec, const std::string& name = "demo") {
  spec["runtime"]["type"] = "docker";
  auto cluster = api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                                        {"kind", api::kCacheClusterKind},
                                        {"metadata", {{"name", name}, {"uid", kCluster.uid}}},
                                        {"spec", std::move(spec)}});
  EXPECT_OK(cluster);
  return cluster.ok() ? plan::Desired(*cluster, kLayout) : std::vector<plan::Workload>();
}

TEST(ContainerBodyTest, AWorkerOnABridgeWithEverything) {
  const auto workloads = Workloads(json::parse(R"({
      "image": "r.example/headpond:1", "network": {"mode": "bridge", "name": "ponds"},
      "rootUfs": {"uri": "/lake"}, "env": [{"name": "A", "value": "b c"}],
      "worker": {"shmSize": "2Gi", "resources": {"memory": "3Gi", "cpus": 0.5}},
      "container": {"user": "7:8", "readOnlyRoot": true, "capAdd": ["SYS_NICE"], "pidsLimit": 500,
        "ulimits": [{"name": "nofile", "soft": 10, "hard": 20}], "tmpfs": [{"path": "/tmp", "size": "1Mi"}],
        "devices": [{"path": "/dev/x", "permissions": "r"}], "labels": {"team": "a"}}})"));
  json body = ContainerBody(kCluster, workloads.at(1), {1, 41});
  const json labels = body["Labels"];
  EXPECT_EQ(labels["team"], "a");
  EXPECT_EQ(labels["headpond.dev/cluster-uid"], kCluster.uid);
  EXPECT_EQ(labels["headpond.dev/role"], "worker");
  EXPECT_EQ(labels["headpond.dev/ordinal"], "0");
  EXPECT_EQ(labels["headpond.dev/config-hash"], workloads[1].ConfigHash());
  EXPECT_EQ(labels["app.kubernetes.io/instance"], "demo");
  EXPECT_EQ(labels["app.kubernetes.io/component"], "worker");
  EXPECT_EQ(body["Cmd"][0], "worker");
  EXPECT_EQ(body["Cmd"][1], "--no-format");
  for (const char* checked : {"Labels", "Cmd", "Healthcheck"}) body.erase(checked);
  EXPECT_EQ(body, json::parse(R"({
    "Image": "r.example/headpond:1", "User": "7:8", "Hostname": "demo-worker-0", "StopTimeout": 10,
    "Env": ["A=b c", "HEADPOND_CLUSTER=default/demo", "HEADPOND_WORKLOAD=demo-worker-0"],
    "ExposedPorts": {"29999/tcp": {}, "30000/tcp": {}},
    "NetworkingConfig": {"EndpointsConfig": {"ponds": {"Aliases": ["demo-worker-0"]}}},
    "HostConfig": {
      "Mounts": [
        {"Type": "volume", "Source": "demo-worker-0-state", "Target": "/headpond/volumes/demo-worker-0"},
        {"Type": "bind", "Source": "/lake", "Target": "/lake"}],
      "NetworkMode": "ponds", "RestartPolicy": {"Name": "no"}, "ReadonlyRootfs": true,
      "PortBindings": {"29999/tcp": [{"HostIp": "127.0.0.1", "HostPort": "29999"}],
                       "30000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30000"}]},
      "CapDrop": ["ALL"], "CapAdd": ["SYS_NICE"], "SecurityOpt": ["no-new-privileges"],
      "ShmSize": 2147483648, "Memory": 3221225472, "MemorySwap": 3221225472, "NanoCpus": 500000000,
      "PidsLimit": 500, "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
      "Tmpfs": {"/tmp": "rw,nosuid,nodev,size=1048576"},
      "Devices": [{"PathOnHost": "/dev/x", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}],
      "LogConfig": {"Type": "json-file", "Config": {"max-size": "16777216", "max-file": "2"}}}})"))
      << body.dump(2);
}

TEST(ContainerBodyTest, TheLongestNamesAreHostnamesAndStayApart) {
  constexpr size_t kMaxHostname = 63;  // a DNS label; Linux has one more
  const std::string longest(api::kMaxClusterName, 'a');
  std::set<std::string> names;
  for (const std::string& name : {longest, longest.substr(1) + "b", longest.substr(1)}) {
    const auto workloads = Workloads(
        json::parse(R"({"network": {"mode": "bridge"}, "worker": {"replicas": 64}})"), name);
    ASSERT_EQ(workloads.size(), 65u);
    for (const plan::Workload& workload : workloads) {
      const json body = ContainerBody(kCluster, workload, {1, 41});
      EXPECT_LE(body["Hostname"].get<std::string>().size(), kMaxHostname);
      EXPECT_TRUE(names.insert(workload.name).second) << workload.name;
    }
  }
}

TEST(ContainerBodyTest, TheHostsNetworkNeedsNoPorts) {
  const json body = ContainerBody(kCluster, Workloads(json::object()).at(0), {1, 41});
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "host");
  for (const char* absent : {"Hostname", "ExposedPorts", "NetworkingConfig"})
    EXPECT_FALSE(body.contains(absent)) << absent;
  EXPECT_FALSE(body["HostConfig"].contains("PortBindings"));
  EXPECT_FALSE(body["HostConfig"].contains("Memory"));
}

TEST(ContainerBodyTest, SecretsAreNotInIt) {
  for (const plan::Workload& workload : Workloads(json::parse(R"({
      "rootUfs": {"uri": "s3://b/f", "options": {"s3a.secretKey": "s3cr3t"}},
      "properties": {"alluxio.x": "s3cr3t"}})"))) {
    EXPECT_THAT(workload.files.begin()->second, HasSubstr("s3cr3t"));
    EXPECT_THAT(ContainerBody(kCluster, workload, {1, 41}).dump(), Not(HasSubstr("s3cr3t")));
  }
}

TEST(ContainerBodyTest, WhatNewerEnginesKnowIsLeftOutForOlder) {
  const plan::Workload master = Workloads(json::object()).at(0);
  EXPECT_FALSE(ContainerBody(kCluster, master, {1, 43})["Healthcheck"].contains("StartInterval"));
  EXPECT_TRUE(ContainerBody(kCluster, master, {1, 44})["Healthcheck"].contains("StartInterval"));
}

TEST(ContainerBodyTest, TheProbeIsFoundAgainInTheLabels) {
  const plan::Workload master = Workloads(json::object()).at(0);
  ASSERT_OK_AND_ASSIGN(const plan::Probe probe, ReadProbe(ContainerLabels(kCluster, master)));
  EXPECT_EQ(probe.host, "127.0.0.1");
  EXPECT_EQ(probe.rpc_port, 19998);
  EXPECT_EQ(probe.web_port, 19999);
  EXPECT_EQ(probe.path, "/api/v1/master/info");
  for (const char* text : {"", "{", "[]", "{}", R"({"host": 7})"})
    EXPECT_THAT(ReadProbe({{"headpond.dev/probe", text}}), StatusIs(Code::kNotFound)) << text;
}

}  // namespace
}  // namespace headpond::runtime
