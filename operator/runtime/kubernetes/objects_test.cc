#include "operator/runtime/kubernetes/objects.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/plan/desired.h"
#include "operator/plan/pods.h"
#include "operator/runtime/kept_workload.h"
#include "operator/runtime/kubernetes/pod_state.h"
#include "testing/status_matchers.h"

namespace headpond::runtime::k8s {
namespace {

using nlohmann::json;
using plan::Phase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const ClusterRef kCluster{
    .name_space = "lab", .name = "demo", .uid = "0123456789abcdef", .object_uid = "fedcba"};
const plan::RestartPolicy kPolicy;

std::vector<plan::Workload> Workloads(json spec, const std::string& name = "demo") {
  spec["runtime"]["type"] = "kubernetes";
  auto cluster = api::ReadCacheCluster(
      {{"apiVersion", api::kApiVersion},
       {"kind", api::kCacheClusterKind},
       {"metadata", {{"name", name}, {"namespace", "lab"}, {"uid", kCluster.uid}}},
       {"spec", std::move(spec)}});
  EXPECT_OK(cluster);
  return cluster.ok() ? plan::Desired(*cluster, plan::PodLayout()) : std::vector<plan::Workload>();
}

json Spec(const char* text = "{}") {
  json spec = json::parse(text);
  spec["runtime"]["kubernetes"]["underStoreClaim"] = "lake";
  return spec;
}

json PodSpecOf(const plan::Workload& workload) {
  return StatefulSetOf(kCluster, workload, {}).object->at("spec").at("template").at("spec");
}

const json& VolumeNamed(const json& pod, const std::string& name) {
  for (const json& volume : pod.at("volumes"))
    if (volume.at("name") == name) return volume;
  static const json none;
  return none;
}

TEST(KubernetesObjectsTest, AWorkersPodWithEverything) {
  const auto workloads = Workloads(Spec(R"({
      "image": "r.example/headpond:1", "imagePullPolicy": "Always", "rootUfs": {"uri": "/lake"},
      "imagePullSecrets": [{"name": "regcred"}, {"name": "other"}],
      "runtime": {"kubernetes": {"storageClass": "fast"}},
      "env": [{"name": "A", "value": "b c"}],
      "worker": {"resources": {"memory": "3Gi", "cpus": 0.5}, "tieredStore": {"levels": [
        {"alias": "MEM", "quota": "1Gi"}, {"alias": "SSD", "quota": "100Mi"}]}},
      "container": {"user": "7:8", "tmpfs": [{"path": "/tmp", "size": "1Mi"}], "labels": {"team": "a"}}})"));
  const plan::Workload& worker = workloads.at(1);
  json set = *StatefulSetOf(kCluster, worker, {}).object;
  EXPECT_EQ(set["metadata"]["name"], "demo-worker-0");
  EXPECT_EQ(set["metadata"]["ownerReferences"][0]["uid"], "fedcba");
  EXPECT_EQ(set["spec"]["updateStrategy"]["type"], "OnDelete");
  EXPECT_EQ(set["spec"]["serviceName"], "demo-pods");
  const json labels = set["spec"]["template"]["metadata"]["labels"];
  EXPECT_EQ(labels["team"], "a");
  EXPECT_EQ(labels["app.kubernetes.io/component"], "worker");
  EXPECT_EQ(labels["headpond.dev/cluster-uid"], kCluster.uid);
  for (const auto& [key, value] : set["spec"]["selector"]["matchLabels"].items())
    EXPECT_EQ(labels[key], value);
  json pod = set["spec"]["template"]["spec"];
  EXPECT_EQ(pod["imagePullSecrets"], json::parse(R"([{"name": "regcred"}, {"name": "other"}])"));
  EXPECT_THAT(pod["containers"], SizeIs(1));
  json container = pod["containers"][0];
  EXPECT_EQ(container["args"][0], "worker");
  EXPECT_THAT(container["args"], ::testing::Contains("-Dalluxio.worker.hostname="
                                                     "demo-worker-0-0.demo-pods.lab.svc"));
  EXPECT_THAT(container["args"],
              ::testing::Contains("-Dalluxio.master.hostname=demo-master-0.lab.svc"));
  EXPECT_EQ(container["readinessProbe"]["httpGet"],
            (json{{"path", "/api/v1/worker/info"}, {"port", 30000}}));
  for (const char* const checked :
       {"args", "startupProbe", "readinessProbe", "livenessProbe", "terminationMessagePolicy"})
    container.erase(checked);
  EXPECT_EQ(container, json::parse(R"({
      "name": "headpond", "image": "r.example/headpond:1", "imagePullPolicy": "Always",
      "env": [{"name": "A", "value": "b c"}, {"name": "HEADPOND_CLUSTER", "value": "lab/demo"},
              {"name": "HEADPOND_WORKLOAD", "value": "demo-worker-0"}],
      "ports": [{"name": "rpc", "containerPort": 29999, "protocol": "TCP"},
                {"name": "web", "containerPort": 30000, "protocol": "TCP"}],
      "resources": {"requests": {"cpu": "500m", "memory": "3221225472"},
                    "limits": {"cpu": "500m", "memory": "3221225472"}},
      "volumeMounts": [
        {"name": "state", "mountPath": "/headpond/volumes/demo-worker-0"},
        {"name": "under-store", "mountPath": "/lake"},
        {"name": "tier0-dir0", "mountPath": "/dev/shm"},
        {"name": "tier1-dir0", "mountPath": "/headpond/volumes/demo-worker-0-SSD"},
        {"name": "files", "mountPath": "/headpond/conf/demo-worker-0", "readOnly": true},
        {"name": "tmpfs-0", "mountPath": "/tmp"}],
      "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                          "capabilities": {"drop": ["ALL"]}}})"));
  EXPECT_EQ(pod["securityContext"], json::parse(R"({
      "runAsNonRoot": true, "runAsUser": 7, "runAsGroup": 8, "fsGroup": 8,
      "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}})"));
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  ASSERT_THAT(pod["initContainers"], SizeIs(1));
  EXPECT_EQ(pod["initContainers"][0]["command"].back(), worker.host);
  EXPECT_EQ(pod["initContainers"][0]["securityContext"], container["securityContext"]);
  EXPECT_EQ(VolumeNamed(pod, "tier0-dir0")["emptyDir"],
            json::parse(R"({"medium": "Memory", "sizeLimit": "1127428915"})"));
  EXPECT_EQ(VolumeNamed(pod, "tier1-dir0")["persistentVolumeClaim"]["claimName"],
            "demo-worker-0-ssd");
  EXPECT_EQ(VolumeNamed(pod, "under-store")["persistentVolumeClaim"]["claimName"], "lake");
  EXPECT_EQ(VolumeNamed(pod, "state")["emptyDir"], json::object());
  const json claim = *ClaimOf(kCluster, worker, worker.volumes.at(3)).object;
  EXPECT_EQ(claim["spec"], json::parse(R"({"accessModes": ["ReadWriteOnce"],
      "storageClassName": "fast", "resources": {"requests": {"storage": "110100480"}}})"));
  EXPECT_FALSE(claim["metadata"].contains("ownerReferences"));
}

TEST(KubernetesObjectsTest, TheJournalIsClaimedAndMemoryIsAskedFor) {
  const auto workloads = Workloads(Spec(R"({"runtime": {"kubernetes": {"journalSize": "2Gi"}}})"));
  const plan::Workload& master = workloads.at(0);
  EXPECT_EQ(VolumeNamed(PodSpecOf(master), "state")["persistentVolumeClaim"]["claimName"],
            "demo-master-0-state");
  EXPECT_EQ((*ClaimOf(kCluster, master, master.volumes.at(0)).object)["spec"],
            json::parse(R"({"accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "2147483648"}}})"));
  const int64_t tier = 1 << 30;
  EXPECT_EQ(PodSpecOf(workloads.at(1))["containers"][0]["resources"]["requests"]["memory"],
            std::to_string(tier + api::kWorkerHeapBytes));
}

