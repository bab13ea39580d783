#include "operator/plan/desired.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/plan/pods.h"
#include "testing/status_matchers.h"

namespace headpond::plan {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const Layout kLayout{.cluster_dir = "/state/demo", .memory_dir = "/dev/shm/headpond-7"};
const Layout kContainers{.cluster_dir = "/headpond", .memory_dir = "/dev/shm", .containers = true};

api::CacheCluster Cluster(json spec = json::object()) {
  auto cluster =
      api::ReadCacheCluster({{"apiVersion", api::kApiVersion},
                             {"kind", api::kCacheClusterKind},
                             {"metadata", {{"name", "demo"}, {"uid", "0123456789abcdef"}}},
                             {"spec", std::move(spec)}});
  EXPECT_OK(cluster);
  return cluster.ok() ? *std::move(cluster) : api::CacheCluster();
}

std::string Text(const Workload& w) {
  std::string text = fmt::format("{}\n  {}\n", w.name, fmt::join(w.args, "\n  "));
  for (const auto& [key, value] : w.env) text += fmt::format("env {}={}\n", key, value);
  for (const auto& [path, content] : w.files) text += fmt::format("file {}\n{}", path, content);
  for (const Port& port : w.ports)
    text += fmt::format("port {} {} ({})\n", port.name, port.number, port.field);
  for (const Volume& v : w.volumes) {
    text += fmt::format("volume {} kind {} {} {}\n", v.name, static_cast<int>(v.kind), v.path,
                        v.size_bytes);
    if (!v.mount.empty())
      text += fmt::format("  {}{} at {}\n", v.host_path, v.volume_name, v.mount);
    if (v.claim_bytes != 0) text += fmt::format("  claims {} {}\n", v.claim_bytes, v.storage_class);
  }
  text += fmt::format("probe {} {} {}{}\n", w.probe.host, w.probe.rpc_port, w.probe.web_port,
                      w.probe.path);
  text += fmt::format("bind {} logs {} grace {}\n", w.bind_host, w.logs_dir,
                      w.termination_grace.count());
  if (w.container)
    text += fmt::format("container {} policy {} network '{}' publish {} shm {} memory {} cpus {}\n",
                        w.container->image, static_cast<int>(w.container->pull_policy),
                        w.container->network, w.container->publish_ports, w.container->shm_bytes,
                        w.container->resources.memory_bytes, w.container->resources.cpus);
  return text;
}

TEST(DesiredTest, TheDefaultClusterIsOneMasterAndOneWorkerInMemory) {
  const auto workloads = Desired(Cluster(), kLayout);
  ASSERT_THAT(workloads, SizeIs(2));
  EXPECT_EQ(Text(workloads[0]),
            R"(demo-master-0
  master
  -Dalluxio.master.hostname=localhost
  -Dalluxio.master.bind.host=127.0.0.1
  -Dalluxio.master.rpc.port=19998
  -Dalluxio.master.web.bind.host=127.0.0.1
  -Dalluxio.master.web.port=19999
  -Dalluxio.master.journal.type=EMBEDDED
  -Dalluxio.master.journal.folder=/state/demo/volumes/demo-master-0/data/journal
  -Dalluxio.master.mount.table.root.ufs=/state/demo/under-store
  -Dalluxio.master.mount.table.root.readonly=false
  -Dalluxio.master.mount.table.root.shared=true
  -Dalluxio.conf.dir=/state/demo/conf/demo-master-0
  -Dalluxio.site.conf.dir=/state/demo/conf/demo-master-0
  -Dalluxio.logs.dir=/state/demo/logs/demo-master-0
  -Dalluxio.work.dir=/state/demo/volumes/demo-master-0/data
file /state/demo/conf/demo-master-0/alluxio-site.properties
port rpc 19998 (spec.ports.master.rpc)
port web 19999 (spec.ports.master.web)
volume state kind 0 /state/demo/volumes/demo-master-0 0
volume under-store kind 3 /state/demo/under-store 0
probe 127.0.0.1 19998 19999/api/v1/master/info
bind 127.0.0.1 logs /state/demo/logs/demo-master-0 grace 10
)");
  EXPECT_EQ(Text(workloads[1]),
            R"(demo-worker-0
  worker
  -Dalluxio.master.hostname=localhost
  -Dalluxio.master.rpc.port=19998
  -Dalluxio.worker.hostname=localhost
  -Dalluxio.worker.bind.host=127.0.0.1
  -Dalluxio.worker.rpc.port=29999
  -Dalluxio.worker.web.bind.host=127.0.0.1
  -Dalluxio.worker.web.port=30000
  -Dalluxio.worker.tieredstore.levels=1
  -Dalluxio.worker.tieredstore.level0.alias=MEM
  -Dalluxio.worker.tieredstore.level0.dirs.path=/dev/shm/headpond-7/demo-worker-0-01234567/data
  -Dalluxio.worker.tieredstore.level0.dirs.mediumtype=MEM
  -Dalluxio.worker.tieredstore.level0.dirs.quota=1073741824
  -Dalluxio.worker.tieredstore.level0.watermark.high.ratio=0.95
  -Dalluxio.worker.tieredstore.level0.watermark.low.ratio=0.7
  -Dalluxio.conf.dir=/state/demo/conf/demo-worker-0
  -Dalluxio.site.conf.dir=/state/demo/conf/demo-worker-0
  -Dalluxio.logs.dir=/state/demo/logs/demo-worker-0
  -Dalluxio.work.dir=/state/demo/volumes/demo-worker-0/data
file /state/demo/conf/demo-worker-0/alluxio-site.properties
port rpc 29999 (spec.ports.worker.rpc)
port web 30000 (spec.ports.worker.web)
volume state kind 1 /state/demo/volumes/demo-worker-0 0
volume tier0-dir0 kind 2 /dev/shm/headpond-7/demo-worker-0-01234567 1073741824
probe 127.0.0.1 29999 30000/api/v1/worker/info
bind 127.0.0.1 logs /state/demo/logs/demo-worker-0 grace 10
)");
}

TEST(DesiredTest, ABridgeOfContainersPublishesItsPorts) {
  const auto workloads = Desired(Cluster(json::parse(R"({"runtime": {"type": "docker"},
      "image": "r.example/headpond:1", "network": {"mode": "bridge", "hostname": "cache.example", "bindHost": "0.0.0.0"},
      "rootUfs": {"uri": "/lake"}, "worker": {"replicas": 2, "resources": {"memory": "3Gi", "cpus": 1.5}}})")),
                                 kContainers);
  ASSERT_THAT(workloads, SizeIs(3));
  EXPECT_EQ(Text(workloads[0]),
            R"(demo-master-0
  master
  --no-format
  -Dalluxio.master.hostname=cache.example
  -Dalluxio.master.bind.host=0.0.0.0
  -Dalluxio.master.rpc.port=19998
  -Dalluxio.master.web.bind.host=0.0.0.0
  -Dalluxio.master.web.port=19999
  -Dalluxio.master.journal.type=EMBEDDED
  -Dalluxio.master.journal.folder=/headpond/volumes/demo-master-0/data/journal
  -Dalluxio.master.mount.table.root.ufs=/lake
  -Dalluxio.master.mount.table.root.readonly=false
  -Dalluxio.master.mount.table.root.shared=true
  -Dalluxio.conf.dir=/headpond/conf/demo-master-0
  -Dalluxio.site.conf.dir=/headpond/conf/demo-master-0
  -Dalluxio.logs.dir=/headpond/volumes/demo-master-0/logs
  -Dalluxio.work.dir=/headpond/volumes/demo-master-0/data
file /headpond/conf/demo-master-0/alluxio-site.properties
port rpc 19998 (spec.ports.master.rpc)
port web 19999 (spec.ports.master.web)
volume state kind 0 /headpond/volumes/demo-master-0 0
  demo-master-0-state at /headpond/volumes/demo-master-0
volume under-store kind 3 /lake 0
  /lake at /lake
probe 127.0.0.1 19998 19999/api/v1/master/info
bind 0.0.0.0 logs /headpond/volumes/demo-master-0/logs grace 10
container r.example/headpond:1 policy 1 network 'default-demo' publish true shm 0 memory 0 cpus 0
)");
  EXPECT_EQ(Text(workloads[2]),
            R"(demo-worker-1
  worker
  --no-format
  -Dalluxio.master.hostname=demo-master-0
  -Dalluxio.master.rpc.port=19998
  -Dalluxio.worker.hostname=cache.example
  -Dalluxio.worker.bind.host=0.0.0.0
  -Dalluxio.worker.rpc.port=30009
  -Dalluxio.worker.web.bind.host=0.0.0.0
  -Dalluxio.worker.web.port=30010
  -Dalluxio.worker.tieredstore.levels=1
  -Dalluxio.worker.tieredstore.level0.alias=MEM
  -Dalluxio.worker.tieredstore.level0.dirs.path=/dev/shm/demo-worker-1-01234567/data
  -Dalluxio.worker.tieredstore.level0.dirs.mediumtype=MEM
  -Dalluxio.worker.tieredstore.level0.dirs.quota=1073741824
  -Dalluxio.worker.tieredstore.level0.watermark.high.ratio=0.95
  -Dalluxio.worker.tieredstore.level0.watermark.low.ratio=0.7
  -Dalluxio.conf.dir=/headpond/conf/demo-worker-1
  -Dalluxio.site.conf.dir=/headpond/conf/demo-worker-1
  -Dalluxio.logs.dir=/headpond/volumes/demo-worker-1/logs
  -Dalluxio.work.dir=/headpond/volumes/demo-worker-1/data
file /headpond/conf/demo-worker-1/alluxio-site.properties
port rpc 30009 (spec.ports.worker.rpc)
port web 30010 (spec.ports.worker.web)
volume state kind 1 /headpond/volumes/demo-worker-1 0
  demo-worker-1-state at /headpond/volumes/demo-worker-1
volume under-store kind 3 /lake 0
  /lake at /lake
volume tier0-dir0 kind 2 /dev/shm/demo-worker-1-01234567 1073741824
probe 127.0.0.1 30009 30010/api/v1/worker/info
bind 0.0.0.0 logs /headpond/volumes/demo-worker-1/logs grace 10
container r.example/headpond:1 policy 1 network 'default-demo' publish true shm 1140850688 memory 3221225472 cpus 1.5
)");
}

TEST(DesiredTest, WithoutPublishedPortsWorkersAreKnownByTheirNames) {
  const auto workloads = Desired(Cluster(json::parse(R"({"runtime": {"type": "docker"},
      "network": {"mode": "bridge", "publish": false}})")),
                                 kContainers);
  EXPECT_THAT(workloads[1].args, Contains("-Dalluxio.worker.hostname=demo-worker-0"));
  EXPECT_EQ(workloads[1].probe.host, "");
}

TEST(DesiredTest, ContainersKeepTheirDataOnVolumesAndChosenFolders) {
  const auto workloads = Desired(Cluster(json::parse(R"({"runtime": {"type": "docker"},
      "master": {"journal": {"folder": "/j"}}, "worker": {"tieredStore": {"levels": [
        {"alias": "SSD", "quota": "1Gi"}, {"alias": "HDD", "quota": "1Gi", "dirs": [{"path": "/d"}]}]}}})")),
                                 kContainers);
  const auto mounts = [](const Workload& workload) {
    std::vector<std::string> found;
    for (const Volume& v : workload.volumes)
      found.push_back(
          fmt::format("{}{} at {} holds {}", v.host_path, v.volume_name, v.mount, v.path));
    return found;
  };
  EXPECT_THAT(
      mounts(workloads[0]),
      ElementsAre("demo-master-0-state at /headpond/volumes/demo-master-0 holds "
                  "/headpond/volumes/demo-master-0",
                  "/j at /j holds /j/demo-master-0",
                  "demo-under-store at /headpond/under-store holds /headpond/under-store/data"));
  EXPECT_THAT(workloads[0].args,
              Contains("-Dalluxio.master.journal.folder=/j/demo-master-0/data/journal"));
  EXPECT_THAT(
      mounts(workloads[1]),
      ElementsAre("demo-worker-0-state at /headpond/volumes/demo-worker-0 holds "
                  "/headpond/volumes/demo-worker-0",
                  "demo-under-store at /headpond/under-store holds /headpond/under-store/data",
                  "demo-worker-0-SSD at /headpond/volumes/demo-worker-0-SSD holds "
                  "/headpond/volumes/demo-worker-0-SSD",
                  "/d at /d holds /d/demo-worker-0"));
}

TEST(DesiredTest, WorkersOfOneHostShareNeitherPortsNorFolders) {
  const auto workloads =
      Desired(Cluster(json::parse(R"({"worker": {"replicas": 3, "tieredStore": {"levels": [
      {"alias": "MEM", "quota": "1Gi"}, {"alias": "SSD", "quota": "10Gi", "dirs": [{"path": "/d1"}, {"path": "/d2", "quota": "5Gi"}]},
      {"alias": "HDD", "quota": "20Gi"}]}}})")),
              kLayout);
  ASSERT_THAT(workloads, SizeIs(4));
  EXPECT_EQ(workloads[3].ports[0].number, 30019);
  EXPECT_EQ(workloads[3].ports[1].number, 30020);
  EXPECT_THAT(workloads[3].args, Contains("-Dalluxio.worker.rpc.port=30019"));
  EXPECT_THAT(workloads[3].args, Contains("-Dalluxio.worker.tieredstore.level1.dirs.path=/d1/"
                                          "demo-worker-2/data,/d2/demo-worker-2/data"));
  EXPECT_THAT(workloads[3].args,
              Contains("-Dalluxio.worker.tieredstore.level1.dirs.quota=10737418240,5368709120"));
  EXPECT_THAT(workloads[3].args,
              Contains("-Dalluxio.worker.tieredstore.level1.dirs.mediumtype=SSD,SSD"));
  std::set<std::string> paths;
  std::set<int> ports;
  for (const Workload& workload : workloads) {
    for (const Volume& volume : workload.volumes)
      EXPECT_TRUE(paths.insert(volume.path).second) << volume.path;
    for (const Port& port : workload.ports)
      EXPECT_TRUE(ports.insert(port.number).second) << port.number;
  }
}

