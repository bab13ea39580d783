#include "operator/api/cache_cluster.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/api/manifest.h"
#include "testing/status_matchers.h"

namespace headpond::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

json Object(json spec = json::object()) {
  return {{"apiVersion", "headpond.dev/v1alpha1"},
          {"kind", "CacheCluster"},
          {"metadata", {{"name", "a"}}},
          {"spec", std::move(spec)}};
}

std::string ErrorsOf(const json& object) {
  return JoinIssues(CheckCacheCluster(object).errors);
}

TEST(CacheClusterTest, AnEmptySpecIsTheDefaultCluster) {
  json object = Object();
  object.erase("spec");
  ASSERT_OK_AND_ASSIGN(const CacheCluster cluster, ReadCacheCluster(object));
  EXPECT_EQ(cluster.metadata.name, "a");
  EXPECT_EQ(cluster.metadata.name_space, "default");
  EXPECT_EQ(cluster.spec.master_replicas, 1);
  EXPECT_EQ(cluster.spec.worker_replicas, 1);
  EXPECT_EQ(cluster.spec.master_ports.rpc, 19998);
  EXPECT_EQ(cluster.spec.master_ports.web, 19999);
  EXPECT_EQ(cluster.spec.worker_ports.rpc, 29999);
  EXPECT_EQ(cluster.spec.worker_ports.web, 30000);
  EXPECT_EQ(cluster.spec.bind_host, "127.0.0.1");
  ASSERT_THAT(cluster.spec.tiers, SizeIs(1));
  EXPECT_EQ(cluster.spec.tiers[0].alias, "MEM");
  EXPECT_EQ(cluster.spec.tiers[0].quota_bytes, int64_t{1} << 30);
  EXPECT_TRUE(cluster.spec.root_ufs.shared);
}

