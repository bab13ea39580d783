#include "operator/apiserver/server_side_apply.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/apiserver/managed_fields.h"
#include "operator/apiserver/shape.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;

const Shape& ClusterShape() {
  return ShapeOf(StoredType("headpond.dev", "cacheclusters"));
}

json Parse(const char* text) {
  return json::parse(text);
}

FieldSet Set(const char* text) {
  auto set = FieldSet::FromJson(Parse(text));
  EXPECT_TRUE(set) << text;
  return set.value_or(FieldSet());
}

TEST(FieldSetTest, ReadsAndWritesFieldsV1) {
  for (const char* const text :
       {R"({})", R"({"f:spec":{"f:paused":{}}})", R"({"f:spec":{".":{},"f:paused":{}}})",
        R"({"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:value":{}}}}})",
        R"({"f:metadata":{"f:finalizers":{".":{},"v:\"x.dev/y\"":{}}}})"})
    EXPECT_EQ(Set(text).ToJson(), Parse(text));
  for (const char* const text :
       {R"([])", R"({"spec":{}})", R"({"f:a":1})", R"({"k:x":{}})", R"({"k:{}":{}})",
        R"({"k:{\"a\":[]}":{}})", R"({"v:":{}})", R"({"v:{}":{}})", R"({"i:0":{}})"})
    EXPECT_FALSE(FieldSet::FromJson(Parse(text))) << text;
  json deep = json::object();
  for (int i = 0; i < 100; ++i) deep = {{"f:a", deep}};
  EXPECT_FALSE(FieldSet::FromJson(deep));
}

TEST(FieldSetTest, IsASet) {
  const FieldSet a = Set(R"({"f:a":{".":{},"f:b":{},"f:c":{}}})");
  const FieldSet b = Set(R"({"f:a":{"f:c":{},"f:d":{}}})");
  EXPECT_EQ(a.Union(b), Set(R"({"f:a":{".":{},"f:b":{},"f:c":{},"f:d":{}}})"));
  EXPECT_EQ(a.Intersection(b), Set(R"({"f:a":{"f:c":{}}})"));
  EXPECT_EQ(a.Minus(b), Set(R"({"f:a":{".":{},"f:b":{}}})"));
  EXPECT_TRUE(a.Minus(a).empty());
  EXPECT_THAT(
      Set(R"({"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:value":{}}},
                                "f:on":{"v:\"x\"":{}}}})")
          .Paths(),
      ElementsAre(R"(.spec.env[name="A"])", R"(.spec.env[name="A"].value)", R"(.spec.on[="x"])"));
}

TEST(ShapeTest, AppliedFieldsAreLeavesAndItemsOfKeyedLists) {
  const struct {
    const char* config;
    const char* fields;
  } cases[] = {
      {R"({"spec": {"worker": {"replicas": 1}}})", R"({"f:spec":{"f:worker":{"f:replicas":{}}}})"},
      {R"({"spec": {"worker": {}}})", R"({"f:spec":{"f:worker":{}}})"},
      {R"({"spec": {"env": [{"name": "A", "value": "1"}]}})",
       R"({"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}}}})"},
      // Without the key nobody can tell the items apart: the list is one value.
      {R"({"spec": {"env": [{"value": "1"}]}})", R"({"f:spec":{"f:env":{}}})"},
      {R"({"spec": {"env": "text"}})", R"({"f:spec":{"f:env":{}}})"},
      {R"({"metadata": {"finalizers": ["a", "b"]}})",
       R"({"f:metadata":{"f:finalizers":{"v:\"a\"":{},"v:\"b\"":{}}}})"},
      {R"({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})",
       R"({"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":
           {".":{},"f:type":{},"f:status":{}}}}})"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(FieldsOf(ClusterShape(), Parse(one.config)), Set(one.fields)) << one.config;
}

