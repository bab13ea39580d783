#include "operator/api/manifest.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "operator/api/yaml.h"

namespace headpond::api {
namespace {

void AddDocument(const YamlDocument& document, std::string_view origin, Manifest& manifest,
                 std::set<std::string>& names) {
  const auto say = [&](const FieldIssue& issue) {
    return fmt::format("{}:{}: {}", origin, document.LineOf(issue.path), issue.ToString());
  };
  const Findings findings = CheckCacheCluster(document.value());
  for (const FieldIssue& issue : findings.errors) manifest.errors.push_back(say(issue));
  for (const FieldIssue& issue : findings.warnings) manifest.warnings.push_back(say(issue));
  if (!findings.ok()) return;
  auto cluster = ReadCacheCluster(document.value());
  if (!cluster.ok()) {
    manifest.errors.push_back(fmt::format("{}: {}", origin, cluster.status().message()));
  } else if (!names.insert(cluster->metadata.name_space + "/" + cluster->metadata.name).second) {
    manifest.errors.push_back(say(
        {"metadata.name", fmt::format("\"{}\" is in this file twice", cluster->metadata.name)}));
  } else {
    manifest.clusters.push_back(*std::move(cluster));
    manifest.written.push_back(document.value().dump());
  }
}

}  // namespace

Manifest LoadManifest(std::string_view text, std::string_view origin) {
  Manifest manifest;
  const auto documents = ParseYaml(text);
  if (!documents.ok()) {
    manifest.errors.push_back(fmt::format("{}: {}", origin, documents.status().message()));
    return manifest;
  }
  std::set<std::string> names;
  for (const YamlDocument& document : *documents) AddDocument(document, origin, manifest, names);
  if (documents->empty()) manifest.errors.push_back(fmt::format("{}: holds no object", origin));
  if (!manifest.errors.empty()) {
    manifest.clusters.clear();
    manifest.written.clear();
  }
  return manifest;
}

}  // namespace headpond::api