TEST(CacheClusterTest, ReadsEveryField) {
  ASSERT_OK_AND_ASSIGN(const CacheCluster cluster, ReadCacheCluster(Object(json::parse(R"({
      "paused": true, "terminationGracePeriodSeconds": 3,
      "network": {"hostname": "h.example", "bindHost": "0.0.0.0"},
      "ports": {"master": {"rpc": 1, "web": 2}, "worker": {"rpc": 3, "web": 4}},
      "rootUfs": {"uri": "/data", "options": {"k": "v"}, "readOnly": true, "shared": false},
      "master": {"journal": {"folder": "/j"}, "properties": {"alluxio.a": "1"}},
      "worker": {"replicas": 2, "properties": {"alluxio.b": "2"}, "tieredStore": {"levels": [
        {"alias": "SSD", "quota": "2Gi", "highWatermark": 0.9, "lowWatermark": 0.5,
         "dirs": [{"path": "/s1"}, {"path": "/s2", "quota": "1Gi"}]}]}},
      "properties": {"alluxio.c": "3"}, "env": [{"name": "A", "value": "x"}, {"name": "B"}]})"))));
  const CacheClusterSpec& spec = cluster.spec;
  EXPECT_TRUE(spec.paused);
  EXPECT_EQ(spec.termination_grace_period_seconds, 3);
  EXPECT_EQ(spec.hostname, "h.example");
  EXPECT_EQ(spec.worker_ports.web, 4);
  EXPECT_EQ(spec.root_ufs.uri, "/data");
  EXPECT_THAT(spec.root_ufs.options, ElementsAre(Pair("k", "v")));
  EXPECT_TRUE(spec.root_ufs.read_only);
  EXPECT_FALSE(spec.root_ufs.shared);
  EXPECT_EQ(spec.journal_folder, "/j");
  EXPECT_THAT(spec.master_properties, ElementsAre(Pair("alluxio.a", "1")));
  EXPECT_THAT(spec.worker_properties, ElementsAre(Pair("alluxio.b", "2")));
  EXPECT_THAT(spec.properties, ElementsAre(Pair("alluxio.c", "3")));
  EXPECT_THAT(spec.env, ElementsAre(Pair("A", "x"), Pair("B", "")));
  ASSERT_THAT(spec.tiers, SizeIs(1));
  ASSERT_THAT(spec.tiers[0].dirs, SizeIs(2));
  EXPECT_EQ(spec.tiers[0].dirs[0].quota_bytes, int64_t{2} << 30);
  EXPECT_EQ(spec.tiers[0].dirs[1].quota_bytes, int64_t{1} << 30);
  EXPECT_EQ(spec.tiers[0].low_watermark, 0.5);
}

TEST(CacheClusterTest, ReadsBackWhatItWrites) {
  ASSERT_OK_AND_ASSIGN(CacheCluster cluster,
                       ReadCacheCluster(Object({{"worker", {{"replicas", 3}}}})));
  cluster.metadata.uid = "u";
  cluster.metadata.generation = 4;
  cluster.metadata.labels = {{"l", "1"}};
  cluster.metadata.annotations = {{std::string(kDeleteDataAnnotation), "true"}};
  cluster.metadata.creation_timestamp = "2026-01-02T03:04:05Z";
  cluster.metadata.deletion_timestamp = "2026-01-02T03:04:06Z";
  const json written = ToJson(cluster);
  ASSERT_OK_AND_ASSIGN(const CacheCluster again, ReadCacheCluster(written));
  EXPECT_EQ(ToJson(again), written);
  EXPECT_EQ(again.spec_json, cluster.spec_json);
}

TEST(CacheClusterTest, ChecksTheHeader) {
  json object = Object();
  object["kind"] = "CacheKluster";
  EXPECT_EQ(ErrorsOf(object), R"(kind: "CacheKluster" is not supported; use CacheCluster)");
  object = Object();
  object["apiVersion"] = "headpond.dev/v2";
  EXPECT_THAT(ErrorsOf(object), HasSubstr("use headpond.dev/v1alpha1"));
  object = Object();
  object.erase("metadata");
  EXPECT_EQ(ErrorsOf(object), "metadata.name: is required");
  for (const json& bad : {json("A"), json("a_b"), json("-a"), json("a-"), json(""), json(12),
                          json(std::string(53, 'a'))}) {
    object["metadata"] = {{"name", bad}};
    EXPECT_THAT(ErrorsOf(object), HasSubstr("metadata.name: must be 1 to 52 lower-case")) << bad;
  }
  object = Object();
  object["spek"] = json::object();
  EXPECT_THAT(CheckCacheCluster(object).warnings,
              ElementsAre(FieldIssue{"spek", "unknown field, ignored; did you mean spec?"}));
  EXPECT_THAT(ErrorsOf(json::array()), HasSubstr("must be a map"));
}

TEST(CacheClusterTest, ChecksRulesBetweenFields) {
  const auto levels = [](const char* text) {
    return Object({{"worker", {{"tieredStore", {{"levels", json::parse(text)}}}}}});
  };
  EXPECT_EQ(ErrorsOf(levels(R"([{"alias": "MEM", "quota": "1Gi", "lowWatermark": 0.95}])")),
            "spec.worker.tieredStore.levels[0].lowWatermark: 0.95 is not below highWatermark 0.95");
  EXPECT_THAT(
      ErrorsOf(levels(R"([{"alias": "HDD", "quota": "1Gi"}, {"alias": "MEM", "quota": "1Gi"}])")),
      HasSubstr("levels[1].alias: MEM is faster than the level before it"));
  EXPECT_THAT(ErrorsOf(levels(R"([{"alias": "SSD", "quota": "1Gi", "dirs": [{"path": "/d"}]},
                                  {"alias": "HDD", "quota": "1Gi", "dirs": [{"path": "/d"}]}])")),
              HasSubstr("levels[1].dirs[0].path: \"/d\" belongs to another level already"));
  EXPECT_EQ(ErrorsOf(Object({{"properties", {{"alluxio.master.rpc.port", "1"}}}})),
            "spec.properties[alluxio.master.rpc.port]: is set by the operator; use "
            "spec.ports.master.rpc");
  EXPECT_THAT(
      ErrorsOf(Object(
          {{"worker", {{"properties", {{"alluxio.worker.tieredstore.level0.alias", "MEM"}}}}}})),
      HasSubstr("spec.worker.properties[alluxio.worker.tieredstore.level0.alias]"));
}

TEST(CacheClusterTest, ChecksWhereDockerEnginesAre) {
  const auto docker = [](const char* text, json rest = json::object()) {
    rest["runtime"] = {{"type", "docker"}, {"docker", json::parse(text)}};
    return ErrorsOf(Object(rest));
  };
  EXPECT_EQ(docker(R"({"endpoint": "tcp://lab:2376", "tlsSecret": "lab"})"), "");
  EXPECT_THAT(
      docker(R"({"endpoint": "ssh://lab"})"),
      HasSubstr("spec.runtime.docker.endpoint: \"ssh://lab\" is not unix:///path or tcp://"));
  EXPECT_EQ(docker(R"({"endpoint": "tcp://lab", "context": "lab"})"),
            "spec.runtime.docker.context: endpoint is given, too; leave one of them out");
  EXPECT_EQ(docker(R"({"endpoint": "unix:///s", "tlsSecret": "lab"})"),
            "spec.runtime.docker.tlsSecret: needs an endpoint of tcp://");
  EXPECT_EQ(docker(R"({"nodes": [{"name": "a"}]})"),
            "spec.runtime.docker.masterNodes: is required with nodes");
  EXPECT_EQ(docker(R"({"masterNodes": ["a"]})"), "spec.runtime.docker.masterNodes: needs nodes");
  EXPECT_EQ(docker(R"({"nodes": [{"name": "a"}], "masterNodes": ["b"]})"),
            "spec.runtime.docker.masterNodes[0]: there is no node b");
  EXPECT_EQ(docker(R"({"endpoint": "tcp://lab", "nodes": [{"name": "a"}], "masterNodes": ["a"]})"),
            "spec.runtime.docker.nodes: an engine is named beside them: leave endpoint and context "
            "out");
  EXPECT_EQ(docker(R"({"nodes": [{"name": "a"}], "masterNodes": ["a"]})",
                   {{"network", {{"mode", "bridge"}}}}),
            "spec.network.mode: several nodes need mode host: a bridge ends at its engine");
  EXPECT_EQ(docker(R"({"nodes": [{"name": "a", "workers": [0]}, {"name": "b", "workers": [0]}],
                       "masterNodes": ["a"]})",
                   {{"worker", {{"replicas", 2}}}}),
            "spec.runtime.docker.nodes[1].workers[0]: worker 0 is on node a already; "
            "spec.runtime.docker.nodes: no node takes worker 1: name it in a node's workers, or "
            "give a node no workers, so that it takes what is left");
  EXPECT_EQ(docker(R"({"nodes": [{"name": "a", "workers": [0, 0]}], "masterNodes": ["a"]})"),
            "spec.runtime.docker.nodes[0].workers: a worker is there twice");
  EXPECT_THAT(docker(R"({"nodes": [{"name": "a"}, {"name": "a"}], "masterNodes": ["a"]})"),
              HasSubstr("nodes[1].name: \"a\" is there twice"));
  EXPECT_THAT(ErrorsOf(Object({{"runtime", {{"docker", {{"context", "lab"}}}}}})),
              HasSubstr("spec.runtime.docker: needs runtime.type docker"));
}

TEST(CacheClusterTest, CountsPortsOnEachNode) {
  const auto ports = [](const char* nodes) {
    return ErrorsOf(Object({{"runtime",
                             {{"type", "docker"},
                              {"docker", {{"nodes", json::parse(nodes)}, {"masterNodes", {"a"}}}}}},
                            {"ports",
                             {{"master", {{"rpc", 20000}, {"web", 20001}}},
                              {"worker", {{"rpc", 20000}, {"web", 20001}}}}}}));
  };
  EXPECT_EQ(ports(R"([{"name": "a", "workers": []}, {"name": "b"}])"), "");
  EXPECT_THAT(ports(R"([{"name": "a"}, {"name": "b"}])"),
              HasSubstr("spec.ports.worker.rpc: port 20000 is spec.ports.master.rpc and also "
                        "spec.ports.worker.rpc on node a"));
}

TEST(CacheClusterTest, MastersStayWhereTheirJournalsAre) {
  const auto cluster = [](const char* docker) {
    return ReadCacheCluster(
               Object({{"runtime", {{"type", "docker"}, {"docker", json::parse(docker)}}}}))
        .value_or(CacheCluster{.spec_json = "{}"});
  };
  const CacheCluster before = cluster(R"({"nodes": [{"name": "a"}], "masterNodes": ["a"]})");
  EXPECT_THAT(CheckUpdate(before, cluster(R"({"nodes": [{"name": "b"}, {"name": "a"}],
                                              "masterNodes": ["a"]})")),
              ::testing::IsEmpty());
  EXPECT_THAT(JoinIssues(CheckUpdate(before, cluster(R"({"nodes": [{"name": "b"}, {"name": "a"}],
                                                         "masterNodes": ["b"]})"))),
              HasSubstr("spec.runtime.docker.masterNodes: cannot change from"));
  EXPECT_THAT(JoinIssues(CheckUpdate(before, cluster("{}"))), HasSubstr("masterNodes"));
  EXPECT_THAT(JoinIssues(CheckUpdate(cluster("{}"), cluster(R"({"context": "lab"})"))),
              HasSubstr("spec.runtime.docker.context: cannot change"));
}

TEST(CacheClusterTest, ChecksPropertiesAgainstTheTable) {
  const Findings findings = CheckCacheCluster(Object(json::parse(R"({"properties": {
      "alluxio.user.block.size.bytes.default": "64 apples", "alluxio.user.blok.size.bytes.default": "64MB", "fs.own.key": "x"}})")));
  EXPECT_THAT(JoinIssues(findings.errors),
              AllOf(HasSubstr("spec.properties[alluxio.user.block.size.bytes.default]: "),
                    HasSubstr("64 apples")));
  EXPECT_THAT(JoinIssues(findings.warnings),
              HasSubstr("unknown property; did you mean alluxio.user.block.size.bytes.default?"));
  EXPECT_THAT(findings.warnings, SizeIs(1));
}

TEST(CacheClusterTest, PortsOfAllDaemonsDiffer) {
  EXPECT_EQ(
      ErrorsOf(Object({{"ports", {{"master", {{"rpc", 30000}}}}}})),
      "spec.ports.worker.web: port 30000 is spec.ports.master.rpc and also spec.ports.worker.web");
  EXPECT_EQ(ErrorsOf(Object({{"ports", {{"worker", {{"rpc", 29999}, {"web", 30009}}}}},
                             {"worker", {{"replicas", 2}}}})),
            "spec.ports.worker.web: port 30009 is spec.ports.worker.rpc + 10 (worker-1) and also "
            "spec.ports.worker.web");
  EXPECT_THAT(
      ErrorsOf(Object({{"ports", {{"worker", {{"rpc", 65530}}}}}, {"worker", {{"replicas", 2}}}})),
      HasSubstr("is above the last port 65535"));
}

TEST(CacheClusterTest, WhatOnlyContainersHaveNeedsThem) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"network": {"mode": "bridge"}})", "spec.network.mode: bridge needs runtime.type docker"},
      {R"({"image": "a"})", "spec.image: needs runtime.type docker or kubernetes"},
      {R"({"imagePullPolicy": "Always"})",
       "spec.imagePullPolicy: needs runtime.type docker or kubernetes"},
      {R"({"imageTars": ["/a"]})", "spec.imageTars: needs runtime.type docker"},
      {R"({"imagePullSecrets": [{"name": "a"}]})",
       "spec.imagePullSecrets: needs runtime.type docker or kubernetes"},
      {R"({"worker": {"shmSize": "2Gi"}})", "spec.worker.shmSize: needs runtime.type docker"},
      {R"({"master": {"resources": {"cpus": 1}}})",
       "spec.master.resources: needs runtime.type docker or kubernetes"},
      {R"({"container": {"user": "7:7"}})",
       "spec.container.user: needs runtime.type docker or kubernetes"},
      {R"({"container": {"capAdd": ["NET_RAW"]}})",
       "spec.container.capAdd: needs runtime.type docker"}};
  for (const auto& [spec, error] : cases) {
    EXPECT_EQ(ErrorsOf(Object(json::parse(spec))), error);
    json docker = json::parse(spec);
    docker["runtime"]["type"] = "docker";
    EXPECT_EQ(ErrorsOf(Object(docker)), "");
  }
}

TEST(CacheClusterTest, SecretsForPullsAreNamedOnce) {
  const auto docker = [](const char* secrets) {
    return Object({{"runtime", {{"type", "docker"}}}, {"imagePullSecrets", json::parse(secrets)}});
  };
  ASSERT_OK_AND_ASSIGN(const CacheCluster cluster,
                       ReadCacheCluster(docker(R"([{"name": "b"}, {"name": "a.c"}])")));
  EXPECT_THAT(cluster.spec.image_pull_secrets, ElementsAre("b", "a.c"));
  EXPECT_THAT(ErrorsOf(docker(R"([{"name": "a"}, {"name": "a"}])")),
              HasSubstr("spec.imagePullSecrets[1]"));
  EXPECT_THAT(ErrorsOf(docker(R"([{"name": "../a"}])")),
              HasSubstr("spec.imagePullSecrets[0].name"));
  EXPECT_THAT(ErrorsOf(docker(R"([{}])")), HasSubstr("spec.imagePullSecrets[0].name: is required"));
  EXPECT_THAT(ErrorsOf(docker(R"(["a"])")), HasSubstr("spec.imagePullSecrets[0]"));
}

TEST(CacheClusterTest, PodsRefuseWhatTheyCantHave) {
  const auto pods = [](const char* spec) {
    json made = json::parse(spec);
    made["runtime"]["type"] = "kubernetes";
    return ErrorsOf(Object(made));
  };
  const auto with_claim = [&](const char* spec) {
    json made = json::parse(spec);
    made["runtime"]["kubernetes"]["underStoreClaim"] = "lake";
    return pods(made.dump().c_str());
  };
  EXPECT_EQ(
      with_claim(
          R"({"image": "a", "imagePullSecrets": [{"name": "a"}], "worker": {"resources": {"memory": "2Gi"}},
                           "container": {"user": "7:7", "labels": {"team": "x"}}})"),
      "");
  EXPECT_EQ(pods(R"({"rootUfs": {"uri": "s3://bucket/a"}})"), "");
  EXPECT_EQ(with_claim(R"({"master": {"replicas": 3, "journal": {"type": "EMBEDDED"}}})"), "");
  EXPECT_THAT(pods("{}"), HasSubstr("spec.runtime.kubernetes.underStoreClaim: is required"));
  EXPECT_THAT(with_claim(R"({"rootUfs": {"uri": "s3://bucket/a"}})"),
              HasSubstr("spec.runtime.kubernetes.underStoreClaim: holds a folder"));
  const std::pair<const char*, const char*> cases[] = {
      {R"({"imageTars": ["/a"]})", "spec.imageTars: needs runtime.type docker"},
      {R"({"network": {"hostname": "h"}})", "spec.network.hostname: pods have a network"},
      {R"({"network": {"mode": "bridge"}})", "spec.network.mode: bridge needs"},
      {R"({"master": {"journal": {"folder": "/a"}}})", "spec.master.journal.folder: pods have no"},
      {R"({"master": {"replicas": 3, "journal": {"type": "UFS"}}})",
       "spec.master.journal.type: UFS is for one master"},
      {R"({"container": {"user": "0:7"}})", "spec.container.user: pods are not run as root"},
      {R"({"container": {"capAdd": ["NET_RAW"]}})", "spec.container.capAdd: pods are confined"},
      {R"({"worker": {"shmSize": "2Gi"}})", "spec.worker.shmSize: needs runtime.type docker"},
      {R"({"worker": {"resources": {"memory": "1Gi"}}})",
       "spec.worker.resources.memory: 1024.00MB is below 1344.00MB"},
      {R"({"worker": {"tieredStore": {"levels": [
           {"alias": "SSD", "quota": "1Gi", "dirs": [{"path": "/d"}]}]}}})",
       "spec.worker.tieredStore.levels[0].dirs: pods have no folders of the host"}};
  for (const auto& [spec, error] : cases) EXPECT_THAT(with_claim(spec), HasSubstr(error));
  EXPECT_THAT(
      with_claim(R"({"security": {"networkPolicy": true},
                             "runtime": {"kubernetes": {"hostNetwork": true}}})"),
      HasSubstr("spec.security.networkPolicy: has no effect on pods of the host's network"));
  EXPECT_THAT(ErrorsOf(Object({{"runtime", {{"kubernetes", {{"storageClass", "fast"}}}}}})),
              HasSubstr("spec.runtime.kubernetes: needs runtime.type kubernetes"));
}