TEST(ShapeTest, ChangedFieldsAreThoseWithAnotherValueAndNewOnesWithTheirContainers) {
  const struct {
    const char *before, *after, *fields;
  } cases[] = {
      {R"({"spec": {"paused": true}})", R"({"spec": {"paused": true}})", R"({})"},
      {R"({"spec": {"paused": true}})", R"({"spec": {"paused": false}})",
       R"({"f:spec":{"f:paused":{}}})"},
      {R"({"spec": {"paused": true}})", R"({"spec": {}})", R"({})"},
      {R"({})", R"({"spec": {"worker": {"replicas": 1}}})",
       R"({"f:spec":{".":{},"f:worker":{".":{},"f:replicas":{}}}})"},
      {R"({"spec": {"env": [{"name": "A"}]}})",
       R"({"spec": {"env": [{"name": "B"}, {"name": "A"}]}})",
       R"({"f:spec":{"f:env":{"k:{\"name\":\"B\"}":{".":{},"f:name":{}}}}})"},
      {R"({"spec": {"env": [{"name": "A"}, {"name": "B"}]}})",
       R"({"spec": {"env": [{"name": "B"}, {"name": "A"}]}})", R"({})"},
      {R"({"spec": {"worker": {"replicas": 1}}})", R"({"spec": {"worker": 7}})",
       R"({"f:spec":{"f:worker":{}}})"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(ChangedFields(ClusterShape(), Parse(one.before), Parse(one.after)), Set(one.fields))
        << one.before << one.after;
}

TEST(ShapeTest, MergingKeepsWhatTheConfigurationDoesNotSay) {
  const struct {
    const char *live, *config, *merged;
  } cases[] = {
      {R"({"spec": {"paused": true}})", R"({"spec": {"worker": {"replicas": 2}}})",
       R"({"spec": {"paused": true, "worker": {"replicas": 2}}})"},
      {R"({"spec": {"env": [{"name": "A", "value": "1"}, {"name": "B"}]}})",
       R"({"spec": {"env": [{"name": "C"}, {"name": "A", "value": "2"}]}})",
       R"({"spec": {"env": [{"name": "C"}, {"name": "A", "value": "2"}, {"name": "B"}]}})"},
      {R"({"spec": {"env": [{"name": "A"}, {"name": "B"}, {"name": "X"}]}})",
       R"({"spec": {"env": [{"name": "B"}, {"name": "A"}]}})",
       R"({"spec": {"env": [{"name": "B"}, {"name": "A"}, {"name": "X"}]}})"},
      {R"({"metadata": {"finalizers": ["a"]}})", R"({"metadata": {"finalizers": ["b"]}})",
       R"({"metadata": {"finalizers": ["a", "b"]}})"},
      {R"({"spec": {"worker": 7}})", R"({"spec": {"worker": {"replicas": 1}}})",
       R"({"spec": {"worker": {"replicas": 1}}})"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(Merged(ClusterShape(), Parse(one.live), Parse(one.config)), Parse(one.merged))
        << one.live << one.config;
}

TEST(ShapeTest, OnlyFieldsThatNobodyOwnsAnyMoreAreRemoved) {
  const struct {
    const char *value, *last, *kept, *rest;
  } cases[] = {
      {R"({"spec": {"a": 1, "b": 2}})", R"({"f:spec":{"f:a":{}}})", R"({})",
       R"({"spec": {"b": 2}})"},
      {R"({"spec": {"a": 1, "b": 2}})", R"({"f:spec":{"f:a":{}}})", R"({"f:spec":{"f:a":{}}})",
       R"({"spec": {"a": 1, "b": 2}})"},
      // What had nothing else goes too; what has, stays.
      {R"({"spec": {"worker": {"replicas": 1}}})", R"({"f:spec":{"f:worker":{"f:replicas":{}}}})",
       R"({})", R"({})"},
      {R"({"spec": {"env": [{"name": "A", "value": "1"}]}})",
       R"({"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{}}}}})", R"({})", R"({})"},
      {R"({"spec": {"env": [{"name": "A", "value": "1"}, {"name": "B"}]}})",
       R"({"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{}}}}})",
       R"({"f:spec":{"f:env":{"k:{\"name\":\"A\"}":{"f:value":{}}}}})",
       R"({"spec": {"env": [{"name": "A", "value": "1"}, {"name": "B"}]}})"},
      {R"({"metadata": {"finalizers": ["a", "b"]}})",
       R"({"f:metadata":{"f:finalizers":{"v:\"a\"":{}}}})", R"({})",
       R"({"metadata": {"finalizers": ["b"]}})"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(WithoutFields(ClusterShape(), Parse(one.value), Set(one.last), Set(one.kept)),
              Parse(one.rest))
        << one.value << one.last;
}

