#include "net/grpc_status.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

namespace headpond::net {
namespace {

TEST(GrpcStatusTest, EveryCodeSurvivesTheRoundTrip) {
  for (int code = 1; code <= 16; ++code) {
    const Status status(static_cast<Code>(code), "why");
    EXPECT_EQ(ToGrpc(status).error_code(), code);
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  }
  EXPECT_TRUE(ToGrpc(Status::Ok()).ok());
  EXPECT_TRUE(FromGrpc(::grpc::Status::OK).ok());
}

TEST(GrpcStatusTest, ACodeThatGrpcDoesNotDefineBecomesUnknown) {
  EXPECT_EQ(FromGrpc(::grpc::Status(static_cast<::grpc::StatusCode>(20), "x")).code(),
            Code::kUnknown);
}

TEST(SafeErrorTextTest, KeepsValidTextAsItIs) {
  EXPECT_EQ(SafeErrorText(""), "");
  EXPECT_EQ(SafeErrorText("path /a%b does not exist"), "path /a%b does not exist");
  EXPECT_EQ(SafeErrorText("Gr\xC3\xBC\xC3\x9F \xE4\xB8\xAD \xF0\x9F\x98\x80"),
            "Gr\xC3\xBC\xC3\x9F \xE4\xB8\xAD \xF0\x9F\x98\x80");
}

TEST(SafeErrorTextTest, ReplacesMalformedBytes) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(SafeErrorText("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(SafeErrorText("\xC0\x80"), bad + bad);              // overlong NUL
  EXPECT_EQ(SafeErrorText("\xED\xA0\x80"), bad + bad + bad);    // a surrogate
  EXPECT_EQ(SafeErrorText("end\xE4\xB8"), "end" + bad + bad);   // cut short
  EXPECT_EQ(SafeErrorText("\xF4\x90\x80\x80").size(), 4 * 3u);  // above U+10FFFF
}

TEST(SafeErrorTextTest, CutsLongTextAndSaysSo) {
  EXPECT_EQ(SafeErrorText(std::string(kMaxErrorTextBytes, 'x')).size(), kMaxErrorTextBytes);
  const std::string cut = SafeErrorText(std::string(kMaxErrorTextBytes + 1, 'x'));
  EXPECT_EQ(cut.size(), kMaxErrorTextBytes);
  EXPECT_THAT(cut, testing::EndsWith("x..."));
}

TEST(SafeErrorTextTest, CountsThePercentEncodingAndNeverSplitsACharacter) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "\xE4\xB8\xAD";  // 9 characters each on the wire
  const std::string cut = SafeErrorText(text);
  EXPECT_THAT(cut, testing::EndsWith("\xE4\xB8\xAD..."));
  EXPECT_EQ(cut.size() - 3, (kMaxErrorTextBytes - 3) / 9 * 3);
}

}  // namespace
}  // namespace headpond::net
