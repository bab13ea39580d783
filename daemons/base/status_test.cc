#include "base/result.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace headpond {
namespace {

TEST(StatusTest, OkIsTheDefaultAndCarriesNothing) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().ToString(), "OK");
  EXPECT_EQ(Status().message(), "");
  EXPECT_EQ(sizeof(Status), sizeof(std::shared_ptr<int>));
}

TEST(StatusTest, NamesItsCodeAndMessage) {
  EXPECT_EQ(NotFound("no such file: {}", "/a").ToString(), "NOT_FOUND: no such file: /a");
}

TEST(StatusTest, ContextGoesBeforeTheMessageAndLeavesOkAlone) {
  EXPECT_EQ(NotFound("x").WithContext("mount /m").message(), "mount /m: x");
  EXPECT_TRUE(Status().WithContext("mount /m").ok());
}

TEST(StatusTest, MapsErrno) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "open /a").ToString(),
            "NOT_FOUND: open /a: No such file or directory");
  EXPECT_EQ(ErrnoStatus(ENOSPC, "write").code(), Code::kResourceExhausted);
  EXPECT_EQ(ToErrno(Code::kNotFound), ENOENT);
}

Result<int> Half(int n) {
  if (n % 2 != 0) return InvalidArgument("{} is odd", n);
  return n / 2;
}

Status QuarterInto(int n, int& quarter) {
  ASSIGN_OR_RETURN(const int half, Half(n));
  ASSIGN_OR_RETURN(quarter, Half(half));
  return Status::Ok();
}

TEST(ResultTest, MacrosPassValuesOnAndStopAtTheFirstError) {
  int quarter = 0;
  EXPECT_TRUE(QuarterInto(8, quarter).ok());
  EXPECT_EQ(quarter, 2);
  EXPECT_EQ(QuarterInto(6, quarter).message(), "3 is odd");
}

}  // namespace
}  // namespace headpond