TEST(DesiredTest, PortsAreNotShiftedWhereEveryDaemonHasItsOwnNetwork) {
  Layout layout = kLayout;
  layout.shared_host = false;
  for (const Workload& workload : Desired(Cluster({{"worker", {{"replicas", 3}}}}), layout))
    if (workload.role == Role::kWorker) {
      EXPECT_EQ(workload.ports[0].number, 29999);
    }
}

TEST(DesiredTest, PropertiesAndMountOptionsStayOutOfCommandLines) {
  const auto workloads = Desired(Cluster(json::parse(R"({
      "properties": {"alluxio.user.a": "1", "alluxio.user.b": "1"}, "master": {"properties": {"alluxio.user.b": "2"}},
      "rootUfs": {"uri": "s3://bucket/x", "options": {"s3a.secretKey": "hush"}}})")),
                                 kLayout);
  for (const Workload& workload : workloads)
    for (const std::string& arg : workload.args) {
      EXPECT_THAT(arg, Not(HasSubstr("hush")));
      EXPECT_THAT(arg, Not(HasSubstr("alluxio.user.")));
    }
  EXPECT_EQ(workloads[0].files.begin()->second,
            "alluxio.master.mount.table.root.option.s3a.secretKey=hush\nalluxio.user.a=1\nalluxio."
            "user.b=2\n");
  EXPECT_EQ(workloads[1].files.begin()->second, "alluxio.user.a=1\nalluxio.user.b=1\n");
}

