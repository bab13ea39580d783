#include "base/run_program.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond {
namespace {

using ::testing::HasSubstr;

ProgramCall Shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}};
}

TEST(RunProgramTest, GivesWhatItPrintsAndHowItEnds) {
  ProgramCall call = Shell("read line; echo \"$A $line\"; echo dropped >&2");
  call.environment["A"] = "a";
  call.input = "b\n";
  ASSERT_OK_AND_ASSIGN(const ProgramOutcome good, RunProgram(call));
  EXPECT_TRUE(good.succeeded);
  EXPECT_EQ(good.output, "a b\n");
  ASSERT_OK_AND_ASSIGN(const ProgramOutcome bad, RunProgram(Shell("echo no; exit 3")));
  EXPECT_FALSE(bad.succeeded);
  EXPECT_EQ(bad.output, "no\n");
}

TEST(RunProgramTest, OneThatTakesTooLongIsKilledWithAllThatItStarted) {
  ProgramCall call = Shell("while :; do :; done & wait");
  call.deadline = std::chrono::milliseconds(50);
  EXPECT_THAT(RunProgram(call), StatusIs(Code::kDeadlineExceeded, HasSubstr("doesn't answer")));
}

TEST(RunProgramTest, OneThatSaysTooMuchIsKilled) {
  EXPECT_THAT(RunProgram(Shell("while :; do echo more and more; done")),
              StatusIs(Code::kResourceExhausted));
}

TEST(RunProgramTest, OneThatIsNotThereIsNamed) {
  EXPECT_THAT(RunProgram({.program = "/nowhere/program"}),
              StatusIs(Code::kNotFound, HasSubstr("/nowhere/program")));
}

}  // namespace
}  // namespace headpond
