#include "base/host_port.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond {
namespace {

using ::testing::HasSubstr;

TEST(HostPortTest, ThePortFollowsTheLastColon) {
  struct Case {
    const char* text;
    HostPort expected;
  };
  const Case cases[] = {{"m-1:19998", {"m-1", 19998}},
                        {"m-1:1", {"m-1", 1}},
                        {"m-1:65535", {"m-1", 65535}},
                        {"[::1]:80", {"[::1]", 80}},
                        {":80", {"", 80}}};
  for (const Case& c : cases) {
    ASSERT_OK_AND_ASSIGN(const HostPort parsed, ParseHostPort(c.text));
    EXPECT_EQ(parsed, c.expected) << c.text;
    EXPECT_EQ(parsed.ToString(), c.text);
  }
}

TEST(HostPortTest, WithoutAColonTheDefaultIsTaken) {
  ASSERT_OK_AND_ASSIGN(const HostPort parsed, ParseHostPort("m-1", 19998));
  EXPECT_EQ(parsed, (HostPort{"m-1", 19998}));
  EXPECT_THAT(ParseHostPort("m-1"),
              StatusIs(Code::kInvalidArgument, HasSubstr("m-1 is not host:port")));
}

TEST(HostPortTest, WhatIsNoPortIsRefused) {
  for (const char* text : {"m:", "m:0", "m:65536", "m:99999999999", "m:-1", "m:80x", "m:x"})
    EXPECT_THAT(ParseHostPort(text, 1), StatusIs(Code::kInvalidArgument, HasSubstr(text))) << text;
}

}  // namespace
}  // namespace headpond
