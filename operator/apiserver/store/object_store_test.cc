#include "operator/apiserver/store/object_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::apiserver {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kAll = 1'000'000;

ObjectKey Cluster(const std::string& name, const std::string& name_space = "default") {
  return {"headpond.dev", "cacheclusters", name_space, name};
}

std::shared_ptr<json> Object(const std::string& name, int value = 0) {
  return std::make_shared<json>(json{{"metadata", {{"name", name}}}, {"value", value}});
}

std::vector<std::string> Names(const ObjectStore::List& list) {
  std::vector<std::string> names;
  for (const StoredObject& stored : list.objects)
    names.push_back(stored.object->at("metadata").at("name"));
  return names;
}

class ObjectStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = ObjectStore::Open({.path = directory_ / "api.db", .log_entries = 16});
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }

  // The version after one write; 0 when it failed.
  int64_t Put(const ObjectKey& key, int64_t expected, int value = 0) {
    const auto stored = store_->Commit({{key, expected, Object(key.name, value)}});
    return stored.ok() ? stored->front().version : 0;
  }

  TempDirectory directory_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(ObjectStoreTest, OneCounterNumbersAllChanges) {
  EXPECT_EQ(Put(Cluster("a"), 0), 1);
  EXPECT_EQ(Put({"", "secrets", "default", "s"}, 0), 2);
  EXPECT_EQ(Put(Cluster("a"), 1), 3);
  ASSERT_OK_AND_ASSIGN(const StoredObject stored, store_->Get(Cluster("a")));
  EXPECT_EQ(stored.version, 3);
  EXPECT_EQ(stored.object->at("metadata").at("resourceVersion"), "3");
}