TEST(DesiredTest, APropertyThatTheSiteFileCannotSetGoesOnTheCommandLine) {
  const auto workloads = Desired(
      Cluster({{"properties",
                {{"alluxio.master.skip.root.acl.check", "true"}, {"alluxio.debug", "true"}}}}),
      kLayout);
  EXPECT_THAT(workloads[0].args, Contains("-Dalluxio.master.skip.root.acl.check=true"));
  EXPECT_EQ(workloads[0].files.begin()->second, "alluxio.debug=true\n");
}

TEST(DesiredTest, PropertiesTextEscapesWhatTheFormatGivesAMeaning) {
  EXPECT_EQ(PropertiesText({{"a b=:#!", " x=y \\ \n\t#é😀"}}),
            "a\\ b\\=\\:\\#\\!=\\ x=y \\\\ \\n\\t#\\u00e9\\ud83d\\ude00\n");
}

TEST(DesiredTest, TheHashChangesWithTheConfigurationOnly) {
  const auto before = Desired(Cluster(), kLayout);
  const auto grace = Desired(
      Cluster({{"terminationGracePeriodSeconds", 60}, {"worker", {{"replicas", 2}}}}), kLayout);
  const auto changed =
      Desired(Cluster({{"worker", {{"properties", {{"alluxio.x", "1"}}}}}}), kLayout);
  EXPECT_EQ(before[0].ConfigHash(), grace[0].ConfigHash());
  EXPECT_EQ(before[1].ConfigHash(), grace[1].ConfigHash());
  EXPECT_EQ(before[0].ConfigHash(), changed[0].ConfigHash());
  EXPECT_NE(before[1].ConfigHash(), changed[1].ConfigHash());
  EXPECT_EQ(before[0].ConfigHash().size(), 16u);
}