TEST(KubernetesObjectsTest, ClaimsAreReadAsKubernetesWritesThem) {
  const auto claimed = [](const char* text) {
    return ClaimedBytes({{"spec", {{"resources", {{"requests", {{"storage", text}}}}}}}});
  };
  EXPECT_EQ(claimed("2147483648"), int64_t{2} << 30);
  EXPECT_EQ(claimed("2Gi"), int64_t{2} << 30);
  EXPECT_EQ(claimed("1.5G"), 1'500'000'000);
  EXPECT_EQ(claimed("1e3k"), 1'000'000);
  EXPECT_EQ(claimed("much"), 0);
  EXPECT_EQ(ClaimedBytes(json::object()), 0);
}

TEST(KubernetesObjectsTest, AnUnderStoreElsewhereNeedsNoVolume) {
  const auto workloads = Workloads(json::parse(R"({"rootUfs": {"uri": "s3://bucket/a",
      "options": {"s3a.secretKey": "hush"}}})"));
  EXPECT_TRUE(VolumeNamed(PodSpecOf(workloads.at(0)), "under-store").is_null());
  EXPECT_THAT(StatefulSetOf(kCluster, workloads.at(0), {}).object->dump(), Not(HasSubstr("hush")));
}

TEST(KubernetesObjectsTest, SeveralMastersWaitForEachOther) {
  const auto workloads = Workloads(Spec(R"({"master": {"replicas": 3}})"));
  const plan::Workload& master = workloads.at(1);
  const json pod = PodSpecOf(master);
  const json& container = pod.at("containers").at(0);
  EXPECT_THAT(container.at("args"),
              ::testing::Contains("-Dalluxio.master.embedded.journal.addresses="
                                  "demo-master-0.lab.svc:19200,demo-master-1.lab.svc:19200,"
                                  "demo-master-2.lab.svc:19200"));
  // Without a leader none is ready, but none is killed for that either.
  EXPECT_EQ(container.at("readinessProbe").at("httpGet").at("path"), "/api/v1/master/quorum");
  EXPECT_EQ(container.at("livenessProbe").at("tcpSocket"), (json{{"port", 19999}}));
  EXPECT_FALSE(container.at("livenessProbe").contains("httpGet"));
  for (const Wanted& wanted : SharedObjects(kCluster, master)) {
    const json& spec = wanted.object->at("spec");
    const std::string name = kube::NameOf(*wanted.object).name;
    if (name == "demo-masters") {
      EXPECT_EQ(spec.at("maxUnavailable"), 1);
    } else if (spec.contains("ports")) {
      // Only masters talk to each other's journals.
      EXPECT_EQ(spec.at("ports").dump().find("embedded") != std::string::npos, name != "demo");
    }
  }
}