Manager Updater(const char* name) {
  return {.name = name, .api_version = "headpond.dev/v1alpha1"};
}
Manager Applier(const char* name) {
  return {.name = name, .applies = true, .api_version = "headpond.dev/v1alpha1"};
}

// An object and who owns its fields, as writes follow one another.
class OwnershipTest : public ::testing::Test {
 protected:
  void Update(const char* manager, const char* spec) {
    json after = object_;
    after["spec"] = Parse(spec);
    const auto entries = ReadManagedFields(object_).value();
    object_ = WithManagedFields(
        after, AfterUpdate(ClusterShape(), object_, after, entries, Updater(manager), kNow));
  }

  // "" or the message of the refusal.
  std::string ApplySpec(const char* manager, const char* spec, bool force = false,
                        int64_t now_ms = kNow) {
    json config = {{"apiVersion", "headpond.dev/v1alpha1"}, {"kind", "CacheCluster"}};
    config["spec"] = Parse(spec);
    auto done = Apply(ClusterShape(), object_, config, Applier(manager), force, now_ms);
    if (!done.ok()) {
      refusal_ = done.status();
      return done.status().message;
    }
    const auto entries =
        AfterApply(ClusterShape(), object_, done->object, done->entries, Applier(manager), now_ms);
    object_ = WithManagedFields(done->object, entries);
    return "";
  }

  // What the manager owns below spec.
  std::vector<std::string> Owned(const char* manager) {
    std::vector<std::string> paths;
    const ManagedEntries entries = ReadManagedFields(object_).value();
    for (const ManagedEntry& entry : entries)
      if (entry.manager.name == manager)
        for (const std::string& path : entry.fields.Paths()) paths.push_back(path);
    return paths;
  }

  json object_ = json::object();
  ApiError refusal_;
};

TEST_F(OwnershipTest, AnUpdaterOwnsWhatItChangedAndOthersLoseIt) {
  Update("create", R"({"paused": false, "worker": {"replicas": 1}})");
  Update("edit", R"({"paused": true, "worker": {"replicas": 1}})");
  EXPECT_THAT(Owned("edit"), ElementsAre(".spec.paused"));
  EXPECT_THAT(Owned("create"), ElementsAre(".spec", ".spec.worker", ".spec.worker.replicas"));
  Update("edit", R"({"worker": {"replicas": 1}})");
  EXPECT_THAT(Owned("edit"), IsEmpty());
}

TEST_F(OwnershipTest, WhoWroteLongAgoIsForgottenButNotTheFields) {
  json spec = json::object();
  for (int i = 0; i < 15; ++i) {
    spec["properties"][fmt::format("key-{:02}", i)] = "v";
    Update(fmt::format("manager-{:02}", i).c_str(), spec.dump().c_str());
  }
  const ManagedEntries entries = ReadManagedFields(object_).value();
  EXPECT_EQ(entries.size(), 10u);
  EXPECT_EQ(entries[0].manager.name, "ancient-changes");
  FieldSet all;
  for (const ManagedEntry& entry : entries) all = all.Union(entry.fields);
  EXPECT_EQ(FieldsOf(ClusterShape(), OwnedPart(object_)).Minus(all).Paths(),
            std::vector<std::string>());
}

TEST_F(OwnershipTest, AnApplierGivesUpWhatItNoLongerSays) {
  EXPECT_EQ(ApplySpec("a", R"({"paused": true, "worker": {"replicas": 2}})"), "");
  EXPECT_EQ(ApplySpec("b", R"({"worker": {"replicas": 2}})"), "");
  EXPECT_THAT(Owned("b"), ElementsAre(".spec.worker.replicas"));
  EXPECT_EQ(ApplySpec("a", R"({})"), "");
  EXPECT_EQ(object_["spec"], Parse(R"({"worker": {"replicas": 2}})"));
  EXPECT_EQ(ApplySpec("b", R"({"paused": false})"), "");
  EXPECT_EQ(object_["spec"], Parse(R"({"paused": false})"));
}