TEST_F(ObjectStoreTest, RefusesWritesThatExpectAnotherVersion) {
  Put(Cluster("a"), 0);
  EXPECT_THAT(store_->Commit({{Cluster("a"), 0, Object("a")}}), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(store_->Commit({{Cluster("a"), 7, Object("a")}}), StatusIs(Code::kAborted));
  EXPECT_THAT(store_->Commit({{Cluster("b"), 7, Object("b")}}), StatusIs(Code::kNotFound));
  EXPECT_EQ(store_->version(), 1);
}

TEST_F(ObjectStoreTest, ATransactionHappensAsAWholeOrNotAtAll) {
  Put(Cluster("a"), 0);
  EXPECT_THAT(store_->Commit({{Cluster("b"), 0, Object("b")}, {Cluster("a"), 5, nullptr}}),
              StatusIs(Code::kAborted));
  EXPECT_THAT(store_->Get(Cluster("b")), StatusIs(Code::kNotFound));
  EXPECT_OK(store_->Commit({{Cluster("b"), 0, Object("b")}, {Cluster("a"), 1, nullptr}}));
  EXPECT_THAT(Names(store_->Objects("headpond.dev", "cacheclusters", {})), ElementsAre("b"));
  EXPECT_EQ(store_->version(), 3);
}

TEST_F(ObjectStoreTest, ListsByNamespaceAndNameFromAnyPointOn) {
  for (const auto& [name_space, name] :
       {std::pair("z", "a"), std::pair("default", "c"), std::pair("default", "b")})
    Put(Cluster(name, name_space), 0);
  Put({"headpond.dev", "datasets", "default", "x"}, 0);
  const auto list = [&](auto... where) {
    return Names(store_->Objects("headpond.dev", "cacheclusters", where...));
  };
  EXPECT_THAT(list(std::nullopt), ElementsAre("b", "c", "a"));
  EXPECT_THAT(list("default"), ElementsAre("b", "c"));
  EXPECT_THAT(list("none"), IsEmpty());
  EXPECT_THAT(list(std::nullopt, std::pair("default", "b")), ElementsAre("c", "a"));
}

TEST_F(ObjectStoreTest, ChangesTellWhatWasBeforeAndWhatIsGone) {
  Put(Cluster("a"), 0, 1);
  Put(Cluster("a"), 1, 2);
  ASSERT_OK(store_->Commit({{Cluster("a"), 2, nullptr}}));
  ASSERT_OK_AND_ASSIGN(const auto changes,
                       store_->ChangesAfter(1, "headpond.dev", "cacheclusters", kAll));
  EXPECT_EQ(changes.version, 3);
  ASSERT_THAT(changes.events, SizeIs(2));
  EXPECT_EQ(changes.events[0].type, EventType::kModified);
  EXPECT_EQ(changes.events[0].before->at("value"), 1);
  EXPECT_EQ(changes.events[1].type, EventType::kDeleted);
  EXPECT_EQ(changes.events[1].object->at("value"), 2);
  EXPECT_EQ(changes.events[1].object->at("metadata").at("resourceVersion"), "3");
}

TEST_F(ObjectStoreTest, LooksAtABoundedPartOfTheLogAtOnce) {
  for (int i = 0; i < 6; ++i)
    Put({"", i % 2 == 0 ? "secrets" : "configmaps", "d", std::to_string(i)}, 0);
  ASSERT_OK_AND_ASSIGN(auto changes, store_->ChangesAfter(0, "", "secrets", 3));
  EXPECT_EQ(changes.version, 3);
  EXPECT_THAT(changes.events, SizeIs(2));
  ASSERT_OK_AND_ASSIGN(changes, store_->ChangesAfter(changes.version, "", "secrets", 3));
  EXPECT_EQ(changes.version, 6);
  EXPECT_THAT(changes.events, SizeIs(1));
}

TEST_F(ObjectStoreTest, TheLogForgetsOldChangesAndSaysSo) {
  Put(Cluster("a"), 0);
  for (int version = 1; version < 40; ++version) Put(Cluster("a"), version);
  const int64_t compacted = store_->compacted_version();
  EXPECT_GE(compacted, 20);
  EXPECT_LE(compacted, 24);
  const auto after = [&](int64_t version) {
    return store_->ChangesAfter(version, "headpond.dev", "cacheclusters", kAll);
  };
  EXPECT_THAT(after(compacted - 1), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(after(compacted)->events, SizeIs(static_cast<size_t>(40 - compacted)));
  Reopen();
  EXPECT_THAT(after(compacted - 1), StatusIs(Code::kOutOfRange));
  EXPECT_THAT(after(compacted)->events, SizeIs(static_cast<size_t>(40 - compacted)));
}

TEST_F(ObjectStoreTest, EverythingIsThereAfterReopening) {
  Put(Cluster("a"), 0, 1);
  Put(Cluster("b"), 0, 2);
  ASSERT_OK(store_->Commit({{Cluster("b"), 2, nullptr}}));
  Reopen();
  EXPECT_EQ(store_->version(), 3);
  EXPECT_EQ(store_->Get(Cluster("a"))->object->at("value"), 1);
  EXPECT_THAT(store_->Get(Cluster("b")), StatusIs(Code::kNotFound));
  EXPECT_EQ(Put(Cluster("b"), 0), 4);
  ASSERT_OK_AND_ASSIGN(const auto changes,
                       store_->ChangesAfter(0, "headpond.dev", "cacheclusters", kAll));
  EXPECT_THAT(changes.events, SizeIs(4));
}

TEST_F(ObjectStoreTest, OneServerAtATimeUsesTheFileAndOnlyItsOwnerReadsIt) {
  EXPECT_THAT(ObjectStore::Open({.path = directory_ / "api.db"}), StatusIs(Code::kUnavailable));
  Put(Cluster("a"), 0);
  for (const char* const name : {"api.db", "api.db-wal"}) {
    struct stat status {};
    ASSERT_EQ(::stat((directory_ / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(ObjectStoreTest, AWaitEndsWithAChangeAtItsDeadlineOrAtShutdown) {
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  EXPECT_FALSE(store_->WaitForChange(0, soon));
  Put(Cluster("a"), 0);
  const auto late = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  EXPECT_TRUE(store_->WaitForChange(0, late));
  store_->WakeAll();
  EXPECT_FALSE(store_->WaitForChange(1, late));
}

}  // namespace
}  // namespace headpond::apiserver
