#include "operator/kube/reflector.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <thread>

#include "testing/eventually.h"
#include "testing/status_matchers.h"

namespace headpond::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

json Make(const std::string& name, int version) {
  return {{"metadata", {{"name", name}, {"resourceVersion", std::to_string(version)}}}};
}

std::string Line(const std::string& type, const json& object) {
  return json{{"type", type}, {"object", object}}.dump() + "\n";
}

// A server that follows a script: each list and each watch takes the next entry. After the last
// watch it is silent. Thread safe.
class ScriptedSource final : public ObjectSource {
 public:
  struct WatchScript {
    std::vector<std::string> pieces;
    Status end = Status::Ok();
  };

  void OnList(Result<ListPage> page) {
    MutexLock lock(mutex_);
    lists_.push_back(std::move(page));
  }
  void OnWatch(WatchScript script) {
    MutexLock lock(mutex_);
    watches_.push_back(std::move(script));
  }
  void Answers(bool answered) {
    MutexLock lock(mutex_);
    answered_ = answered;
  }
  std::vector<std::string> asked() const {
    MutexLock lock(mutex_);
    return asked_;
  }

  Result<ListPage> List(const std::string& next) override {
    MutexLock lock(mutex_);
    asked_.push_back(next.empty() ? "list" : "list " + next);
    if (lists_.empty()) return Unavailable("the script has no more lists");
    auto page = std::move(lists_.front());
    lists_.pop_front();
    return page;
  }

  Status Watch(int64_t version, seconds timeout,
               const std::function<Status(std::string_view)>& on_bytes,
               const std::function<bool()>& stopped) override {
    EXPECT_GE(timeout, seconds(300));
    EXPECT_LE(timeout, seconds(600));
    WatchScript script;
    bool silent = false;
    {
      MutexLock lock(mutex_);
      asked_.push_back(fmt::format("watch {}", version));
      silent = watches_.empty();
      if (!silent) {
        script = std::move(watches_.front());
        watches_.pop_front();
      }
    }
    for (const std::string& piece : script.pieces) RETURN_IF_ERROR(on_bytes(piece));
    while (silent && !stopped()) std::this_thread::yield();
    return silent ? Cancelled("stopped") : script.end;
  }

  bool answered() const override {
    MutexLock lock(mutex_);
    return answered_;
  }

 private:
  mutable Mutex mutex_;
  std::deque<Result<ListPage>> lists_ GUARDED_BY(mutex_);
  std::deque<WatchScript> watches_ GUARDED_BY(mutex_);
  std::vector<std::string> asked_ GUARDED_BY(mutex_);
  bool answered_ GUARDED_BY(mutex_) = true;
};

ListPage Page(const std::vector<json>& objects, int64_t version, std::string next = "") {
  ListPage page{.version = version, .next = std::move(next)};
  for (const json& object : objects) page.items.push_back(std::make_shared<const json>(object));
  return page;
}

class ReflectorTest : public ::testing::Test {
 protected:
  void Start() {
    reflector_.Start();
    ASSERT_TRUE(reflector_.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
  }
  // Until the reflector waits in a watch for which there is no script.
  void WaitForRest(const std::string& last_asked) {
    EXPECT_TRUE(Eventually([&] {
      const auto asked = source_.asked();
      return !asked.empty() && asked.back() == last_asked;
    })) << ::testing::PrintToString(source_.asked());
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Object& object : cache_.All()) names.push_back(NameOf(*object).name);
    return names;
  }
  std::vector<std::string> Told() {
    MutexLock lock(mutex_);
    return told_;
  }

  ScriptedSource source_;
  ObjectCache cache_;
  Mutex mutex_;
  std::vector<std::string> told_ GUARDED_BY(mutex_);
  Reflector reflector_{
      {.name = "things", .first_backoff = milliseconds(1), .longest_backoff = milliseconds(5)},
      source_,
      cache_,
      Clock::System(),
      Random(1),
      [this](const ObjectName& name) {
        MutexLock lock(mutex_);
        told_.push_back(name.name);
      }};
};

TEST_F(ReflectorTest, AListOfPagesThenTheWatchFromItsVersion) {
  source_.OnList(Page({Make("a", 1)}, 10, "token"));
  source_.OnList(Page({Make("b", 2)}, 11));
  const std::string events = Line("ADDED", Make("c", 12)) + Line("MODIFIED", Make("a", 13)) +
                             Line("DELETED", Make("b", 14));
  source_.OnWatch({.pieces = {events.substr(0, 30), events.substr(30)}});
  Start();
  WaitForRest("watch 14");
  EXPECT_THAT(Names(), ElementsAre("a", "c"));
  EXPECT_THAT(Told(), ElementsAre("a", "b", "c", "a", "b"));
  EXPECT_THAT(source_.asked(), ElementsAre("list", "list token", "watch 10", "watch 14"));
}

TEST_F(ReflectorTest, ABookmarkMovesTheNextWatchOn) {
  source_.OnList(Page({}, 10));
  source_.OnWatch({.pieces = {Line("BOOKMARK", Make("", 400))}});
  Start();
  WaitForRest("watch 400");
  EXPECT_EQ(cache_.version(), 400);
}