TEST(DesiredTest, ALimitThatIsThereChangesWithoutARestart) {
  const auto with = [](json resources) {
    return Desired(Cluster({{"runtime", {{"type", "docker"}}},
                            {"worker", {{"resources", std::move(resources)}}}}),
                   kContainers)
        .at(1);
  };
  const auto before = with({{"memory", "4Gi"}, {"cpus", 1}});
  const auto after = with({{"memory", "5Gi"}, {"cpus", 2.5}});
  EXPECT_EQ(before.ConfigHash(), after.ConfigHash());
  EXPECT_EQ(after.container->limits(), (Limits{int64_t{5} << 30, 2'500'000'000}));
  EXPECT_NE(before.ConfigHash(), with({{"memory", "4Gi"}}).ConfigHash())
      << "none can be taken away";
}

// On which nodes pods run.
bool IsOfPods(std::string_view field) {
  return field.find(".placement.") != field.npos || field.ends_with("priorityClassName");
}

// A value for the field that differs from its default; null when there is no other.
json OtherValue(const api::Field& field) {
  static const std::map<std::string_view, json> chosen = {
      {"network.hostname", "other"},
      {"master.replicas", 3},
      {"network.bindHost", "127.0.0.2"},
      {"image", "other:1"},
      {"runtime.docker.nodes[].name", "other"},
      {"runtime.docker.nodes[].workers[]", 1},
      {"runtime.docker.masterNodes[]", "a"},
      {"runtime.kubernetes.storageClass", "fast"},
      {"runtime.kubernetes.underStoreClaim", "pool"},
      {"imagePullPolicy", "Never"},
      {"imagePullSecrets[].name", "regcred"},
      {"worker.resources.memory", "4Gi"},
      {"container.user", "7:7"},
      {"container.capDrop[]", "NET_RAW"},
      {"container.capAdd[]", "SYS_NICE"},
      {"container.ulimits[].name", "nproc"},
      {"container.pidsLimit", 100},
      {"container.ulimits[].soft", 3},
      {"container.ulimits[].hard", 4},
      {"worker.tieredStore.levels[].alias", "MEM"}};
  if (const auto found = chosen.find(field.path); found != chosen.end()) return found->second;
  if (field.path.ends_with("tolerationSeconds")) return 7;
  switch (field.type) {
    case api::FieldType::kBoolean: return field.default_json != "true";
    case api::FieldType::kStringMap: return {{"alluxio.some.key", "v"}};
    case api::FieldType::kSize: return "1234Mi";
    case api::FieldType::kNumber: return 0.8;
    case api::FieldType::kString:
      if (field.path.ends_with("hostname") || IsOfPods(field.path)) return "other";
      return field.path.ends_with("name") ? json("NAME") : json("/other");
    case api::FieldType::kEnum: return field.values.size() > 1 ? json(field.values[1]) : json();
    case api::FieldType::kInteger: {
      const json usual = json::parse(field.default_json);
      return usual.get<double>() + 5 <= field.max ? json(usual.get<int>() + 5) : json();
    }
    default: return nullptr;
  }
}

// "a.b[].c" in JSON pointer form, with the first item of each list.
json::json_pointer Pointer(std::string_view path) {
  std::string text = "/";
  for (const char c : path) {
    if (c == '.')
      text += '/';
    else if (c == '[')
      text += "/0";
    else if (c != ']')
      text += c;
  }
  return json::json_pointer(text);
}

// One of which shows the effect of a field: what only containers have needs docker.
json BaseFor(std::string_view field) {
  json base = json::parse(R"({"env": [{"name": "A"}], "worker": {"tieredStore": {"levels": [
      {"alias": "SSD", "quota": "1Gi", "dirs": [{"path": "/m"}]}, {"alias": "HDD", "quota": "1Gi"}]}}})");
  static const std::set<std::string_view> of_containers = {
      "image",        "imagePullPolicy", "imageTars",      "imagePullSecrets", "network.mode",
      "network.name", "network.publish", "worker.shmSize", "master.resources", "worker.resources"};
  if (field == "ports.master.embedded") base["master"]["replicas"] = 3;
  const bool container = field.starts_with("container") ||
                         std::ranges::any_of(of_containers, [&](std::string_view start) {
                           return field.starts_with(start);
                         });
  if (field.starts_with("runtime.docker"))
    base["runtime"] = json::parse(R"({"type": "docker", "docker": {"masterNodes": ["b"],
        "nodes": [{"name": "a", "workers": [0]}, {"name": "b"}]}})");
  const bool of_pods = IsOfPods(field);
  if (of_pods || field.starts_with("runtime.kubernetes"))
    base = json::parse(
        R"({"runtime": {"type": "kubernetes", "kubernetes": {"underStoreClaim": "lake"}}})");
  if (of_pods)
    base[std::string(field.substr(0, field.find('.')))]["placement"] = json::parse(R"({
        "nodeAffinity": [{"key": "zone", "operator": "In", "values": ["a"]}],
        "tolerations": [{"key": "busy", "effect": "NoExecute"}],
        "topologySpread": [{"topologyKey": "rack"}]})");
  if (!container) return base;
  base["runtime"]["type"] = "docker";
  if (field != "network.mode") base["network"]["mode"] = "bridge";
  base["container"] = json::parse(R"({"ulimits": [{"name": "nofile", "soft": 1, "hard": 2}],
      "tmpfs": [{"path": "/t", "size": "1Mi"}], "devices": [{"path": "/dev/a"}]})");
  return base;
}