TEST(KubernetesObjectsTest, NetworkPoliciesOpenWhatIsServedAndTheJournalToMasters) {
  ClusterRef cluster = kCluster;
  const auto workloads = Workloads(Spec(R"({"master": {"replicas": 3}})"));
  const auto policies = [&](const plan::Workload& workload) {
    std::vector<json> found;
    for (const Wanted& wanted : SharedObjects(cluster, workload))
      if (wanted.resource.plural == kPolicies.plural) found.push_back(*wanted.object);
    return found;
  };
  EXPECT_THAT(policies(workloads.front()), SizeIs(0));
  cluster.network_policy = true;
  ASSERT_THAT(policies(workloads.front()), SizeIs(1));
  const json masters = policies(workloads.front()).front();
  EXPECT_EQ(masters["metadata"]["name"], "demo-masters");
  const json pods = json::parse(R"({"matchLabels": {
      "headpond.dev/cluster-uid": "0123456789abcdef", "app.kubernetes.io/component": "master"}})");
  json accepted = json::parse(R"([
      {"ports": [{"port": "rpc", "protocol": "TCP"}, {"port": "web", "protocol": "TCP"}]},
      {"ports": [{"port": "embedded", "protocol": "TCP"}]}])");
  accepted[1]["from"] = json::array({{{"podSelector", pods}}});
  EXPECT_EQ(masters["spec"], (json{{"podSelector", pods},
                                   {"policyTypes", json::array({"Ingress"})},
                                   {"ingress", accepted}}));
  const json workers = policies(workloads.back()).front();
  EXPECT_EQ(workers["metadata"]["name"], "demo-workers");
  EXPECT_THAT(workers["spec"]["ingress"], SizeIs(1));
}