TEST_F(ReflectorTest, AForgottenVersionMeansANewListAndVanishedObjectsAreTold) {
  for (const bool in_stream : {true, false}) {
    source_.OnList(Page({Make("a", 1), Make("b", 2)}, in_stream ? 10 : 30));
    if (in_stream)
      source_.OnWatch({.pieces = {Line("ERROR", {{"code", 410}, {"reason", "Expired"}})}});
    else
      source_.OnWatch({.end = OutOfRange("too old")});
  }
  source_.OnList(Page({Make("b", 2)}, 50));
  Start();
  WaitForRest("watch 50");
  EXPECT_THAT(Names(), ElementsAre("b"));
  EXPECT_THAT(Told(), ElementsAre("a", "b", "a"));
}

TEST_F(ReflectorTest, AListThatFailsHalfWayIsNoList) {
  source_.OnList(Page({Make("a", 1), Make("b", 2)}, 10));
  source_.OnWatch({.end = OutOfRange("too old")});
  source_.OnList(Page({Make("a", 1)}, 20, "token"));
  source_.OnList(OutOfRange("the token is too old"));
  source_.OnList(Unavailable("down"));
  source_.OnList(Page({Make("a", 1), Make("b", 2)}, 30));
  Start();
  WaitForRest("watch 30");
  EXPECT_THAT(Told(), ElementsAre("a", "b"));  // b never seemed to vanish
}

TEST_F(ReflectorTest, AKindThatIsMissingIsLookedForSoon) {
  for (int i = 0; i < 4; ++i) source_.OnList(NotFound("404 page not found"));
  source_.OnList(Page({Make("a", 1)}, 10));
  Reflector waiting({.name = "things",
                     .first_backoff = std::chrono::hours(1),
                     .longest_backoff = std::chrono::hours(1),
                     .remedy_when_missing = "install them",
                     .missing_backoff = milliseconds(1)},
                    source_, cache_, Clock::System(), Random(1), [](const ObjectName&) {});
  waiting.Start();
  EXPECT_TRUE(waiting.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(ReflectorTest, AServerThatIsAwayIsLookedForSoon) {
  source_.Answers(false);
  for (int i = 0; i < 4; ++i) source_.OnList(Unavailable("connection refused"));
  source_.OnList(Page({Make("a", 1)}, 10));
  Reflector waiting({.name = "things",
                     .first_backoff = std::chrono::hours(1),
                     .longest_backoff = std::chrono::hours(1),
                     .away_backoff = milliseconds(1)},
                    source_, cache_, Clock::System(), Random(1), [](const ObjectName&) {});
  waiting.Start();
  EXPECT_TRUE(waiting.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(ReflectorTest, AWatchThatIsCutGoesOnWhereItWas) {
  source_.OnList(Page({}, 10));
  source_.OnWatch({.pieces = {Line("ADDED", Make("a", 11)) + "{\"type\":\"ADD"}});
  source_.OnWatch({.pieces = {Line("ADDED", Make("b", 12))}, .end = Unavailable("reset")});
  source_.OnWatch({.end = ResourceExhausted("slow down")});
  Start();
  WaitForRest("watch 12");
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  EXPECT_EQ(reflector_.lists(), 1);
}

TEST_F(ReflectorTest, WhatCannotBeReadMeansANewList) {
  source_.OnList(Page({}, 10));
  source_.OnWatch({.pieces = {"half a proxy's error page\n"}});
  source_.OnList(Page({Make("a", 11)}, 20));
  Start();
  WaitForRest("watch 20");
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(ReflectorTest, AnEventToldTwiceIsToldOnce) {
  source_.OnList(Page({}, 10));
  const std::string added = Line("ADDED", Make("a", 11));
  source_.OnWatch({.pieces = {added + added}});
  Start();
  WaitForRest("watch 11");
  EXPECT_THAT(Told(), ElementsAre("a"));
}

TEST_F(ReflectorTest, AServerThatEndsEachWatchAtOnceIsNotAskedWithoutPause) {
  source_.OnList(Page({}, 10));
  for (int i = 0; i < 5; ++i) source_.OnWatch({});
  const auto begin = std::chrono::steady_clock::now();
  Start();
  EXPECT_TRUE(Eventually([&] { return reflector_.watches() == 6; }));
  // 1 + 2 + 4 + 5 + 5 ms at least.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(17));
}

TEST_F(ReflectorTest, StopEndsAWaitAtOnce) {
  ScriptedSource down;
  Reflector reflector({.name = "things", .first_backoff = seconds(100)}, down, cache_,
                      Clock::System(), Random(1), [](const ObjectName&) {});
  reflector.Start();
  EXPECT_TRUE(Eventually([&] { return reflector.lists() == 1; }));
  reflector.Stop();
  EXPECT_FALSE(reflector.WaitForSync(std::chrono::steady_clock::now() + kTestDeadline));
}

}  // namespace
}  // namespace headpond::kube