TEST(CacheClusterTest, ABridgePublishesOnAnAddress) {
  const auto docker = [](json network) {
    return Object({{"runtime", {{"type", "docker"}}}, {"network", std::move(network)}});
  };
  EXPECT_EQ(ErrorsOf(docker({{"mode", "bridge"}, {"bindHost", "0.0.0.0"}})), "");
  EXPECT_THAT(ErrorsOf(docker({{"mode", "bridge"}, {"bindHost", "localhost"}})),
              HasSubstr("spec.network.bindHost: \"localhost\" is a name"));
  EXPECT_EQ(ErrorsOf(docker({{"name", "n"}})), "spec.network.name: needs network.mode bridge");
  EXPECT_EQ(ErrorsOf(docker({{"publish", false}})),
            "spec.network.publish: needs network.mode bridge");
}

TEST(CacheClusterTest, MemoryOfAWorkersContainerHoldsItsMemoryLevel) {
  const auto docker = [](const char* worker) {
    return Object({{"runtime", {{"type", "docker"}}}, {"worker", json::parse(worker)}});
  };
  EXPECT_EQ(ErrorsOf(docker(R"({"shmSize": "1Gi"})")), "");
  EXPECT_EQ(ErrorsOf(docker(R"({"shmSize": "1000Mi"})")),
            "spec.worker.shmSize: 1000.00MB can't hold the MEM level's quota of 1024.00MB");
  EXPECT_EQ(ErrorsOf(docker(R"({"resources": {"memory": "1344Mi"}})")), "");
  EXPECT_EQ(ErrorsOf(docker(R"({"resources": {"memory": "1343Mi"}})")),
            "spec.worker.resources.memory: 1343.00MB is below 1344.00MB: /dev/shm of 1088.00MB "
            "counts as the container's memory, and the worker itself needs 256.00MB");
  EXPECT_THAT(ErrorsOf(docker(R"({"tieredStore": {"levels": [
                  {"alias": "MEM", "quota": "1Gi", "dirs": [{"path": "/m"}]}]}})")),
              HasSubstr("spec.worker.tieredStore.levels[0].dirs: a MEM level of a container"));
}