TEST(DesiredTest, NodesHaveTheirOwnHostsAndWorkers) {
  const api::CacheCluster cluster = Cluster(json::parse(R"({
      "runtime": {"type": "docker", "docker": {
          "nodes": [{"name": "a", "hostname": "a.example"},
                    {"name": "b", "hostname": "b.example"},
                    {"name": "c", "workers": [1]}],
          "masterNodes": ["b"]}},
      "worker": {"replicas": 5}})"));
  const std::vector<Workload> workloads = Desired(cluster, kContainers);
  std::vector<std::string> places;
  for (const Workload& workload : workloads)
    places.push_back(
        fmt::format("{} {} {}", workload.name, workload.node, workload.ports.at(0).number));
  EXPECT_THAT(places, ElementsAre("demo-master-0 b 19998", "demo-worker-0 a 29999",
                                  "demo-worker-1 c 30009", "demo-worker-2 b 30019",
                                  "demo-worker-3 a 30029", "demo-worker-4 b 30039"));
  const auto has = [&](size_t index, const char* arg) {
    EXPECT_THAT(workloads[index].args, ::testing::Contains(arg));
  };
  has(0, "-Dalluxio.master.hostname=b.example");
  for (size_t worker = 1; worker < workloads.size(); ++worker) {
    has(worker, "-Dalluxio.master.hostname=b.example");
    has(worker, "-Dalluxio.master.rpc.port=19998");
  }
  has(1, "-Dalluxio.worker.hostname=a.example");
  has(2, "-Dalluxio.worker.hostname=localhost");
}

