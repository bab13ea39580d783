#include "operator/kube/object_cache.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace headpond::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Object Make(const std::string& name, int version, const std::string& app = "") {
  return std::make_shared<const json>(
      json{{"metadata",
            {{"namespace", "ns"},
             {"name", name},
             {"resourceVersion", std::to_string(version)},
             {"labels", {{"app", app}}},
             {"managedFields", json::array({{{"manager", "kubectl"}}})}}}});
}

TEST(ObjectCacheTest, AListTellsWhatChangedAppearedAndVanished) {
  ObjectCache cache;
  EXPECT_FALSE(cache.synced());
  EXPECT_THAT(cache.Replace({Make("a", 1), Make("b", 2)}, 5), SizeIs(2));
  EXPECT_TRUE(cache.synced());
  EXPECT_EQ(cache.version(), 5);
  EXPECT_THAT(cache.Replace({Make("b", 2), Make("c", 8)}, 9),
              ElementsAre(ObjectName{"ns", "a"}, ObjectName{"ns", "c"}));
  EXPECT_EQ(cache.Get({"ns", "a"}), nullptr);
  EXPECT_THAT(cache.All(), SizeIs(2));
}

TEST(ObjectCacheTest, ManagedFieldsAreNotKept) {
  ObjectCache cache;
  cache.Replace({Make("a", 1)}, 1);
  cache.Put(Make("b", 2));
  for (const char* name : {"a", "b"})
    EXPECT_FALSE((*cache.Get({"ns", name}))["metadata"].contains("managedFields"));
}

TEST(ObjectCacheTest, WhatIsOlderOrTheSameChangesNothing) {
  ObjectCache cache;
  EXPECT_TRUE(cache.Put(Make("a", 5)));
  EXPECT_FALSE(cache.Put(Make("a", 5)));
  EXPECT_FALSE(cache.Put(Make("a", 4)));
  EXPECT_FALSE(cache.Remove(*Make("a", 3)));
  EXPECT_NE(cache.Get({"ns", "a"}), nullptr);
  EXPECT_TRUE(cache.Remove(*Make("a", 6)));
  EXPECT_FALSE(cache.Remove(*Make("a", 6)));
  EXPECT_EQ(cache.version(), 6);
}

TEST(ObjectCacheTest, AnIndexFollowsItsObjects) {
  ObjectCache cache;
  cache.AddIndex("app", [](const json& object) {
    return std::vector<std::string>{object["metadata"]["labels"]["app"]};
  });
  cache.Replace({Make("a", 1, "x"), Make("b", 2, "x")}, 2);
  EXPECT_THAT(cache.Find("app", "x"), SizeIs(2));
  cache.Put(Make("b", 3, "y"));
  EXPECT_THAT(cache.Find("app", "x"), SizeIs(1));
  cache.Remove(*Make("a", 4, "x"));
  EXPECT_THAT(cache.Find("app", "x"), IsEmpty());
  EXPECT_THAT(cache.Find("app", "y"), SizeIs(1));
  cache.Replace({}, 9);
  EXPECT_THAT(cache.Find("app", "y"), IsEmpty());
  EXPECT_THAT(cache.Find("other", "y"), IsEmpty());
}

TEST(ObjectCacheTest, AVersionThatIsNoNumberIsZero) {
  EXPECT_EQ(VersionOf(*Make("a", 12)), 12);
  EXPECT_EQ(VersionOf(json{{"metadata", {{"resourceVersion", "12x"}}}}), 0);
  EXPECT_EQ(VersionOf(json{{"metadata", {{"resourceVersion", 12}}}}), 0);
  EXPECT_EQ(VersionOf(json::object()), 0);
}

TEST(OwnWritesTest, AnObjectIsHeldBackUntilTheCacheHasSeenTheWrite) {
  ObjectCache cache;
  OwnWrites writes;
  const ObjectName a{"ns", "a"};
  EXPECT_TRUE(writes.SeenBy(cache, a));
  writes.Wrote(a, 7);
  writes.Wrote(a, 6);
  cache.Put(Make("b", 6));
  EXPECT_FALSE(writes.SeenBy(cache, a));
  EXPECT_TRUE(writes.SeenBy(cache, {"ns", "b"}));
  cache.Advance(7);  // a bookmark: the object may be gone again
  EXPECT_TRUE(writes.SeenBy(cache, a));
}

}  // namespace
}  // namespace headpond::kube