TEST(CacheClusterTest, LabelsOfTheOperatorAreNotGiven) {
  EXPECT_EQ(
      ErrorsOf(Object(json::parse(
          R"({"runtime": {"type": "docker"}, "container": {"labels": {"headpond.dev/role": "x"}}})"))),
      "spec.container.labels[headpond.dev/role]: is set by the operator");
}

TEST(CacheClusterTest, BackupsToBeginWithAreNamedOnce) {
  const auto from = [](json backup) { return Object({{"bootstrap", {{"fromBackup", backup}}}}); };
  ASSERT_OK_AND_ASSIGN(const CacheCluster named, ReadCacheCluster(from({{"name", "b"}})));
  EXPECT_EQ(named.spec.bootstrap.backup, "b");
  EXPECT_TRUE(named.spec.bootstrap.wanted());
  ASSERT_OK_AND_ASSIGN(const CacheCluster file, ReadCacheCluster(from({{"uri", "/b/x.gz"}})));
  EXPECT_EQ(file.spec.bootstrap.uri, "/b/x.gz");
  ASSERT_OK_AND_ASSIGN(const CacheCluster none, ReadCacheCluster(Object(json::object())));
  EXPECT_FALSE(none.spec.bootstrap.wanted());
  EXPECT_EQ(ErrorsOf(from({{"name", "b"}, {"uri", "/b/x.gz"}})),
            "spec.bootstrap.fromBackup.uri: goes with no fromBackup.name: name the backup once");
  EXPECT_THAT(ErrorsOf(from({{"uri", "b/x.gz"}})), HasSubstr("an absolute path or a URI"));
  EXPECT_THAT(JoinIssues(CheckUpdate(none, file)),
              HasSubstr("spec.bootstrap.fromBackup.uri: cannot change"));
  EXPECT_THAT(JoinIssues(CheckUpdate(named, none)),
              HasSubstr("spec.bootstrap.fromBackup.name: cannot change"));
  EXPECT_THAT(
      ErrorsOf(Object({{"properties", {{"alluxio.master.journal.init.from.backup", "/b"}}}})),
      HasSubstr("use spec.bootstrap.fromBackup"));
}

