#include "operator/apiserver/json_path.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace headpond::apiserver {
namespace {

using nlohmann::json;

const json kObject = {
    {"spec", {{"replicas", 3}}},
    {"status",
     {{"conditions",
       {{{"type", "Ready"}, {"status", "True"}}, {{"type", "Degraded"}, {"status", "False"}}}}}}};

TEST(JsonPathTest, FollowsNames) {
  EXPECT_EQ(AtJsonPath(kObject, ".spec.replicas"), 3);
  EXPECT_EQ(AtJsonPath(kObject, ".spec.absent.replicas"), nullptr);
  EXPECT_EQ(AtJsonPath(kObject, ".spec.replicas.below"), nullptr);
}

TEST(JsonPathTest, FiltersListsByAField) {
  EXPECT_EQ(AtJsonPath(kObject, R"(.status.conditions[?(@.type=="Degraded")].status)"), "False");
  EXPECT_EQ(AtJsonPath(kObject, R"(.status.conditions[?(@.type=="None")].status)"), nullptr);
  EXPECT_EQ(AtJsonPath(kObject, R"(.spec[?(@.type=="None")].status)"), nullptr);
}

TEST(JsonPathTest, WhatItCannotReadIsNothing) {
  for (const char* const path : {"spec", ".status.conditions[0]", ".status.conditions[?(@.type",
                                 R"(.status.conditions[?(@.type=Ready)])"})
    EXPECT_EQ(AtJsonPath(kObject, path), nullptr) << path;
}

TEST(JsonPathTest, SetsWhatIsThereAndWhatIsNot) {
  json object = kObject;
  SetAtJsonPath(object, ".spec.replicas", 4);
  SetAtJsonPath(object, ".spec.worker.replicas", 5);
  EXPECT_EQ(AtJsonPath(object, ".spec.replicas"), 4);
  EXPECT_EQ(AtJsonPath(object, ".spec.worker.replicas"), 5);
}

}  // namespace
}  // namespace headpond::apiserver
