#include "net/channel_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace headpond::net {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

class ChannelRegistryTest : public testing::Test {
 protected:
  uint64_t Add(const std::string& id, const std::string& user) {
    const auto token = registry_.Add(id, {user, user});
    EXPECT_TRUE(token.ok()) << token.status().ToString();
    return token.value_or(0);
  }
  std::string UserOf(const std::string& id) const {
    const auto user = registry_.Find(id);
    return user ? user->name : "";
  }

  ManualClock clock_;
  ChannelRegistry registry_{{.max_channels = 3, .stale_after = hours(72)}, clock_};
};

TEST_F(ChannelRegistryTest, FindsWhatWasAddedUntilItIsRemoved) {
  const auto token = registry_.Add("id-1", {.name = "bob", .connection_user = "yarn"});
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(registry_.Find("id-1"), (CallUser{.name = "bob", .connection_user = "yarn"}));
  EXPECT_EQ(registry_.Find("id-2"), std::nullopt);
  registry_.Remove("id-1", *token);
  EXPECT_EQ(registry_.Find("id-1"), std::nullopt);
  registry_.Remove("id-1", *token);  // no-op
}

TEST_F(ChannelRegistryTest, RefusesTheSameIdTwice) {
  Add("id", "alice");
  EXPECT_EQ(registry_.Add("id", {"mallory", "mallory"}).status().code(), Code::kUnauthenticated);
  EXPECT_EQ(UserOf("id"), "alice");
}

TEST_F(ChannelRegistryTest, ALateRemoveSparesTheNextRegistrationOfTheId) {
  const uint64_t first = Add("id", "alice");
  registry_.Remove("id", first);
  Add("id", "bob");
  registry_.Remove("id", first);
  EXPECT_EQ(UserOf("id"), "bob");
}

TEST_F(ChannelRegistryTest, RefusesMoreChannelsThanItsLimit) {
  const uint64_t token = Add("1", "a");
  Add("2", "a");
  Add("3", "a");
  EXPECT_EQ(registry_.Add("4", {"a", "a"}).status().code(), Code::kResourceExhausted);
  registry_.Remove("1", token);
  Add("4", "a");
}

TEST_F(ChannelRegistryTest, PurgesOnlyWhatWasNotUsedForTheWholeInterval) {
  const uint64_t idle = Add("idle", "a");
  Add("busy", "b");
  clock_.Advance(hours(71));
  EXPECT_EQ(UserOf("busy"), "b");
  EXPECT_THAT(registry_.TakeStale(), IsEmpty());
  clock_.Advance(hours(1));
  EXPECT_THAT(registry_.TakeStale(), ElementsAre(idle));
  EXPECT_EQ(UserOf("idle"), "");
  EXPECT_EQ(UserOf("busy"), "b");
}

TEST_F(ChannelRegistryTest, ServesManyThreads) {
  ChannelRegistry registry({.max_channels = 1000}, clock_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string id = std::to_string(t) + "/" + std::to_string(i % 10);
        const auto token = registry.Add(id, {id, id});
        ASSERT_TRUE(token.ok());
        ASSERT_EQ(registry.Find(id)->name, id);
        registry.TakeStale();
        registry.Remove(id, *token);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.size(), 0u);
}

}  // namespace
}  // namespace headpond::net
