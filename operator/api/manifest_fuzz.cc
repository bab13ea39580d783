#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "operator/api/manifest.h"
#include "operator/api/yaml.h"

// Any text either has errors or gives clusters that read back as themselves, from JSON and from our
// own YAML.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headpond::api;
  const Manifest manifest =
      LoadManifest(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (manifest.clusters.empty() == manifest.errors.empty()) std::abort();
  for (const CacheCluster& cluster : manifest.clusters) {
    const nlohmann::json object = ToJson(cluster);
    const auto again = ReadCacheCluster(object);
    if (!again.ok() || ToJson(*again) != object) std::abort();
    const auto yaml = ParseYaml(ToYaml(object));
    if (!yaml.ok() || yaml->size() != 1 || yaml->front().value() != object) std::abort();
  }
  return 0;
}
