#include "master/backup_delegation.h"

#include <gmock/gmock.h>

#include <map>

#include "testing/status_matchers.h"

namespace headpond::master {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = BackupReport::State;
using std::chrono::milliseconds;

BackupReport Report(State state, const std::string& host = "", Status error = Status::Ok()) {
  return {.id = "b", .state = state, .host = host, .error = std::move(error)};
}

// Others that say what was written down for them; the last line of one is said again and again.
class ScriptedPeers final : public BackupPeers {
 public:
  struct Script {
    Peer peer;
    Result<BackupReport> begun = Report(State::kInitiating);
    std::vector<Result<BackupReport>> looks = {};
    std::function<void(Script&)> on_look = nullptr;
  };

  Script& Add(const std::string& address, uint64_t lag = 0) {
    order_.push_back(address);
    Script& script = scripts_[address];
    script.peer = {.address = address, .available = true, .lag = lag};
    return script;
  }

  std::vector<Peer> Others() const override {
    std::vector<Peer> others;
    for (const std::string& address : order_) others.push_back(scripts_.at(address).peer);
    return others;
  }
  Result<BackupReport> Begin(const std::string& address, const BackupOrder& order) override {
    EXPECT_EQ(order.sequence, 7u);
    asked.push_back(address);
    return scripts_.at(address).begun;
  }
  Result<BackupReport> Look(const std::string& address, const std::string& id) override {
    EXPECT_EQ(id, "b");
    Script& script = scripts_.at(address);
    if (script.on_look) script.on_look(script);
    if (script.looks.empty()) return Report(State::kUnknown);
    const auto said = script.looks.front();
    if (script.looks.size() > 1) script.looks.erase(script.looks.begin());
    return said;
  }

  std::vector<std::string> asked;

 private:
  std::vector<std::string> order_;
  std::map<std::string, Script> scripts_;
};

class BackupDelegationTest : public ::testing::Test {
 protected:
  Result<BackupReport> Make() { return delegation_.Make({.id = "b", .sequence = 7}); }

  ScriptedPeers peers_;
  std::vector<State> progress_;
  int pauses_ = 0;
  int last_pause_ = 1000;
  BackupDelegation delegation_{peers_,
                               {.abandon = milliseconds(100), .poll = milliseconds(1)},
                               [this](const BackupReport& now) { progress_.push_back(now.state); },
                               [this](milliseconds) { return ++pauses_ < last_pause_; }};
};

TEST_F(BackupDelegationTest, TheOneThatHasMostMakesIt) {
  peers_.Add("behind", 9);
  peers_.Add("near", 1).looks = {Report(State::kInitiating, "n"), Report(State::kRunning, "n"),
                                 Report(State::kCompleted, "n")};
  ASSERT_OK_AND_ASSIGN(const BackupReport end, Make());
  EXPECT_EQ(end.host, "n");
  EXPECT_EQ(end.state, State::kCompleted);
  EXPECT_THAT(peers_.asked, ElementsAre("near"));
  EXPECT_THAT(progress_, ElementsAre(State::kInitiating, State::kInitiating, State::kRunning));
}

TEST_F(BackupDelegationTest, OneThatIsLostIsFollowedByTheNext) {
  // Its connection breaks, and the quorum does not hear from it either.
  auto& first = peers_.Add("first");
  first.looks = {Report(State::kRunning), Unavailable("reset")};
  first.on_look = [](auto& script) { script.peer.available = script.looks.front().ok(); };
  // Was started anew.
  peers_.Add("second", 1).looks = {Report(State::kRunning), Report(State::kUnknown)};
  // Hangs, while the quorum hears from it.
  peers_.Add("third", 2).looks = {DeadlineExceeded("silent")};
  // Serves no more.
  peers_.Add("fourth", 3).looks = {Report(State::kFailed, "", Cancelled("stops"))};
  peers_.Add("fifth", 4).looks = {Report(State::kCompleted, "5")};
  last_pause_ = 1'000'000'000;
  ASSERT_OK_AND_ASSIGN(const BackupReport end, Make());
  EXPECT_EQ(end.host, "5");
  EXPECT_THAT(peers_.asked, ElementsAre("first", "second", "third", "fourth", "fifth"));
}

TEST_F(BackupDelegationTest, AShortSilenceIsBorne) {
  peers_.Add("m").looks = {Unavailable("x"), Unavailable("x"), Report(State::kCompleted)};
  ASSERT_OK_AND_ASSIGN(const BackupReport end, Make());
  EXPECT_EQ(end.state, State::kCompleted);
}

TEST_F(BackupDelegationTest, AnAnswerThatWasLostBeginsNoSecondOne) {
  auto& first = peers_.Add("first");
  first.begun = DeadlineExceeded("no answer");
  first.looks = {Report(State::kRunning), Report(State::kCompleted, "1")};
  peers_.Add("second", 1);
  ASSERT_OK_AND_ASSIGN(const BackupReport end, Make());
  EXPECT_EQ(end.host, "1");
  EXPECT_THAT(peers_.asked, ElementsAre("first"));
}

TEST_F(BackupDelegationTest, AFailureOfTheUnderStoreIsTheEnd) {
  peers_.Add("first").looks = {Report(State::kFailed, "1", PermissionDenied("not yours"))};
  peers_.Add("second", 1);
  ASSERT_OK_AND_ASSIGN(const BackupReport end, Make());
  EXPECT_THAT(end.error, StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(peers_.asked, ElementsAre("first"));
}

TEST_F(BackupDelegationTest, WhenNobodyCanItSaysWhyOfEach) {
  peers_.Add("a").peer.available = false;
  peers_.Add("b", 1).begun = FailedPrecondition("backup x is running");
  peers_.Add("c", 2).looks = {Report(State::kFailed, "c", DeadlineExceeded("not caught up"))};
  EXPECT_THAT(Make(), StatusIs(Code::kFailedPrecondition,
                               AllOf(HasSubstr("a is away"), HasSubstr("b: backup x is running"),
                                     HasSubstr("c: not caught up"))));
  EXPECT_THAT(peers_.asked, ElementsAre("b", "c"));
}

TEST_F(BackupDelegationTest, ItEndsWithTheLeader) {
  peers_.Add("m").looks = {Report(State::kRunning)};
  last_pause_ = 3;
  EXPECT_THAT(Make(), StatusIs(Code::kCancelled));
}

TEST_F(BackupDelegationTest, ANewLeaderGoesOnWithTheOneThatIsMade) {
  peers_.Add("gave-up").looks = {Report(State::kFailed, "1", Cancelled("stopped"))};
  peers_.Add("makes-it").looks = {Report(State::kRunning, "2"), Report(State::kCompleted, "2")};
  ASSERT_OK_AND_ASSIGN(const BackupReport end, delegation_.Resume("b"));
  EXPECT_EQ(end.host, "2");
  EXPECT_EQ(LookElsewhere(peers_, "b").state, State::kCompleted);
  EXPECT_TRUE(peers_.asked.empty());
}

TEST_F(BackupDelegationTest, NobodyKnowsOrItIsLost) {
  peers_.Add("m").looks = {Report(State::kUnknown)};
  EXPECT_THAT(delegation_.Resume("b"), StatusIs(Code::kNotFound));
  peers_.Add("n").looks = {Report(State::kRunning), Report(State::kUnknown)};
  EXPECT_THAT(delegation_.Resume("b"), StatusIs(Code::kNotFound));
  EXPECT_EQ(LookElsewhere(peers_, "b").state, State::kUnknown);
}

}  // namespace
}  // namespace headpond::master