TEST(KubernetesObjectsTest, OnlyOneOfSeveralMastersIsAskedAndOnlyWhileItRuns) {
  const auto pod_of = [](const plan::Workload& workload) {
    return json{
        {"spec", PodSpecOf(workload)},
        {"status",
         {{"podIP", "fd00::7"},
          {"containerStatuses", json::array({{{"state", {{"running", {{"startedAt", ""}}}}}}})}}}};
  };
  json pod = pod_of(Workloads(Spec(R"({"master": {"replicas": 3}})")).at(2));
  const auto probe = QuorumProbe(pod);
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->host, "[fd00::7]");
  EXPECT_EQ(probe->rpc_port, 19998);
  EXPECT_EQ(probe->web_port, 19999);
  EXPECT_EQ(probe->path, "/api/v1/master/quorum");
  pod["status"]["containerStatuses"][0]["state"] = {{"waiting", {{"reason", "PodInitializing"}}}};
  EXPECT_FALSE(QuorumProbe(pod));
  const auto alone = Workloads(Spec());
  EXPECT_FALSE(QuorumProbe(pod_of(alone.at(0))));
  EXPECT_FALSE(QuorumProbe(pod_of(alone.at(1))));
}

TEST(KubernetesObjectsTest, PodsOfARoleArePlacedApartByDefault) {
  const auto workloads = Workloads(Spec());
  const json pod = PodSpecOf(workloads.at(1));
  const json same = json::parse(R"({"matchLabels": {
      "headpond.dev/cluster-uid": "0123456789abcdef", "app.kubernetes.io/component": "worker"}})");
  EXPECT_EQ(pod["affinity"], (json{{"podAntiAffinity",
                                    {{"preferredDuringSchedulingIgnoredDuringExecution",
                                      json::array({{{"weight", 100},
                                                    {"podAffinityTerm",
                                                     {{"topologyKey", "kubernetes.io/hostname"},
                                                      {"labelSelector", same}}}}})}}}}));
  EXPECT_EQ(pod["topologySpreadConstraints"],
            json::array({{{"maxSkew", 1},
                          {"topologyKey", "topology.kubernetes.io/zone"},
                          {"whenUnsatisfiable", "ScheduleAnyway"},
                          {"labelSelector", same}}}));
  for (const char* const field : {"nodeSelector", "tolerations", "priorityClassName"})
    EXPECT_FALSE(pod.contains(field));
}