TEST_F(OwnershipTest, ADifferentValueOfAnothersFieldIsAConflictUnlessForced) {
  ApplySpec("kubectl", R"({"paused": true, "env": [{"name": "A", "value": "1"}]})");
  EXPECT_EQ(ApplySpec("other", R"({"paused": false})"),
            R"(Apply failed with 1 conflict: conflict with "kubectl": .spec.paused)");
  EXPECT_EQ(refusal_.code, 409);
  ASSERT_EQ(refusal_.causes.size(), 1u);
  EXPECT_EQ(refusal_.causes[0].reason, "FieldManagerConflict");
  EXPECT_EQ(refusal_.causes[0].field, ".spec.paused");
  EXPECT_EQ(ApplySpec("other", R"({"paused": false, "env": [{"name": "A", "value": "2"}]})"),
            "Apply failed with 2 conflicts: conflicts with \"kubectl\":\n"
            "- .spec.env[name=\"A\"].value\n- .spec.paused");
  EXPECT_EQ(ApplySpec("other", R"({"paused": false})", /*force=*/true), "");
  EXPECT_THAT(Owned("other"), ElementsAre(".spec.paused"));
  EXPECT_EQ(ApplySpec("kubectl", R"({"paused": true})"),
            R"(Apply failed with 1 conflict: conflict with "other": .spec.paused)");
  Update("edit", R"({"paused": true})");
  EXPECT_EQ(ApplySpec("other", R"({"paused": false})"),
            "Apply failed with 1 conflict: conflict with \"edit\" using headpond.dev/v1alpha1: "
            ".spec.paused");
}

TEST_F(OwnershipTest, ItemsOfKeyedListsHaveOwnersOfTheirOwn) {
  ApplySpec("a", R"({"env": [{"name": "A", "value": "1"}]})");
  EXPECT_EQ(ApplySpec("b", R"({"env": [{"name": "B", "value": "2"}]})"), "");
  EXPECT_EQ(object_["spec"]["env"].size(), 2u);
  EXPECT_EQ(ApplySpec("a", R"({"env": []})"), "");
  EXPECT_EQ(object_["spec"]["env"], Parse(R"([{"name": "B", "value": "2"}])"));
  EXPECT_THAT(ApplySpec("a", R"({"env": [{"name": "A"}, {"name": "A"}]})"),
              ::testing::HasSubstr(R"(spec.env[1]: Duplicate value: {"name":"A"})"));
  EXPECT_EQ(refusal_.code, 422);
  const json twice = Parse(R"({"metadata": {"finalizers": ["x.dev/y", "x.dev/y"]}})");
  const auto refused = Apply(ClusterShape(), object_, twice, Applier("a"), /*force=*/false, kNow);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().causes[0].field, "metadata.finalizers[1]");
}

TEST_F(OwnershipTest, ApplyingAgainChangesNothingEvenLater) {
  ApplySpec("a", R"({"paused": true})");
  const json before = object_;
  EXPECT_EQ(ApplySpec("a", R"({"paused": true})", false, kNow + 60'000), "");
  EXPECT_EQ(object_, before);
  EXPECT_EQ(ApplySpec("a", R"({"paused": false})", false, kNow + 60'000), "");
  EXPECT_EQ(object_["metadata"]["managedFields"][0]["time"], "2023-11-14T22:14:20Z");
}

TEST_F(OwnershipTest, AnObjectOfBeforeThereWereOwnersConflicts) {
  object_ = Parse(R"({"spec": {"paused": true}})");
  EXPECT_EQ(ApplySpec("a", R"({"paused": false})"),
            "Apply failed with 1 conflict: conflict with \"before-first-apply\" using "
            "headpond.dev/v1alpha1: .spec.paused");
}

TEST_F(OwnershipTest, KubectlTakesOverWhatItAppliedFromTheClient) {
  object_ = Parse(R"({"metadata": {"annotations": {
      "kubectl.kubernetes.io/last-applied-configuration": "{\"spec\":{\"paused\":true}}"}}})");
  Update("kubectl-client-side-apply", R"({"paused": true, "worker": {"replicas": 1}})");
  EXPECT_NE(ApplySpec("other", R"({"paused": false})"), "");
  EXPECT_NE(ApplySpec("kubectl", R"({"paused": false, "worker": {"replicas": 2}})"), "");
  EXPECT_EQ(ApplySpec("kubectl", R"({"paused": false})"), "");
  const json last = json::parse(
      object_["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
          .get<std::string>());
  EXPECT_EQ(last["spec"]["paused"], false);
}

}  // namespace
}  // namespace headpond::apiserver