TEST(CacheClusterTest, RefusesToChangeImmutableFields) {
  ASSERT_OK_AND_ASSIGN(const CacheCluster before,
                       ReadCacheCluster(Object({{"master", {{"journal", {{"folder", "/a"}}}}}})));
  ASSERT_OK_AND_ASSIGN(const CacheCluster after,
                       ReadCacheCluster(Object({{"worker", {{"replicas", 2}}}})));
  EXPECT_EQ(JoinIssues(CheckUpdate(before, after)),
            R"(spec.master.journal.folder: cannot change from "/a" to null after creation)");
  EXPECT_THAT(CheckUpdate(before, before), IsEmpty());
}

TEST(CacheClusterTest, MastersAreOddInNumberAndKeepAnEmbeddedJournal) {
  const auto errors_of = [](json master) {
    return ErrorsOf(Object({{"master", std::move(master)}}));
  };
  EXPECT_EQ(errors_of({{"replicas", 3}}), "");
  EXPECT_EQ(errors_of({{"replicas", 2}}),
            "spec.master.replicas: 2 masters bear no more failures than 1; use 1 or 3");
  EXPECT_EQ(errors_of({{"replicas", 3}, {"journal", {{"type", "UFS"}}}}),
            "spec.master.journal.type: UFS is for one master: nothing elects one of 3; use "
            "EMBEDDED");
  EXPECT_EQ(errors_of({{"replicas", 1}, {"journal", {{"type", "UFS"}}}}), "");
  EXPECT_EQ(ErrorsOf(Object(json::parse(R"({"master": {"replicas": 3}, "runtime": {"type": "docker",
                "docker": {"nodes": [{"name": "a"}, {"name": "b"}], "masterNodes": ["a", "b"]}}})"))),
            "spec.runtime.docker.masterNodes: 3 masters need a node each, so that the loss of one "
            "leaves a majority; name 3 different nodes");
}

