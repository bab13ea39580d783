#include <sys/wait.h>
#include <unistd.h>

#include "io/env_conformance.h"
#include "io/faulty_env.h"
#include "io/mem_env.h"
#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::io {
namespace {

using ::testing::HasSubstr;

struct PosixTraits {
  Env& env() { return Env::Posix(); }
  std::string root() { return directory.path(); }
  TempDirectory directory;
};

struct MemTraits {
  MemTraits() { EXPECT_OK(mem.CreateDirectories("/root")); }
  Env& env() { return mem; }
  std::string root() { return "/root"; }
  MemEnv mem;
};

struct FaultyTraits {
  FaultyTraits() { EXPECT_OK(mem.CreateDirectories("/root")); }
  Env& env() { return faulty; }
  std::string root() { return "/root"; }
  MemEnv mem;
  FaultyEnv faulty{mem, /*seed=*/1};
};

struct FaultyPosixTraits {
  Env& env() { return faulty; }
  std::string root() { return directory.path(); }
  TempDirectory directory;
  FaultyEnv faulty{Env::Posix(), /*seed=*/1};
};

using AllEnvs = ::testing::Types<PosixTraits, MemTraits, FaultyTraits, FaultyPosixTraits>;
INSTANTIATE_TYPED_TEST_SUITE_P(All, EnvConformance, AllEnvs);

TEST(ParentDirectoryTest, IsWhatHoldsThePath) {
  EXPECT_EQ(ParentDirectory("/a/b"), "/a");
  EXPECT_EQ(ParentDirectory("/a"), "/");
  EXPECT_EQ(ParentDirectory("a"), ".");
}

TEST(PosixEnvTest, LockNamesTheProcessThatHoldsItAndDiesWithIt) {
  TempDirectory directory;
  const std::string path = directory.path() + "/LOCK";
  int ready[2], finish[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(finish), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = Env::Posix().Lock(path);
    char byte = held.ok() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(finish[0], &byte, 1) < 0) ::_exit(1);
    ::_exit(0);  // without releasing it
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto refused = Env::Posix().Lock(path);
  EXPECT_THAT(refused, StatusIs(Code::kUnavailable));
  EXPECT_THAT(refused.status().message(),
              HasSubstr("held by pid " + std::to_string(child) + " on "));
  ASSERT_EQ(::write(finish[1], "x", 1), 1);
  int outcome = 0;
  ASSERT_EQ(::waitpid(child, &outcome, 0), child);
  EXPECT_OK(Env::Posix().Lock(path));
  for (const int fd : {ready[0], ready[1], finish[0], finish[1]}) ::close(fd);
}

TEST(PosixEnvTest, SaysThatTheDiskIsFull) {
  auto file = Env::Posix().OpenForWrite("/dev/full", OpenMode::kAppend);
  ASSERT_OK(file);
  const Status status = (*file)->Append("x");
  EXPECT_THAT(status, StatusIs(Code::kResourceExhausted));
  EXPECT_EQ(status.message(), "write /dev/full: No space left on device");
}

}  // namespace
}  // namespace headpond::io