TEST(DesiredTest, ThreeMastersKnowEachOtherAndAllOthersKnowThem) {
  const auto workloads = Desired(Cluster({{"master", {{"replicas", 3}}}}), kLayout);
  ASSERT_THAT(workloads, SizeIs(4));
  EXPECT_EQ(Text(workloads[1]),
            R"(demo-master-1
  master
  -Dalluxio.master.hostname=localhost
  -Dalluxio.master.bind.host=127.0.0.1
  -Dalluxio.master.rpc.port=20008
  -Dalluxio.master.web.bind.host=127.0.0.1
  -Dalluxio.master.web.port=20009
  -Dalluxio.master.journal.type=EMBEDDED
  -Dalluxio.master.journal.folder=/state/demo/volumes/demo-master-1/data/journal
  -Dalluxio.master.embedded.journal.addresses=localhost:19200,localhost:19210,localhost:19220
  -Dalluxio.master.embedded.journal.port=19210
  -Dalluxio.master.rpc.addresses=localhost:19998,localhost:20008,localhost:20018
  -Dalluxio.standby.master.web.enabled=true
  -Dheadpond.master.journal.rejoin=true
  -Dheadpond.master.journal.share=true
  -Dalluxio.master.mount.table.root.ufs=/state/demo/under-store
  -Dalluxio.master.mount.table.root.readonly=false
  -Dalluxio.master.mount.table.root.shared=true
  -Dalluxio.conf.dir=/state/demo/conf/demo-master-1
  -Dalluxio.site.conf.dir=/state/demo/conf/demo-master-1
  -Dalluxio.logs.dir=/state/demo/logs/demo-master-1
  -Dalluxio.work.dir=/state/demo/volumes/demo-master-1/data
file /state/demo/conf/demo-master-1/alluxio-site.properties
port rpc 20008 (spec.ports.master.rpc)
port web 20009 (spec.ports.master.web)
port embedded 19210 (spec.ports.master.embedded)
volume state kind 0 /state/demo/volumes/demo-master-1 0
volume under-store kind 3 /state/demo/under-store 0
probe 127.0.0.1 20008 20009/api/v1/master/quorum
bind 127.0.0.1 logs /state/demo/logs/demo-master-1 grace 10
)");
  EXPECT_EQ(workloads[1].quorum_address, "localhost:19210");
  EXPECT_THAT(workloads[3].args,
              Contains("-Dalluxio.master.rpc.addresses=localhost:19998,localhost:20008,"
                       "localhost:20018"));
  EXPECT_THAT(workloads[3].args, Not(Contains(HasSubstr("alluxio.master.hostname"))));
}

