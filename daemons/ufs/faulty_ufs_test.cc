#include "ufs/faulty_ufs.h"

#include <thread>

#include "testing/temp_directory.h"
#include "ufs/ufs_conformance.h"

namespace headpond::ufs {
namespace {

UfsUnderTest::Instance MakeWithoutFaults() {
  auto directory = std::make_shared<TempDirectory>();
  return {directory, MakeFaultyUfs(*OpenUfs(directory->path(), {}), std::make_shared<UfsFaults>())};
}

INSTANTIATE_TEST_SUITE_P(Faulty, UfsConformance,
                         ::testing::Values(UfsUnderTest{"WithoutFaults", MakeWithoutFaults}),
                         UfsName);

class FaultyUfsTest : public ::testing::Test {
 protected:
  void WriteFile() {
    ASSERT_OK_AND_ASSIGN(const auto writer, ufs_->Create(path_, {}));
    ASSERT_OK(writer->Append("0123456789"));
    ASSERT_OK(writer->Complete());
  }

  TempDirectory directory_;
  const std::string path_ = directory_ / "file";
  const std::shared_ptr<UfsFaults> faults_ = std::make_shared<UfsFaults>();
  const std::unique_ptr<Ufs> ufs_ = MakeFaultyUfs(*OpenUfs(directory_.path(), {}), faults_);
};

TEST_F(FaultyUfsTest, FailsAsOftenAsTold) {
  WriteFile();
  faults_->Fail(UfsOperation::kGetStatus, Unavailable("down"), 2);
  EXPECT_THAT(ufs_->GetStatus(path_), StatusIs(Code::kUnavailable, "down"));
  EXPECT_THAT(ufs_->GetStatus(path_), StatusIs(Code::kUnavailable));
  EXPECT_OK(ufs_->GetStatus(path_));
  EXPECT_EQ(faults_->calls(UfsOperation::kGetStatus), 3);
}

TEST_F(FaultyUfsTest, AFailedCompleteLeavesNothing) {
  faults_->Fail(UfsOperation::kComplete, ResourceExhausted("full"));
  {
    ASSERT_OK_AND_ASSIGN(const auto writer, ufs_->Create(path_, {}));
    EXPECT_THAT(writer->Complete(), StatusIs(Code::kResourceExhausted));
  }
  faults_->Clear();
  EXPECT_THAT(ufs_->GetStatus(path_), StatusIs(Code::kNotFound));
}

TEST_F(FaultyUfsTest, CutsFilesShort) {
  WriteFile();
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_->Open(path_));
  faults_->CutFilesAt(4);
  char buffer[10];
  EXPECT_THAT(reader->ReadAt(0, 10, buffer), IsOkAndHolds(4u));
  EXPECT_THAT(reader->ReadAt(6, 4, buffer), IsOkAndHolds(0u));
}

TEST_F(FaultyUfsTest, HoldsCallsUntilReleased) {
  WriteFile();
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_->Open(path_));
  faults_->Hold(UfsOperation::kRead);
  char buffer[10];
  std::thread slow([&] { EXPECT_THAT(reader->ReadAt(0, 10, buffer), IsOkAndHolds(10u)); });
  EXPECT_TRUE(faults_->AwaitHeld(UfsOperation::kRead));
  EXPECT_OK(ufs_->GetStatus(path_));  // others go on
  faults_->Release(UfsOperation::kRead);
  slow.join();
}

}  // namespace
}  // namespace headpond::ufs