TEST(KubernetesObjectsTest, ASpecSaysWhereItsPodsRun) {
  const auto workloads = Workloads(Spec(R"({
      "master": {"placement": {"antiAffinity": "Required"}},
      "worker": {"priorityClassName": "high", "placement": {"antiAffinity": "None",
        "nodeSelector": {"disk": "nvme"},
        "nodeAffinity": [{"key": "rack", "operator": "NotIn", "values": ["7"]}],
        "tolerations": [{"key": "cache", "operator": "Exists", "effect": "NoSchedule"}],
        "topologySpread": [{"topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}]}}})"));
  const json master = PodSpecOf(workloads.at(0)), worker = PodSpecOf(workloads.at(1));
  EXPECT_EQ(master["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                  [0]["topologyKey"],
            "kubernetes.io/hostname");
  EXPECT_FALSE(master.contains("nodeSelector"));
  EXPECT_EQ(worker["affinity"], json::parse(R"({"nodeAffinity": {
      "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "rack", "operator": "NotIn", "values": ["7"]}]}]}}})"));
  EXPECT_EQ(worker["nodeSelector"], json::parse(R"({"disk": "nvme"})"));
  EXPECT_EQ(worker["tolerations"],
            json::parse(R"([{"key": "cache", "operator": "Exists", "effect": "NoSchedule"}])"));
  EXPECT_EQ(worker["topologySpreadConstraints"][0]["whenUnsatisfiable"], "DoNotSchedule");
  EXPECT_EQ(worker["topologySpreadConstraints"][0]["maxSkew"], 1);
  EXPECT_EQ(worker["priorityClassName"], "high");
  EXPECT_EQ(ParseKept(KeptToJson(workloads.at(1))).ConfigHash(), workloads.at(1).ConfigHash());
  EXPECT_NE(workloads.at(1).ConfigHash(), Workloads(Spec()).at(1).ConfigHash());
}

TEST(KubernetesObjectsTest, OnTheNodesNetworkPortsAreTheNodes) {
  const auto plain = Workloads(Spec("{}"));
  const auto shared = Workloads(Spec(R"({"runtime": {"kubernetes": {"hostNetwork": true}}})"));
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_NE(plain[i].ConfigHash(), shared[i].ConfigHash());
    json own = PodSpecOf(plain[i]), pod = PodSpecOf(shared[i]);
    EXPECT_FALSE(own.contains("hostNetwork") || own.contains("dnsPolicy"));
    EXPECT_EQ(pod["hostNetwork"], true);
    EXPECT_EQ(pod["dnsPolicy"], "ClusterFirstWithHostNet") << "names of Services";
    EXPECT_EQ(pod["containers"][0]["args"], own["containers"][0]["args"]) << "same names and ports";
    for (const json& port : pod["containers"][0]["ports"])
      EXPECT_EQ(port.at("hostPort"), port.at("containerPort"));
  }
}

TEST(KubernetesObjectsTest, LimitsArePartOfTheConfiguration) {
  const auto hash = [](const char* spec) { return Workloads(Spec(spec)).at(1).ConfigHash(); };
  EXPECT_NE(hash(R"({"worker": {"resources": {"memory": "2Gi"}}})"),
            hash(R"({"worker": {"resources": {"memory": "3Gi"}}})"));
}

TEST(KubernetesObjectsTest, LongNamesAreCutAndStayApart) {
  const std::string name(52, 'a');
  const auto workloads = Workloads(Spec(R"({"worker": {"replicas": 2}})"), name);
  EXPECT_LE(workloads.at(0).name.size(), plan::kMaxStatefulSetName);
  EXPECT_NE(workloads.at(1).name, workloads.at(2).name);
  const ClusterRef cluster{"lab", name, "uid"};
  for (const plan::Workload& workload : workloads)
    for (const Wanted& wanted : SharedObjects(cluster, workload))
      EXPECT_LE(kube::NameOf(*wanted.object).name.size(), 63u);
  EXPECT_EQ(plan::ShortName("short", 10), "short");
  EXPECT_LE(plan::ShortName("12345678-2345678-and-more", 17).size(), 17u);
}

// What a StatefulSet and its pod say of a daemon.
class PodStateTest : public ::testing::Test {
 protected:
  plan::ObservedWorkload Seen(json container, const char* more = "{}") {
    json pod = json::parse(R"({"metadata": {"uid": "p", "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [{"uid": "s"}]}, "spec": {}, "status": {"phase": "Running"}})");
    if (!container.is_null()) pod["status"]["containerStatuses"] = json::array({container});
    pod.merge_patch(json::parse(more));
    return Look(set_, &pod, kPolicy);
  }
  json set_ = json::parse(R"({"metadata": {"uid": "s", "name": "d-master-0", "labels": {
      "headpond.dev/workload": "d-master-0", "app.kubernetes.io/component": "master"},
      "annotations": {"headpond.dev/config-hash": "h"}}, "spec": {"replicas": 1}})");
};

TEST_F(PodStateTest, RunsAndServesWhenThePodIsReady) {
  const json running =
      json::parse(R"({"state": {"running": {"startedAt": "2026-01-01T00:00:05Z"}}})");
  EXPECT_FALSE(Seen(running).serving);
  const auto ready =
      Seen(running, R"({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})");
  EXPECT_TRUE(ready.serving);
  EXPECT_EQ(ready.phase, Phase::kRunning);
  EXPECT_EQ(ready.config_hash, "h");
  EXPECT_EQ(Seen(running, R"({"metadata": {"annotations": {"headpond.dev/config-hash": "old"}}})")
                .config_hash,
            "old");
}

