#include <gmock/gmock.h>

#include <atomic>

#include "master/inline_master_testing.h"

namespace headpond::master {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr SyncPolicy kNever{-1};
constexpr SyncPolicy kAlways{0};

class MetadataSyncTest : public ::testing::Test {
 protected:
  int64_t LengthOf(const std::string& path, SyncPolicy sync) {
    const auto info = master_.GetStatus(path, sync);
    return info.ok() ? info->length : -1;
  }
  meta::InodeId IdOf(const std::string& path) { return master_.GetStatus(path)->file_id; }
  void RemoveUfs(const std::string& relative) {
    std::filesystem::remove_all(master_.UfsPath(relative));
  }

  InlineMaster master_;
};

TEST_F(MetadataSyncTest, WithoutAComparisonWhatIsKnownStays) {
  master_.WriteUfs("f", "one");
  EXPECT_EQ(LengthOf("/f", kNever), 3);
  master_.WriteUfs("f", "longer");
  EXPECT_EQ(LengthOf("/f", kNever), 3);
}

TEST_F(MetadataSyncTest, AChangedFileIsAnotherFile) {
  master_.WriteUfs("f", "one");
  EXPECT_EQ(LengthOf("/f", kNever), 3);
  const meta::InodeId before = IdOf("/f");
  master_.WriteUfs("f", "longer");
  EXPECT_EQ(LengthOf("/f", kAlways), 6);
  // Blocks of the former content can't be read as blocks of the new one.
  EXPECT_NE(IdOf("/f"), before);
}

TEST_F(MetadataSyncTest, AFileOfTheSameLengthIsKnownByItsModificationTime) {
  master_.WriteUfs("f", "one");
  const meta::InodeId before = IdOf("/f");
  master_.WriteUfs("f", "two");
  std::filesystem::last_write_time(
      master_.UfsPath("f"), std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  ASSERT_OK(master_.GetStatus("/f", kAlways));
  EXPECT_NE(IdOf("/f"), before);
}

TEST_F(MetadataSyncTest, AnUnchangedFileStaysItself) {
  master_.WriteUfs("d/f", "one");
  const meta::InodeId before = IdOf("/d/f");
  ASSERT_OK(master_.GetStatus("/d/f", kAlways));
  ASSERT_OK(master_.List("/", /*recursive=*/true, kAlways));
  EXPECT_EQ(IdOf("/d/f"), before);
}

TEST_F(MetadataSyncTest, AChangedModeIsTakenOverInPlace) {
  master_.WriteUfs("f", "one");
  const meta::InodeId before = IdOf("/f");
  std::filesystem::permissions(master_.UfsPath("f"), std::filesystem::perms(0600));
  EXPECT_EQ(master_.GetStatus("/f", kAlways)->mode, 0600);
  EXPECT_EQ(IdOf("/f"), before);
}

TEST_F(MetadataSyncTest, ARemovedFileIsGone) {
  master_.WriteUfs("d/f", "one");
  ASSERT_OK(master_.GetStatus("/d/f"));
  RemoveUfs("d/f");
  EXPECT_THAT(master_.Exists("/d/f", kNever), IsOkAndHolds(true));
  EXPECT_THAT(master_.Exists("/d/f", kAlways), IsOkAndHolds(false));
  EXPECT_THAT(master_.GetStatus("/d/f"), StatusIs(Code::kNotFound));
}

TEST_F(MetadataSyncTest, ANewFileShowsInADirectoryThatWasListedBefore) {
  master_.WriteUfs("d/a", "1");
  EXPECT_THAT(master_.List("/d"), IsOkAndHolds(ElementsAre("/d/a")));
  master_.WriteUfs("d/b", "2");
  EXPECT_THAT(master_.List("/d", false, kNever), IsOkAndHolds(ElementsAre("/d/a")));
  EXPECT_THAT(master_.GetStatus("/d/b", kNever), StatusIs(Code::kNotFound));
  EXPECT_EQ(LengthOf("/d/b", kAlways), 1);
  master_.WriteUfs("d/c", "3");
  EXPECT_THAT(master_.List("/d", false, kAlways),
              IsOkAndHolds(ElementsAre("/d/a", "/d/b", "/d/c")));
}

TEST_F(MetadataSyncTest, AListingComparesChildrenButNotWhatIsBelowThem) {
  master_.WriteUfs("d/gone", "1");
  master_.WriteUfs("d/sub/deep", "2");
  ASSERT_OK(master_.List("/", /*recursive=*/true));
  RemoveUfs("d/gone");
  RemoveUfs("d/sub/deep");
  EXPECT_THAT(master_.List("/d", false, kAlways), IsOkAndHolds(ElementsAre("/d/sub")));
  EXPECT_THAT(master_.Exists("/d/sub/deep", kNever), IsOkAndHolds(true));
  EXPECT_THAT(master_.List("/d", true, kAlways), IsOkAndHolds(ElementsAre("/d/sub")));
  EXPECT_THAT(master_.Exists("/d/sub/deep", kNever), IsOkAndHolds(false));
}

TEST_F(MetadataSyncTest, AFileThatBecameADirectoryIsOne) {
  master_.WriteUfs("x", "file");
  ASSERT_OK(master_.GetStatus("/x"));
  RemoveUfs("x");
  master_.WriteUfs("x/inner", "12345");
  EXPECT_EQ(LengthOf("/x/inner", kAlways), 5);
  EXPECT_TRUE(master_.GetStatus("/x")->folder);
}

TEST_F(MetadataSyncTest, ADirectoryThatBecameAFileIsOneAndWhatWasInItIsGone) {
  master_.WriteUfs("x/inner", "12345");
  ASSERT_OK(master_.List("/x"));
  RemoveUfs("x");
  master_.WriteUfs("x", "file");
  EXPECT_EQ(LengthOf("/x", kAlways), 4);
  EXPECT_FALSE(master_.GetStatus("/x")->folder);
  EXPECT_THAT(master_.Exists("/x/inner", kAlways), IsOkAndHolds(false));
}

TEST_F(MetadataSyncTest, WhatOnlyExistsHereIsNotTheUnderStoresToRemove) {
  master_.WriteUfs("d/a", "1");
  ASSERT_OK(master_.List("/d"));
  ASSERT_OK(master_.CreateFile("/d/open"));
  RemoveUfs("d");
  EXPECT_THAT(master_.List("/d", true, kAlways), IsOkAndHolds(ElementsAre("/d/open")));
}

TEST_F(MetadataSyncTest, AnIntervalSparesTheUnderStoreUntilItEnds) {
  constexpr SyncPolicy kEachSecond{1000};
  master_.WriteUfs("f", "1");
  EXPECT_EQ(LengthOf("/f", kEachSecond), 1);
  master_.WriteUfs("f", "22");
  master_.clock.Advance(std::chrono::milliseconds(999));
  EXPECT_EQ(LengthOf("/f", kEachSecond), 1);
  master_.clock.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(LengthOf("/f", kEachSecond), 2);
}

TEST_F(MetadataSyncTest, ChangesCompareFirst) {
  master_.WriteUfs("d/a", "1");
  ASSERT_OK(master_.List("/d"));
  master_.WriteUfs("d/new", "2");
  EXPECT_THAT(master_.CreateFile("/d/new", kAlways), StatusIs(Code::kAlreadyExists));
  RemoveUfs("d/a");
  EXPECT_OK(master_.CreateFile("/d/a", kAlways));
}

TEST_F(MetadataSyncTest, NeedsSyncMakesTheNextUseCompareOnce) {
  master_.WriteUfs("f", "1");
  ASSERT_OK(master_.GetStatus("/f"));
  master_.WriteUfs("f", "22");
  EXPECT_EQ(LengthOf("/f", kNever), 1);
  ASSERT_OK(Await<Status>(
      [&](auto done) { master_.files->NeedsSync(meta::Caller::Internal(), "/f", done); }));
  master_.clock.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(LengthOf("/f", kNever), 2);
  master_.WriteUfs("f", "333");
  EXPECT_EQ(LengthOf("/f", kNever), 2);
}

TEST_F(MetadataSyncTest, LoadTypeAlwaysAddsWhatIsNewAndLeavesWhatIsKnown) {
  master_.WriteUfs("d/a", "1");
  master_.WriteUfs("d/sub/x", "1");
  ASSERT_OK(master_.List("/d", true));
  master_.WriteUfs("d/a", "22");
  master_.WriteUfs("d/sub/y", "1");
  std::vector<std::string> paths;
  ASSERT_OK(Await<Status>([&](auto done) {
    master_.files->List(
        {.caller = meta::Caller::Internal(), .path = "/d", .recursive = true},
        LoadMetadata::kAlways, kNever, 100,
        [&](std::vector<meta::FileInfo> batch) {
          for (const auto& info : batch) paths.push_back(info.path);
          return true;
        },
        done);
  }));
  EXPECT_THAT(paths, ElementsAre("/d/a", "/d/sub", "/d/sub/x", "/d/sub/y"));
  EXPECT_EQ(LengthOf("/d/a", kNever), 1);
}

TEST_F(MetadataSyncTest, CheckConsistencyNamesWhatDiffersAndChangesNothing) {
  for (const char* name : {"d/same", "d/gone", "d/longer"}) master_.WriteUfs(name, "1");
  ASSERT_OK(master_.List("/", true));
  ASSERT_OK(master_.CreateFile("/d/only-here"));
  RemoveUfs("d/gone");
  master_.WriteUfs("d/longer", "22");
  const auto check = [&] {
    return Await<Result<std::vector<std::string>>>(
        [&](auto done) { master_.files->CheckConsistency(meta::Caller::Internal(), "/", done); });
  };
  EXPECT_THAT(check(), IsOkAndHolds(ElementsAre("/d/gone", "/d/longer")));
  EXPECT_THAT(check(), IsOkAndHolds(ElementsAre("/d/gone", "/d/longer")));
  RemoveUfs("d");
  EXPECT_THAT(check(), IsOkAndHolds(ElementsAre("/d", "/d/gone", "/d/longer", "/d/same")));
}

TEST(MetadataSyncFailureTest, AnUnderStoreThatDoesNotAnswerFailsTheComparisonOnly) {
  std::atomic<bool> down{false};
  InlineMaster master(
      {}, [&](const std::string& uri, const auto& properties) -> Result<std::unique_ptr<ufs::Ufs>> {
        if (down) return Unavailable("the store at {} does not answer", uri);
        return ufs::OpenUfs(uri, properties);
      });
  master.WriteUfs("f", "1");
  down = true;
  EXPECT_THAT(master.GetStatus("/f", kAlways), StatusIs(Code::kUnavailable, HasSubstr("answer")));
  down = false;
  ASSERT_OK(master.GetStatus("/f", kAlways));
  EXPECT_OK(master.GetStatus("/f", kNever));
}

}  // namespace
}  // namespace headpond::master