TEST(CacheClusterTest, JournalPortsOfMastersCountOnlyWhenThereAreSeveral) {
  json spec = {{"ports", {{"master", {{"embedded", 29999}}}}}};
  EXPECT_EQ(ErrorsOf(Object(spec)), "");
  spec["master"]["replicas"] = 3;
  EXPECT_THAT(ErrorsOf(Object(spec)), HasSubstr("port 29999 is spec.ports.master.embedded"));
}

TEST(CacheClusterTest, SeveralMastersStayWhoTheyAre) {
  const auto change = [](json before, json after) {
    const auto from = ReadCacheCluster(Object(std::move(before)));
    const auto to = ReadCacheCluster(Object(std::move(after)));
    EXPECT_OK(from);
    EXPECT_OK(to);
    return JoinIssues(CheckUpdate(*from, *to));
  };
  const json three = {{"master", {{"replicas", 3}}}};
  const auto with = [](json spec, const char* pointer, json value) {
    spec[json::json_pointer(pointer)] = std::move(value);
    return spec;
  };
  const json five = {{"master", {{"replicas", 5}}}};
  EXPECT_EQ(change(json::object(), three), "");
  EXPECT_EQ(change(three, five), "");
  EXPECT_EQ(change(five, three), "");
  EXPECT_EQ(change(three, json::object()),
            "spec.master.replicas: cannot change from 3 to 1: several masters don't become one, 3 "
            "are the least; begin a cluster of one with a backup of this one "
            "(spec.bootstrap.fromBackup)");
  const std::string part =
      ": is part of the addresses by which the masters know each other; make another cluster";
  EXPECT_EQ(change(three, with(three, "/ports/master/embedded", 5000)),
            "spec.ports.master.embedded" + part);
  EXPECT_EQ(change(three, with(five, "/ports/master/embedded", 5000)),
            "spec.ports.master.embedded" + part);
  EXPECT_EQ(change(three, with(three, "/network/hostname", "h")), "spec.network.hostname" + part);
  EXPECT_EQ(change(three, with(three, "/ports/master/rpc", 5000)), "");
  const json bridge = json::parse(R"({"master": {"replicas": 3}, "runtime": {"type": "docker"},
                                      "network": {"mode": "bridge"}})");
  EXPECT_EQ(change(bridge, with(bridge, "/network/hostname", "h")), "");
  EXPECT_EQ(change(bridge, with(bridge, "/network/mode", "host")), "spec.network.mode" + part);
  const json nodes = json::parse(R"({"master": {"replicas": 3}, "runtime": {"type": "docker",
      "docker": {"masterNodes": ["a", "b", "c"], "nodes": [{"name": "a", "hostname": "h1"},
                 {"name": "b"}, {"name": "c"}, {"name": "d"}]}}})");
  EXPECT_EQ(change(nodes, with(nodes, "/runtime/docker/nodes/0/hostname", "h2")),
            "spec.runtime.docker.nodes[0].hostname" + part);
  EXPECT_EQ(change(nodes, with(nodes, "/runtime/docker/nodes/3/hostname", "h2")), "");
  EXPECT_EQ(change(json::object(), {{"network", {{"hostname", "h"}}}}), "") << "one may move";
}