TEST_F(PodStateTest, ACrashTellsItsLastWordsAndIsCounted) {
  const json crashed =
      json::parse(R"({"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
      "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "no journal\n",
        "startedAt": "2026-01-01T00:00:05Z", "finishedAt": "2026-01-01T00:00:06Z"}}})");
  const auto seen = Seen(crashed);
  EXPECT_EQ(seen.phase, Phase::kExited);
  EXPECT_EQ(seen.crashes, 3);
  EXPECT_EQ(seen.reason, "Crashed");
  EXPECT_EQ(seen.message, "exited with code 1; last output: no journal");
  set_["metadata"]["annotations"][kRecordAnnotation] =
      RecordText({.crashes = 4, .counted_pod = "p", .counted_exits = 3});
  EXPECT_EQ(Seen(crashed).crashes, 4);
}

TEST_F(PodStateTest, AnImageThatIsMissingBeforeTheDaemonsTurnIsAFailedStart) {
  const auto seen = Seen(json::parse(R"({"state": {"waiting": {"reason": "PodInitializing"}}})"),
                         R"({"status": {"initContainerStatuses": [{"state": {"waiting": {
                             "reason": "ErrImagePull", "message": "no such image"}}}]}})");
  EXPECT_TRUE(seen.start_failed);
  EXPECT_EQ(seen.reason, "ImagePullFailed");
  EXPECT_EQ(seen.message, "ErrImagePull: no such image");
}

TEST_F(PodStateTest, AKillForMemoryNamesTheField) {
  const auto seen =
      Seen(json::parse(R"({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}})"));
  EXPECT_EQ(seen.reason, "OutOfMemory");
  EXPECT_THAT(seen.message, HasSubstr("resources.memory"));
}

TEST_F(PodStateTest, APodWithoutANodeSaysWhy) {
  const auto seen =
      Seen(nullptr, R"({"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled",
      "status": "False", "message": "0/2 nodes are available: 2 Insufficient memory."}]}})");
  EXPECT_EQ(seen.phase, Phase::kRunning);
  EXPECT_THAT(seen.message, HasSubstr("Insufficient memory"));
}

// As kube-controller-manager marks pods of a node whose kubelet it doesn't hear of.
TEST_F(PodStateTest, ANodeThatDoesNotAnswerIsNamed) {
  const json running = json::parse(R"({"state": {"running": {}}, "ready": true})");
  json pod = json::parse(R"({"spec": {"nodeName": "n2"}, "status": {"conditions": [
      {"type": "ContainersReady", "status": "True"}, {"type": "Ready", "status": "False"}]}})");
  auto seen = Seen(running, pod.dump().c_str());
  EXPECT_TRUE(seen.cut_off);
  EXPECT_FALSE(seen.serving);
  EXPECT_EQ(seen.scheduled_to, "n2");
  EXPECT_EQ(seen.phase, Phase::kRunning);
  EXPECT_EQ(seen.message, "node n2 does not answer");
  pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:05:00Z";
  seen = Seen(running, pod.dump().c_str());
  EXPECT_TRUE(seen.cut_off);
  EXPECT_EQ(seen.phase, Phase::kStopping);
  pod["metadata"].erase("deletionTimestamp");
  pod["status"]["conditions"][1]["reason"] = "ReadinessGatesNotReady";
  seen = Seen(running, pod.dump().c_str());
  EXPECT_FALSE(seen.cut_off);
  EXPECT_EQ(seen.scheduled_to, "n2");
}

TEST_F(PodStateTest, WhatIsNotWantedStopsUntilItsPodIsGone) {
  set_["spec"]["replicas"] = 0;
  EXPECT_EQ(Seen(json::parse(R"({"state": {"running": {}}})")).phase, Phase::kStopping);
  const auto gone = Look(set_, nullptr, kPolicy);
  EXPECT_EQ(gone.phase, Phase::kExited);
  EXPECT_EQ(gone.crashes, 0);
}

TEST_F(PodStateTest, AnEarlierStatefulSetsPodIsInTheWay) {
  EXPECT_EQ(Seen(json::parse(R"({"state": {"running": {}}})"),
                 R"({"metadata": {"ownerReferences": [{"uid": "other"}]}})")
                .phase,
            Phase::kStopping);
}

}  // namespace
}  // namespace headpond::runtime::k8s
