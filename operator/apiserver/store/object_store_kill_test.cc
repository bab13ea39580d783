// kill -9 of a real process that writes to a store. The test runs itself again as the process to
// kill:
//   operator_object_store_kill_test --child FILE
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/random.h"
#include "operator/apiserver/store/object_store.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"
#include "testing/writing_child.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;

constexpr int kRounds = 12;
constexpr int kNames = 7;

ObjectKey KeyAt(int64_t version) {
  return {"headpond.dev", "cacheclusters", "default", std::to_string(version % kNames)};
}

// Version v writes v into object v mod 7, or deletes it when v is a multiple of 5.
Status WriteNext(ObjectStore& store) {
  const int64_t next = store.version() + 1;
  const ObjectKey key = KeyAt(next);
  const int64_t expected = store.Get(key).value_or({}).version;
  auto object =
      expected != 0 && next % 5 == 0 ? nullptr : std::make_shared<json>(json{{"value", next}});
  return store.Commit({{key, expected, std::move(object)}}).status();
}

int Child(const std::string& path) {
  auto store = ObjectStore::Open({.path = path, .log_entries = 32});
  if (!store.ok()) return 1;
  while (WriteNext(**store).ok()) {
    if (!WritingChild::Acknowledge(static_cast<uint64_t>((*store)->version()))) return 2;
  }
  return 3;
}

// What the objects must be after `version` changes.
std::map<std::string, int64_t> Model(int64_t version) {
  std::map<std::string, int64_t> objects;
  for (int64_t v = 1; v <= version; ++v) {
    const std::string name = KeyAt(v).name;
    if (objects.contains(name) && v % 5 == 0)
      objects.erase(name);
    else
      objects[name] = v;
  }
  return objects;
}

TEST(ObjectStoreKillTest, NoAcknowledgedWriteIsLostByAKill) {
  const uint64_t seed = Random::FromSystem().Next();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  TempDirectory directory;
  const std::string path = directory / "api.db";
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto acknowledged =
        static_cast<int64_t>(WritingChild(path).KillAfter(1 + random.Below(60)));
    ASSERT_GT(acknowledged, 0) << "the process ended by itself";
    ASSERT_OK_AND_ASSIGN(const auto store, ObjectStore::Open({.path = path, .log_entries = 32}));
    ASSERT_GE(store->version(), acknowledged);
    ASSERT_LE(store->version(), acknowledged + 1) << "at most the write under way";
    std::map<std::string, int64_t> found;
    for (const auto& [key, stored] : store->AllObjects())
      found[key.name] = stored.object->at("value");
    ASSERT_EQ(found, Model(store->version()));
    ASSERT_OK_AND_ASSIGN(const auto changes,
                         store->ChangesAfter(store->compacted_version(), "headpond.dev",
                                             "cacheclusters", 1'000'000));
    ASSERT_EQ(static_cast<int64_t>(changes.events.size()),
              store->version() - store->compacted_version());
  }
}

}  // namespace
}  // namespace headpond::apiserver

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--child") return headpond::apiserver::Child(argv[2]);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