TEST(DesiredTest, MastersOnABridgeKnowEachOtherByNameAndClientsByThePublishedPorts) {
  const auto workloads = Desired(Cluster(json::parse(R"({"runtime": {"type": "docker"},
      "master": {"replicas": 3},
      "network": {"mode": "bridge", "hostname": "cache.example", "bindHost": "0.0.0.0"}})")),
                                 kContainers);
  const std::vector<std::string>& args = workloads[2].args;
  EXPECT_THAT(args, Contains("-Dalluxio.master.hostname=demo-master-2"));
  EXPECT_THAT(args, Contains("-Dalluxio.master.embedded.journal.addresses=demo-master-0:19200,"
                             "demo-master-1:19210,demo-master-2:19220"));
  EXPECT_THAT(args, Contains("-Dalluxio.master.rpc.addresses=cache.example:19998,"
                             "cache.example:20008,cache.example:20018"));
  EXPECT_THAT(workloads[3].args,
              Contains("-Dalluxio.master.rpc.addresses=demo-master-0:19998,demo-master-1:20008,"
                       "demo-master-2:20018"));
  EXPECT_TRUE(workloads[2].ports.at(2).internal);
}

TEST(DesiredTest, MastersOnNodesKnowEachOtherByTheNodesNames) {
  const auto workloads = Desired(Cluster(json::parse(R"({"master": {"replicas": 3},
      "runtime": {"type": "docker", "docker": {"masterNodes": ["a", "b", "c"], "nodes": [
          {"name": "a", "hostname": "a.example"}, {"name": "b", "hostname": "b.example"},
          {"name": "c", "hostname": "c.example"}]}}})")),
                                 kContainers);
  EXPECT_THAT(workloads[1].args,
              Contains("-Dalluxio.master.embedded.journal.addresses=a.example:19200,"
                       "b.example:19210,c.example:19220"));
  EXPECT_EQ(workloads[1].node, "b");
  EXPECT_EQ(workloads[1].quorum_address, "b.example:19210");
}

