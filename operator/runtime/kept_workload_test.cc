#include "operator/runtime/kept_workload.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/plan/desired.h"
#include "testing/status_matchers.h"

namespace headpond::runtime {
namespace {

using nlohmann::json;

// Everything that a spec can say about daemons and their containers.
const json kSpec = json::parse(R"({
    "runtime": {"type": "docker", "docker": {"nodes": [{"name": "a"}], "masterNodes": ["a"]}},
    "image": "r.example/i:1", "imagePullPolicy": "Never", "imageTars": ["/t.tar"],
    "terminationGracePeriodSeconds": 3, "rootUfs": {"uri": "/data", "options": {"k": "v"}},
    "env": [{"name": "A", "value": "\u00e9"}],
    "worker": {"shmSize": "2Gi", "resources": {"memory": "4Gi", "cpus": 1.5}, "tieredStore": {
        "levels": [{"alias": "MEM", "quota": "1Gi"},
                   {"alias": "SSD", "quota": "1Gi", "dirs": [{"path": "/disk"}]}]}},
    "imagePullSecrets": [{"name": "a"}],
    "container": {"user": "7:8", "readOnlyRoot": true, "capAdd": ["SYS_NICE"], "pidsLimit": 200,
        "ulimits": [{"name": "nofile", "soft": 1, "hard": 2}], "labels": {"l": "1"},
        "tmpfs": [{"path": "/t", "size": "1Mi"}], "devices": [{"path": "/dev/a"}],
        "logs": {"maxSize": "1Mi", "maxFiles": 7}}})");

TEST(KeptWorkloadTest, AContainersWorkloadComesBackWithItsConfiguration) {
  ASSERT_OK_AND_ASSIGN(const api::CacheCluster cluster,
                       api::ReadCacheCluster({{"apiVersion", "headpond.dev/v1alpha1"},
                                              {"kind", "CacheCluster"},
                                              {"metadata", {{"name", "demo"}}},
                                              {"spec", kSpec}}));
  for (const plan::Workload& workload : plan::Desired(cluster, plan::ContainerLayout())) {
    const json kept = KeptToJson(workload);
    const plan::Workload again = ParseKept(json::parse(kept.dump()));
    EXPECT_EQ(again.ConfigHash(), workload.ConfigHash());
    EXPECT_EQ(KeptToJson(again), kept);
    EXPECT_EQ(again.node, "a");
    EXPECT_EQ(again.container->limits(), workload.container->limits());
    EXPECT_EQ(again.container->image_tars, workload.container->image_tars);
    EXPECT_EQ(again.container->pull_secrets, workload.container->pull_secrets);
  }
}

}  // namespace
}  // namespace headpond::runtime
