#include "operator/api/crd.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "operator/api/yaml.h"
#include "testing/status_matchers.h"

// That a Kubernetes API server takes the definitions and judges as we do is shown by e2e/contract.
namespace headpond::api {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

constexpr const char* kAgain = "run: headpond-operator crds --output manifests/crds";

// The second one is a link to the first, unless somebody makes a copy of it.
std::vector<std::string> Folders() {
  const std::string source = HEADPOND_SOURCE_DIR;
  return {source + "/manifests/crds", source + "/charts/headpond-operator/files/crds"};
}

json SchemaOf(const Kind& kind) {
  return CustomResourceDefinition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

TEST(CrdTest, TheCommittedManifestsAndTheChartsMatchTheFieldTables) {
  for (const std::string& folder : Folders()) {
    SCOPED_TRACE(folder);
    std::set<std::string> wanted;
    for (const Kind& kind : Kinds()) {
      const std::string name = CrdName(kind) + ".yaml";
      wanted.insert(name);
      std::ostringstream manifest;
      manifest << std::ifstream(folder + "/" + name).rdbuf();
      EXPECT_EQ(manifest.str(), CrdManifest(kind)) << kAgain;
    }
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      found.insert(entry.path().filename());
    EXPECT_THAT(found, UnorderedElementsAreArray(wanted)) << kAgain;
  }
}

TEST(CrdTest, AllKindsInOneTextAreOneDocumentEach) {
  ASSERT_OK_AND_ASSIGN(const auto documents, ParseYaml(CrdManifests()));
  ASSERT_EQ(documents.size(), Kinds().size());
  for (size_t i = 0; i < documents.size(); ++i)
    EXPECT_EQ(documents[i].value(), CustomResourceDefinition(Kinds()[i]));
}

// Calls `visit(path, schema)` for a schema and all below it.
template <typename Visit>
void ForEachSchema(const json& schema, const std::string& path, const Visit& visit) {
  visit(path, schema);
  if (schema.contains("items")) ForEachSchema(schema["items"], path + "[]", visit);
  if (schema.contains("additionalProperties"))
    ForEachSchema(schema["additionalProperties"], path + "[*]", visit);
  const json properties = schema.value("properties", json::object());
  for (const auto& [name, child] : properties.items())
    ForEachSchema(child, path + "." + name, visit);
}

// Kubernetes estimates what rules cost from these bounds, and refuses a definition without them.
TEST(CrdTest, EverythingThatGrowsHasABound) {
  for (const Kind& kind : Kinds()) {
    for (const char* const part : {"spec", "status"}) {
      ForEachSchema(SchemaOf(kind)["properties"][part], part,
                    [](const std::string& path, const json& schema) {
                      SCOPED_TRACE(path);
                      const std::string type = schema.value("type", "");
                      const bool text =
                          type == "string" || schema.contains("x-kubernetes-int-or-string");
                      EXPECT_TRUE(type != "array" || schema.contains("maxItems"));
                      EXPECT_TRUE(!schema.contains("additionalProperties") ||
                                  schema.contains("maxProperties"));
                      EXPECT_TRUE(!text || schema.contains("maxLength") || schema.contains("enum"));
                    });
    }
  }
}

// Kubernetes tries each default against the rules where it stands, and takes no definition with one
// that they refuse.
TEST(CrdTest, ASpecHasACompleteDefaultWhereNothingIsRequired) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.kind);
    const json schema = SchemaOf(kind);
    const json& spec = schema["properties"]["spec"];
    if (kind.kind == kCacheClusterKind) {
      EXPECT_EQ(spec["default"], SpecSchema(kind).WithDefaults(json::object()));
      EXPECT_FALSE(schema.contains("required"));
    } else {
      EXPECT_FALSE(spec.contains("default"));
      EXPECT_EQ(schema["required"], json({"spec"}));
    }
  }
}

TEST(CrdTest, RulesPointAtFieldsThatExist) {
  for (const Kind& kind : Kinds()) {
    ForEachSchema(SchemaOf(kind), "", [](const std::string& path, const json& schema) {
      const json rules = schema.value("x-kubernetes-validations", json::array());
      for (const json& rule : rules) {
        SCOPED_TRACE(path + ": " + rule["rule"].get<std::string>());
        EXPECT_THAT(rule["message"].get<std::string>(), Not(IsEmpty()));
        std::string pointer = rule.value("fieldPath", "");
        for (size_t dot = 0; (dot = pointer.find('.')) != std::string::npos;)
          pointer.replace(dot, 1, "/properties/");
        EXPECT_TRUE(schema.contains(json::json_pointer(pointer)));
      }
    });
  }
}

TEST(CrdTest, WhatIsImmutableHasATransitionRule) {
  const json root_ufs =
      SchemaOf(*FindKind("CacheCluster"))["properties"]["spec"]["properties"]["rootUfs"];
  const json rule = root_ufs["x-kubernetes-validations"][0];
  EXPECT_EQ(rule["rule"],
            "has(self.uri) == has(oldSelf.uri) && (!has(self.uri) || self.uri == oldSelf.uri)");
  EXPECT_EQ(rule["fieldPath"], ".uri");
}

}  // namespace
}  // namespace headpond::api
