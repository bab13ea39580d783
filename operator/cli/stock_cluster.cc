#include "operator/cli/stock_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <vector>

#include "base/units.h"
#include "operator/api/cache_cluster.h"
#include "operator/api/limits.h"
#include "operator/cli/stock_values.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;

constexpr const char* kDefaultName = "alluxio";
constexpr std::string_view kRootUfs = "alluxio.master.mount.table.root.";
constexpr std::string_view kInitFromBackup = "alluxio.master.journal.init.from.backup";
// Where the stock image has its under-store, unless it is told otherwise.
constexpr std::string_view kStockUnderStore = "/opt/alluxio/underFSStorage";

// A key that may be absent, or null, which is the same.
const json& At(const json& object, std::initializer_list<const char*> names) {
  static const json none;
  const json* at = &object;
  for (const char* const name : names) {
    const auto found = at->is_object() ? at->find(name) : at->end();
    if (!at->is_object() || found == at->end()) return none;
    at = &*found;
  }
  return *at;
}

std::string TextAt(const json& object, std::initializer_list<const char*> names) {
  return ScalarText(At(object, names));
}

std::vector<std::string> Parts(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

bool IsFolder(const std::string& uri) {
  return uri.empty() || uri.starts_with('/') || uri.starts_with("file://");
}

bool Matches(const std::string& key, std::string_view pattern) {
  if (!pattern.ends_with('*')) return key == pattern;
  return key.starts_with(pattern.substr(0, pattern.size() - 1));
}

// What is said of a level, as often as it has parts; the last one stands for those that lack.
std::string PartOf(const std::vector<std::string>& parts, size_t index) {
  return parts.empty() ? "" : parts[std::min(index, parts.size() - 1)];
}

class Converter {
 public:
  Converter(const json& values, const ConvertOptions& options)
      : values_(values), options_(options), spec_(json::object()) {}

  Conversion Convert() {
    Conversion done{.findings = CheckStockValues(values_)};
    if (!done.findings.ok()) return done;
    spec_["runtime"]["type"] = "kubernetes";
    Image();
    User();
    Properties();
    UnderStore();
    Master();
    Worker();
    Network();
    Environment();
    done.cluster = {{"apiVersion", api::kApiVersion},
                    {"kind", api::kCacheClusterKind},
                    {"metadata", {{"name", Name()}}},
                    {"spec", std::move(spec_)}};
    if (!options_.name_space.empty()) done.cluster["metadata"]["namespace"] = options_.name_space;
    if (findings_.ok()) findings_.Append(api::CheckCacheCluster(done.cluster));
    done.findings.Append(std::move(findings_));
    return done;
  }

 private:
  void Warn(std::string path, std::string message) {
    findings_.warnings.push_back({std::move(path), std::move(message)});
  }
  void Error(std::string path, std::string message) {
    findings_.errors.push_back({std::move(path), std::move(message)});
  }

  std::string Name() const {
    if (!options_.name.empty()) return options_.name;
    const std::string name = TextAt(values_, {"fullnameOverride"});
    if (!name.empty()) return name;
    const std::string part = TextAt(values_, {"nameOverride"});
    return part.empty() ? kDefaultName : part;
  }

  void Image() {
    const std::string image = TextAt(values_, {"image"}), tag = TextAt(values_, {"imageTag"});
    const size_t stock = image.find("alluxio/alluxio");
    if (stock == 0 || (stock != std::string::npos && image[stock - 1] == '/'))
      Warn("image", fmt::format("{} is the stock one; the operator's own takes its place", image));
    else if (!image.empty())
      spec_["image"] = tag.empty() ? image : fmt::format("{}:{}", image, tag);
    else if (!tag.empty())
      Warn("imageTag", "is of no image: name that, too");
    if (const std::string policy = TextAt(values_, {"imagePullPolicy"}); !policy.empty())
      spec_["imagePullPolicy"] = policy;
    for (const json& secret : At(values_, {"imagePullSecrets"}))
      spec_["imagePullSecrets"].push_back({{"name", ScalarText(secret)}});
  }

  void User() {
    constexpr int kImagesOwn = 1000;
    const json& user = At(values_, {"user"});
    const json& group = At(values_, {"group"});
    const json uid = user.is_null() ? json(kImagesOwn) : user;
    const json gid = group.is_null() ? json(kImagesOwn) : group;
    if (!user.is_null() || !group.is_null())
      spec_["container"]["user"] = fmt::format("{}:{}", uid.dump(), gid.dump());
    const json& fs_group = At(values_, {"fsGroup"});
    if (!fs_group.is_null() && fs_group != gid)
      Warn("fsGroup", "volumes of a CacheCluster's pods are their group's own");
  }

  // Properties.

  void Properties() {
    AddProperties("", spec_["properties"]);
    for (const char* const role : {"master", "worker"})
      AddProperties(role, spec_[role]["properties"]);
    if (At(values_, {"shortCircuit", "enabled"}) == false)
      spec_["properties"]["alluxio.user.short.circuit.enabled"] = "false";
    for (json* const holder : {&spec_, &spec_["master"], &spec_["worker"]})
      if (holder->at("properties").empty()) holder->erase("properties");
  }

  void AddProperties(const std::string& role, json& into) {
    const std::string prefix = role.empty() ? "" : role + ".";
    const json& holder = role.empty() ? values_ : At(values_, {role.c_str()});
    for (const auto& [key, value] : At(holder, {"properties"}).items())
      if (!value.is_null())
        AddProperty(fmt::format("{}properties[{}]", prefix, key), key, ScalarText(value), into);
    const json& options = At(holder, {"jvmOptions"});
    for (size_t i = 0; i < options.size(); ++i)
      AddOption(fmt::format("{}jvmOptions[{}]", prefix, i), ScalarText(options[i]), into);
  }

  void AddOption(const std::string& path, const std::string& text, json& into) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      if (word.starts_with("-Dalluxio.") && equals != std::string::npos)
        AddProperty(path, word.substr(2, equals - 2), word.substr(equals + 1), into);
      else
        Warn(path, fmt::format("{} is for a Java machine, and daemons have none{}", word,
                               word.starts_with("-Xm")
                                   ? ": resources.limits.memory says what they may use"
                                   : ""));
    }
  }

  void AddProperty(const std::string& path, const std::string& key, std::string value, json& into) {
    if (key.starts_with(kRootUfs) && AddRootUfs(path, key.substr(kRootUfs.size()), value)) return;
    if (key == kInitFromBackup) {
      spec_["bootstrap"]["fromBackup"]["uri"] = std::move(value);
      return;
    }
    for (const auto& [pattern, instead] : StockOwnedProperties().items())
      if (Matches(key, pattern))
        return Warn(path,
                    fmt::format("follows from {}, ignored", instead.get_ref<const std::string&>()));
    into[key] = std::move(value);
  }

  bool AddRootUfs(const std::string& path, const std::string& name, const std::string& value) {
    constexpr std::string_view kOption = "option.";
    json& root = spec_["rootUfs"];
    if (name == "ufs") root["uri"] = value;
    if (name.starts_with(kOption)) root["options"][name.substr(kOption.size())] = value;
    if (name != "readonly" && name != "shared") return name == "ufs" || name.starts_with(kOption);
    if (value != "true" && value != "false")
      Error(path, fmt::format("\"{}\" is not supported; use true or false", value));
    root[name == "shared" ? "shared" : "readOnly"] = value == "true";
    return true;
  }

  // The under-store.

  void UnderStore() {
    json& root = spec_["rootUfs"];
    for (const std::string& uri : {TextAt(values_, {"underStore", "uri"}), options_.under_store})
      if (!uri.empty()) root["uri"] = uri;
    const std::string claim = Claim(TextAt(root, {"uri"}));
    if (!claim.empty()) spec_["runtime"]["kubernetes"]["underStoreClaim"] = claim;
    if (root.empty()) spec_.erase("rootUfs");
  }

  std::string Claim(const std::string& uri) {
    std::string claim = options_.under_store_claim;
    if (claim.empty()) claim = TextAt(values_, {"underStore", "claim"});
    const std::string folder = uri.starts_with("file://") ? uri.substr(7) : uri;
    const json& mounts = At(values_, {"mounts"});
    for (size_t i = 0; i < mounts.size(); ++i) {
      const std::string path = TextAt(mounts[i], {"path"});
      if (claim.empty() && path == (folder.empty() ? kStockUnderStore : folder))
        claim = TextAt(mounts[i], {"name"});
      else
        Warn(fmt::format("mounts[{}]", i),
             "pods of a CacheCluster mount the under-store's claim "
             "only");
    }
    if (!IsFolder(uri)) {
      if (!claim.empty()) Warn("underStore.claim", fmt::format("{} is no folder in a claim", uri));
      return "";
    }
    if (!claim.empty()) return claim;
    claim = Name() + "-under-store";
    Warn("underStore.claim",
         fmt::format("pods have no folder in common: the under-store is taken to be in a claim "
                     "{}, which all nodes can mount; name another one, or an under-store elsewhere "
                     "in underStore.uri",
                     claim));
    return claim;
  }

  // The roles.

  void Master() {
    json& master = spec_["master"];
    if (At(values_, {"master", "enabled"}) == false)
      Warn("master.enabled", "a CacheCluster has at least one master");
    const json& count = At(values_, {"master", "count"});
    if (!count.is_null()) master["replicas"] = count;
    Journal(count.is_null() ? 1 : count.get<int>());
    Resources("master", 0);
    Ports("master", {"rpc", "web", "embedded"});
  }

  // A CacheCluster has one word for both roles.
  void Network() {
    const bool masters = At(values_, {"master", "hostNetwork"}) == true;
    const bool workers = At(values_, {"worker", "hostNetwork"}) == true;
    if (!masters && !workers) return;
    spec_["runtime"]["kubernetes"]["hostNetwork"] = true;
    if (masters != workers)
      Warn(masters ? "master.hostNetwork" : "worker.hostNetwork",
           "masters and workers are on the same network: here the nodes'");
  }

  void Journal(int masters) {
    const json& journal = At(values_, {"journal"});
    std::string type = TextAt(journal, {"type"});
    if (type == "UFS" && masters > 1) {
      Warn("journal.type", "UFS is for one master: several keep an EMBEDDED one together");
      type = "EMBEDDED";
    }
    if (!type.empty()) spec_["master"]["journal"]["type"] = type;
    if (TextAt(journal, {"ufsType"}) == "HDFS")
      Warn("journal.ufsType", "journals are kept in claimed volumes");
    if (TextAt(journal, {"volumeType"}) == "emptyDir")
      Warn("journal.volumeType", "journals are kept in claimed volumes, which outlive pods");
    json& kubernetes = spec_["runtime"]["kubernetes"];
    const json& size = At(journal, {"size"});
    if (!size.is_null()) kubernetes["journalSize"] = Size(size);
    const std::string storage_class = TextAt(journal, {"storageClass"});
    if (!storage_class.empty()) kubernetes["storageClass"] = storage_class;
    if (kubernetes.is_null()) spec_["runtime"].erase("kubernetes");
  }

  // As the author wrote it, where that means the same in a CacheCluster.
  static json Size(const json& value) {
    const int64_t bytes = *QuantityBytes(value);
    if (!value.is_string()) return bytes;
    const auto same = ParseSize(value.get_ref<const std::string&>());
    return same.ok() && *same == bytes ? value : json(bytes);
  }

  void Resources(const char* role, int64_t at_least) {
    const json& limits = At(values_, {role, "resources", "limits"});
    const json& memory = At(limits, {"memory"});
    if (!memory.is_null()) {
      json& given = spec_[role]["resources"]["memory"];
      given = Size(memory);
      if (*QuantityBytes(memory) < at_least) {
        given = at_least;
        Warn(fmt::format("{}.resources.limits.memory", role),
             fmt::format("{} is raised to {}: memory levels count as the pod's", ScalarText(memory),
                         at_least));
      }
    }
    const json& cpu = At(limits, {"cpu"});
    if (cpu.is_null()) return;
    if (const auto cpus = QuantityNumber(cpu); cpus && *cpus > 0)
      spec_[role]["resources"]["cpus"] = *cpus;
    else
      Error(fmt::format("{}.resources.limits.cpu", role),
            fmt::format("{} is not a number of processors; use e.g. 2 or 500m", cpu.dump()));
  }

  void Ports(const char* role, std::initializer_list<const char*> names) {
    for (const char* const name : names)
      if (const json& port = At(values_, {role, "ports", name}); !port.is_null())
        spec_["ports"][role][name] = port;
  }

  void Worker() {
    json& worker = spec_["worker"];
    const json& replicas = At(values_, {"worker", "replicas"});
    worker["replicas"] = options_.workers > 0 ? json(options_.workers)
                         : replicas.is_null() ? json(1)
                                              : replicas;
    if (At(values_, {"worker", "enabled"}) == false)
      worker["replicas"] = 0;
    else if (replicas.is_null() && options_.workers == 0)
      Warn(
          "worker.replicas",
          "the stock chart has a worker on each node; here there is 1, unless --workers says more");
    Levels();
    constexpr int64_t kBeside = api::kShmHeadroomBytes + api::kWorkerHeapBytes;
    const int64_t memory = quota_bytes_["MEM"];
    Resources("worker", memory == 0 ? 0 : memory + kBeside);
    Ports("worker", {"rpc", "web"});
  }

  void Levels() {
    const json& levels = At(values_, {"tieredstore", "levels"});
    std::vector<std::pair<int, size_t>> order;
    for (size_t i = 0; i < levels.size(); ++i) {
      const json& level = At(levels[i], {"level"});
      order.emplace_back(level.is_null() ? static_cast<int>(i) : level.get<int>(), i);
    }
    std::ranges::stable_sort(order);
    for (const auto& [level, index] : order)
      Level(fmt::format("tieredstore.levels[{}]", index), levels[index]);
  }

  // The stock chart has levels of several media, each with a quota; here a medium is a level.
  void Level(const std::string& path, const json& level) {
    const std::string type = TextAt(level, {"type"});
    if (type == "hostPath")
      Warn(path + ".type", "pods of a CacheCluster have no folders of the host");
    std::string text = TextAt(level, {"mediumtype"});
    if (text.empty()) text = TextAt(level, {"alias"});
    const std::vector<std::string> media = Parts(text);
    const std::vector<std::string> quotas = Parts(TextAt(level, {"quota"}));
    if (media.empty()) Error(path + ".mediumtype", "is missing; use MEM, SSD or HDD");
    if (quotas.empty()) Error(path + ".quota", "is missing; use e.g. 1Gi");
    if (media.size() > 1)
      Warn(path + ".mediumtype", fmt::format("{}: each medium is a level of its own", text));
    for (size_t i = 0; i < media.size() && !quotas.empty(); ++i)
      Medium(path, level, media[i], PartOf(quotas, i));
  }

  void Medium(const std::string& path, const json& level, const std::string& medium,
              const std::string& quota) {
    static constexpr std::array<std::string_view, 3> kMedia = {"MEM", "SSD", "HDD"};
    if (std::ranges::find(kMedia, medium) == kMedia.end())
      return Error(path + ".mediumtype",
                   fmt::format("\"{}\" is not supported; use MEM, SSD or HDD", medium));
    const auto bytes = ParseSize(quota);
    if (!bytes.ok())
      return Error(path + ".quota", fmt::format("\"{}\" is not a size; use e.g. 1Gi", quota));
    json& levels = spec_["worker"]["tieredStore"]["levels"];
    int64_t& all = quota_bytes_[medium];
    if (*bytes > api::kMaxSizeBytes - all)
      return Error(path + ".quota", fmt::format("{} is more than a level may hold, {}", quota,
                                                FormatSize(api::kMaxSizeBytes)));
    all += *bytes;
    for (json& other : levels) {
      if (other.at("alias") != medium) continue;
      other["quota"] = all;
      return Warn(path + ".mediumtype", fmt::format("{} is one level, of all its quotas", medium));
    }
    json made = {{"alias", medium}, {"quota", quota}};
    if (const json& high = At(level, {"high"}); !high.is_null()) made["highWatermark"] = high;
    if (const json& low = At(level, {"low"}); !low.is_null()) made["lowWatermark"] = low;
    levels.push_back(std::move(made));
  }

  // A CacheCluster's daemons have one environment.
  void Environment() {
    json env = json::object();
    for (const char* const role : {"master", "worker"})
      for (const auto& [name, value] : At(values_, {role, "env"}).items()) {
        const std::string path = fmt::format("{}.env[{}]", role, name);
        const std::string text = ScalarText(value);
        const char* const other = std::string_view(role) == "master" ? "worker" : "master";
        if (env.contains(name) && env.at(name) != text)
          Warn(path, fmt::format("masters and workers have one environment: it is {}",
                                 env.at(name).get<std::string>()));
        else if (At(values_, {other, "env", name.c_str()}).is_null())
          Warn(path, "masters and workers have one environment: all get it");
        if (!env.contains(name)) env[name] = text;
      }
    for (const auto& [name, value] : env.items())
      spec_["env"].push_back({{"name", name}, {"value", value}});
  }

  const json& values_;
  const ConvertOptions& options_;
  json spec_;
  api::Findings findings_;
  std::map<std::string, int64_t> quota_bytes_;  // of each medium
};

}  // namespace

Conversion ConvertStockValues(const json& values, const ConvertOptions& options) {
  return Converter(values, options).Convert();
}

}  // namespace headpond::operator_cli