TEST(ManifestTest, NamesFileAndLineOfEveryProblem) {
  const Manifest manifest = LoadManifest(
      "apiVersion: headpond.dev/v1alpha1\n"
      "kind: CacheCluster\n"
      "metadata: {name: a}\n"
      "spec:\n"
      "  worker:\n"
      "    replica: 2\n"
      "    tieredStore:\n"
      "      levels:\n"
      "      - alias: MEM\n"
      "        quota: 1X\n"
      "  network:\n"
      "    hostname: no\n",
      "a.yaml");
  EXPECT_THAT(manifest.clusters, IsEmpty());
  EXPECT_THAT(
      manifest.errors,
      ElementsAre(
          "a.yaml:12: spec.network.hostname: false is a boolean; must be a string: quote it",
          R"(a.yaml:10: spec.worker.tieredStore.levels[0].quota: "1X" is not a size; use e.g. 1Gi)"));
  EXPECT_THAT(
      manifest.warnings,
      ElementsAre("a.yaml:6: spec.worker.replica: unknown field, ignored; did you mean replicas?"));
}

TEST(ManifestTest, HoldsSeveralClustersWithDifferentNames) {
  const std::string header = "apiVersion: headpond.dev/v1alpha1\nkind: CacheCluster\n";
  const std::string a = header + "metadata: {name: a}\n", b = header + "metadata: {name: b}\n";
  EXPECT_THAT(LoadManifest(a + "---\n" + b, "f").clusters, SizeIs(2));
  const Manifest twice = LoadManifest(a + "---\n" + a, "f");
  EXPECT_THAT(twice.errors, ElementsAre("f:7: metadata.name: \"a\" is in this file twice"));
  EXPECT_THAT(twice.clusters, IsEmpty());
  EXPECT_THAT(LoadManifest("# nothing\n", "f").errors, ElementsAre("f: holds no object"));
  EXPECT_THAT(LoadManifest("a: [", "f").errors, SizeIs(1));
}

}  // namespace
}  // namespace headpond::api
