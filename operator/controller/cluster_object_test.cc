#include "operator/controller/cluster_object.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/controller/object_patch.h"
#include "testing/status_matchers.h"

namespace headpond::controller {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json Cluster(const json& finalizers) {
  return {{"apiVersion", "headpond.dev/v1alpha1"},
          {"kind", "CacheCluster"},
          {"metadata",
           {{"namespace", "team"},
            {"name", "a"},
            {"resourceVersion", "7"},
            {"finalizers", finalizers}}},
          {"spec", json::object()}};
}

api::CacheCluster ClusterOver(const std::string& uri) {
  json object = Cluster(json::array());
  object["spec"] = {{"rootUfs", {{"uri", uri}}}};
  auto cluster = api::ReadCacheCluster(object);
  EXPECT_OK(cluster);
  return *std::move(cluster);
}

TEST(ClusterObjectTest, ARecordSaysWhoseTheDataIsAndWhoLeftIt) {
  json object = NewDataRecord("team", "a", "uid-1");
  object["metadata"]["resourceVersion"] = "3";
  EXPECT_TRUE(HasFinalizer(object, kDataFinalizer));
  ASSERT_OK_AND_ASSIGN(const DataRecord used, ReadDataRecord(object));
  EXPECT_EQ(used.cluster, "a");
  EXPECT_EQ(used.uid, "uid-1");
  EXPECT_THAT(used.spec_json, IsEmpty());

  const api::CacheCluster last = ClusterOver("/srv/one");
  object = object.patch(DataSpecPatch(object, last.spec_json));
  ASSERT_OK_AND_ASSIGN(const DataRecord left, ReadDataRecord(object));
  ASSERT_OK_AND_ASSIGN(const api::CacheCluster owner, LastOwner("team", left));
  EXPECT_EQ(owner.spec_json, last.spec_json);
  EXPECT_EQ(owner.metadata.uid, "uid-1");
  EXPECT_FALSE(owner.metadata.deletion_timestamp.empty());

  object = object.patch(DataSpecPatch(object, std::nullopt));
  EXPECT_THAT(ReadDataRecord(object)->spec_json, IsEmpty());
}

TEST(ClusterObjectTest, AConfigMapOfSomebodyElseIsNoRecord) {
  const json object = {{"metadata", {{"name", "a.data"}}}, {"data", {{"uid", "x"}}}};
  EXPECT_THAT(ReadDataRecord(object),
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("a.data"), HasSubstr("rename"))));
}

TEST(ClusterObjectTest, DataIsForClustersThatLeaveFixedFieldsAsTheyWere) {
  const DataRecord record{
      .cluster = "a", .uid = "uid-1", .spec_json = ClusterOver("/srv/one").spec_json};
  EXPECT_OK(CheckKeptData(record, ClusterOver("/srv/one")));
  EXPECT_THAT(CheckKeptData(record, ClusterOver("/srv/two")),
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("spec.rootUfs.uri"),
                                                     HasSubstr("headpond down a --delete-data"))));
  EXPECT_OK(CheckKeptData({.cluster = "a", .uid = "uid-1"}, ClusterOver("/srv/two")));
}

}  // namespace
}  // namespace headpond::controller
