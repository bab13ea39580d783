#include "operator/controller/object_patch.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace headpond::controller {
namespace {

using nlohmann::json;

constexpr const char* kOurs = "headpond.dev/daemons";

json Object(const json& finalizers) {
  return {{"metadata", {{"resourceVersion", "7"}, {"finalizers", finalizers}}}};
}

TEST(ObjectPatchTest, AFinalizerIsPutOnAndTakenOffBesideThoseOfOthers) {
  json object = Object({"example.org/backup"});
  EXPECT_FALSE(HasFinalizer(object, kOurs));
  object = object.patch(FinalizerPatch(object, kOurs, true));
  EXPECT_TRUE(HasFinalizer(object, kOurs));
  EXPECT_EQ(object["metadata"]["finalizers"], json({"example.org/backup", kOurs}));
  object = object.patch(FinalizerPatch(object, kOurs, false));
  EXPECT_EQ(object["metadata"]["finalizers"], json({"example.org/backup"}));
}

TEST(ObjectPatchTest, AFinalizerIsThereOnceHoweverOftenItIsPut) {
  json object = {{"metadata", {{"resourceVersion", "7"}}}};
  for (int i = 0; i < 2; ++i) object = object.patch(FinalizerPatch(object, kOurs, true));
  EXPECT_EQ(object["metadata"]["finalizers"], json({kOurs}));
}

TEST(ObjectPatchTest, APatchOfFinalizersNamesTheVersionItWasMadeFrom) {
  const json patch = FinalizerPatch(Object(json::array()), kOurs, true);
  EXPECT_EQ(patch[0],
            json({{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", "7"}}));
}

TEST(ObjectPatchTest, AStatusIsReplacedAsAWhole) {
  json object = Object(json::array());
  object["status"] = {{"phase", "Ready"}, {"old", 1}};
  EXPECT_EQ(object.patch(StatusPatch({{"phase", "Failed"}}))["status"],
            json({{"phase", "Failed"}}));
}

}  // namespace
}  // namespace headpond::controller
