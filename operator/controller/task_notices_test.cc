#include <gmock/gmock.h>

#include "operator/controller/task_status.h"

namespace headpond::controller {
namespace {

using plan::RunPhase;
using plan::TaskState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Told(const TaskState& before, const TaskState& after) {
  std::vector<std::string> lines;
  for (const Notice& notice : TaskNotices(before, after, "i:1"))
    lines.push_back((notice.warning ? "Warning " : "Normal ") + notice.reason + ": " + notice.text);
  return lines;
}

TEST(TaskNoticesTest, AWorkThatGoesWellIsToldStepByStep) {
  const TaskState none;
  const TaskState admitted{.admitted = true};
  EXPECT_THAT(Told(none, admitted), ElementsAre("Normal Pulled: image i:1 is there"));
  TaskState running = admitted;
  running.runs = {
      {.phase = RunPhase::kRunning, .container_id = "0123456789abcdef", .started_at_ms = 1000}};
  EXPECT_THAT(Told(admitted, running),
              ElementsAre("Normal Started: run 0, try 0 runs in container 0123456789ab"));
  EXPECT_THAT(Told(running, running), IsEmpty());
  TaskState done = running;
  done.runs[0].phase = RunPhase::kSucceeded;
  done.runs[0].exit_code = 0;
  done.finished_at_ms = 2000;
  EXPECT_THAT(Told(running, done), ElementsAre("Normal Finished: run 0, try 0 has done its work",
                                               "Normal Complete: the task is complete"));
}

TEST(TaskNoticesTest, AFailureIsToldWithItsReasonAndTriedAgain) {
  TaskState running{.admitted = true};
  running.runs = {{.phase = RunPhase::kRunning, .container_id = "c", .started_at_ms = 1000}};
  TaskState again = running;
  again.runs[0] = {.attempt = 1,
                   .failures = 1,
                   .phase = RunPhase::kPending,
                   .exit_code = 3,
                   .reason = "Error",
                   .message = "no input",
                   .started_at_ms = 1000};
  EXPECT_THAT(
      Told(running, again),
      ElementsAre("Warning Failed: run 0, try 0 failed with exit code 3 (Error): no input"));
  TaskState over = again;
  over.runs[0].phase = RunPhase::kFailed;
  over.runs[0].failures = 2;
  over.runs[0].started_at_ms = 5000;
  over.ending = "BackoffLimitExceeded";
  over.ending_message = "run 0 failed twice";
  over.finished_at_ms = 6000;
  EXPECT_THAT(Told(again, over),
              ElementsAre("Normal Started: run 0, try 1 runs in container ",
                          "Warning Failed: run 0, try 1 failed with exit code 3 (Error): no input",
                          "Warning BackoffLimitExceeded: the task has failed: run 0 failed twice"));
}

}  // namespace
}  // namespace headpond::controller
