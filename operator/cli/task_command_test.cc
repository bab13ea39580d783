// `headpond task` against a real operator and a fake Docker Engine.
#include "operator/cli/task_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "operator/testing/fake_engine.h"
#include "testing/temp_directory.h"

namespace headpond::operator_cli {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::chrono::seconds kDeadline(60);

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

bool WaitFor(const std::function<bool()>& done) {
  const auto deadline = steady_clock::now() + kDeadline;
  while (!done()) {
    if (steady_clock::now() >= deadline) return false;
    ::poll(nullptr, 0, 20);
  }
  return true;
}

class TaskCommandTest : public ::testing::Test {
 protected:
  TaskCommandTest() : home_(directory_ / "home") {
    engine_.AddImage("work:1");
    ::setenv("HEADPOND_HOME", home_.c_str(), 1);
    ::setenv("DOCKER_HOST", engine_.endpoint().name.c_str(), 1);
    ::setenv("KUBECONFIG", (home_ + "/api/kubeconfig").c_str(), 1);
    std::vector<std::string> words = {OPERATOR_PATH, "run", "--home", home_};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    const std::string log = directory_ / "log";
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT,
                                       0600);
    EXPECT_EQ(::posix_spawn(&operator_, argv[0], &actions, nullptr, argv.data(), ::environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    EXPECT_TRUE(WaitFor([&] { return std::filesystem::exists(home_ + "/api/kubeconfig"); }));
    EXPECT_TRUE(WaitFor([&] { return Run({"list"}).exit_code == 0; }));
  }
  ~TaskCommandTest() override {
    ::kill(operator_, SIGTERM);
    ::waitpid(operator_, nullptr, 0);
    for (const char* name : {"HEADPOND_HOME", "DOCKER_HOST", "KUBECONFIG"}) ::unsetenv(name);
  }

  static Outcome Run(const std::vector<std::string>& words) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Outcome outcome{.exit_code = TaskMain(words)};
    outcome.out = ::testing::internal::GetCapturedStdout();
    outcome.err = ::testing::internal::GetCapturedStderr();
    return outcome;
  }
  json Tasks() { return json::parse(Run({"list", "-o", "json"}).out)["items"]; }
  std::string PhaseOf(size_t index) {
    const json tasks = Tasks();
    const json status = tasks.at(index).value("status", json::object());
    return status.value("phase", "");
  }
  // Ends the only container as soon as it runs; the thread ends with the test.
  std::thread FinishWith(int exit_code) {
    return std::thread([this, exit_code] {
      std::string name;
      EXPECT_TRUE(WaitFor([&] {
        const auto names = engine_.containers();
        name = names.empty() ? "" : names.back();
        return !name.empty() && engine_.IsRunning(name);
      }));
      engine_.Finish(name, exit_code);
    });
  }

  TempDirectory directory_;
  const std::string home_;
  testing_operator::FakeEngine engine_;
  pid_t operator_ = 0;
};

TEST_F(TaskCommandTest, RunWithWaitShowsTheOutputAndReturnsTheExitCode) {
  std::thread finisher = FinishWith(7);
  const Outcome failed = Run({"run", "job", "--image", "work:1", "--wait", "--", "work", "hard"});
  finisher.join();
  EXPECT_EQ(failed.exit_code, 7) << failed.err;
  // The work prints to its standard error.
  EXPECT_THAT(failed.err, AllOf(HasSubstr("task job is created"), HasSubstr("printed by job-"),
                                HasSubstr("task job has ended as Failed")));
  EXPECT_EQ(failed.out, "");
  EXPECT_EQ(engine_.CreateBody(engine_.containers().at(0))["Entrypoint"], json({"work", "hard"}));
  const Outcome again = Run({"run", "job", "--image", "work:1", "--", "work"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("task job is there already; `headpond task cancel --delete"));
}

TEST_F(TaskCommandTest, ListIsATableJsonOrYaml) {
  EXPECT_THAT(Run({"list"}).out, HasSubstr("there are no tasks in namespace default"));
  ASSERT_EQ(Run({"run", "job", "--image", "work:1", "-e", "A=1", "--", "work"}).exit_code, 0);
  ASSERT_TRUE(WaitFor([&] { return PhaseOf(0) == "Running"; }));
  EXPECT_THAT(Run({"list"}).out, AllOf(HasSubstr("NAME"), HasSubstr("COMPLETIONS"),
                                       HasSubstr("job "), HasSubstr("Running"), HasSubstr("0/1")));
  const json tasks = Tasks();
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(tasks[0]["metadata"]["name"], "job");
  EXPECT_EQ(tasks[0]["spec"]["container"]["env"][0]["name"], "A");
  EXPECT_THAT(Run({"list", "-o", "yaml"}).out, HasSubstr("kind: ContainerTask"));
  EXPECT_EQ(Run({"list", "-o", "xml"}).exit_code, 1);
}

TEST_F(TaskCommandTest, FollowedLogsEndWithTheTask) {
  ASSERT_EQ(Run({"run", "job", "--image", "work:1", "--", "work"}).exit_code, 0);
  std::thread finisher = FinishWith(0);
  const Outcome logs = Run({"logs", "-f", "job"});
  finisher.join();
  EXPECT_EQ(logs.exit_code, 0) << logs.err;
  EXPECT_THAT(logs.err, HasSubstr("printed by job-"));
  ASSERT_TRUE(WaitFor([&] { return PhaseOf(0) == "Complete"; }));
  EXPECT_THAT(Run({"logs", "job"}).err, HasSubstr("printed by job-"));
}

TEST_F(TaskCommandTest, CancelEndsATaskAndDeleteRemovesIt) {
  ASSERT_EQ(Run({"run", "job", "--image", "work:1", "--", "work"}).exit_code, 0);
  ASSERT_TRUE(WaitFor([&] { return PhaseOf(0) == "Running"; }));
  const Outcome cancelled = Run({"cancel", "job"});
  EXPECT_EQ(cancelled.exit_code, 0);
  EXPECT_THAT(cancelled.err, HasSubstr("task job is cancelled"));
  ASSERT_TRUE(WaitFor([&] { return Run({"cancel", "job"}).exit_code == 1; }));
  EXPECT_THAT(Run({"cancel", "job"}).err, HasSubstr("task job has ended already, as "));
  EXPECT_FALSE(engine_.IsRunning(engine_.containers().at(0)));
  EXPECT_EQ(Run({"cancel", "job", "--delete"}).exit_code, 0);
  ASSERT_TRUE(WaitFor([&] { return Tasks().empty(); }));
  EXPECT_TRUE(engine_.containers().empty());
}

TEST_F(TaskCommandTest, WhatIsWrongIsSaid) {
  const auto says = [&](const std::vector<std::string>& words, const char* what) {
    const Outcome outcome = Run(words);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr(what));
  };
  says({"logs", "nobody"}, "there is no task nobody in namespace default");
  says({"cancel", "nobody"}, "there is no task nobody in namespace default");
  says({"run", "job", "--image", "work:1", "-v", "/here", "--", "work"}, "--volume /here: write");
  says({"run", "job", "--image", "work:1", "-e", "A", "--", "work"}, "--env A: write NAME=VALUE");
  says({"run", "job", "--", "work"}, "image");
  says({"run", std::string(53, 'j'), "--image", "work:1", "--", "work"}, "metadata.name");
  ::setenv("KUBECONFIG", "/nowhere", 1);
  says({"list"}, "tasks need an API: `headpond-operator run` serves one");
}

}  // namespace
}  // namespace headpond::operator_cli
