#include "cache/space_check.h"

#include <gmock/gmock.h>

#include "testing/temp_directory.h"

namespace headpond::cache {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMoreThanAnyDisk = int64_t{1} << 60;

TEST(SpaceCheckTest, IsSilentWhenTheQuotasFit) {
  const TempDirectory directory;
  EXPECT_THAT(SpaceWarnings({{directory.path(), 1000, 0}}), IsEmpty());
  EXPECT_THAT(SpaceWarnings({}), IsEmpty());
}

TEST(SpaceCheckTest, NamesTheDirectoryAndTheFigures) {
  const TempDirectory directory;
  EXPECT_THAT(
      SpaceWarnings({{directory.path(), kMoreThanAnyDisk, 7}}),
      Contains(AllOf(HasSubstr(directory.path()), HasSubstr(std::to_string(kMoreThanAnyDisk)),
                     HasSubstr("7 of them used"), HasSubstr("bytes left"))));
}

TEST(SpaceCheckTest, AddsUpTheDirectoriesOfOneFileSystem) {
  const TempDirectory one, two;
  const int64_t half = kMoreThanAnyDisk / 2;
  EXPECT_THAT(SpaceWarnings({{one.path(), half, 0}, {two.path(), half, 0}}),
              Contains(AllOf(HasSubstr(one.path() + ", " + two.path()),
                             HasSubstr(std::to_string(kMoreThanAnyDisk)))));
}

TEST(SpaceCheckTest, WhatIsUsedAlreadyNeedsNoRoom) {
  const TempDirectory directory;
  EXPECT_THAT(SpaceWarnings({{directory.path(), kMoreThanAnyDisk, kMoreThanAnyDisk - 10}}),
              testing::Not(Contains(HasSubstr("bytes left"))));
}

TEST(SpaceCheckTest, PassesOverDirectoriesThatAreGone) {
  EXPECT_THAT(SpaceWarnings({{"/no/such/directory", kMoreThanAnyDisk, 0}}), IsEmpty());
}

}  // namespace
}  // namespace headpond::cache