TEST(DesiredTest, EveryFieldOfTheSpecHasAnEffect) {
  // Its effect is on the operator, on the command of the image or on what is beside a daemon, not
  // on the daemon's description.
  const std::set<std::string_view> of_the_operator = {"paused",
                                                      "security.networkPolicy",
                                                      "bootstrap.fromBackup.name",
                                                      "runtime.docker.endpoint",
                                                      "runtime.docker.context",
                                                      "runtime.docker.tlsSecret",
                                                      "runtime.docker.nodes[].endpoint",
                                                      "runtime.docker.nodes[].context",
                                                      "runtime.docker.nodes[].tlsSecret"};
  const auto text_of = [](const json& spec) {
    const api::CacheCluster cluster = Cluster(spec);
    const api::RuntimeType type = cluster.spec.runtime_type;
    const Layout layout = type == api::RuntimeType::kKubernetes ? PodLayout()
                          : type == api::RuntimeType::kDocker   ? kContainers
                                                                : kLayout;
    std::string text;
    for (const Workload& workload : Desired(cluster, layout)) {
      const Container container = workload.container.value_or(Container());
      text += Text(workload) + workload.node + workload.ConfigHash() +
              fmt::format("{} {}", fmt::join(container.image_tars, " "),
                          fmt::join(container.pull_secrets, " "));
    }
    return text;
  };
  int tried = 0;
  for (const api::Field& field : api::CacheClusterFields()) {
    json value = OtherValue(field);
    if (value.is_null() || of_the_operator.contains(field.path)) continue;
    if (field.path == "runtime.type") continue;
    const json base = BaseFor(field.path);
    json spec = base;
    spec[Pointer(field.path)] = value;
    // A level's own quota counts where it has no directories of its own.
    if (field.path == "worker.tieredStore.levels[].quota")
      spec[json::json_pointer("/worker/tieredStore/levels/1/quota")] = value;
    EXPECT_NE(text_of(spec), text_of(base)) << field.path << " is silent";
    ++tried;
  }
  EXPECT_GT(tried, 40);
}

}  // namespace
}  // namespace headpond::plan
