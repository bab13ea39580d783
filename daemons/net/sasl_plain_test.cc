#include "net/sasl_plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headpond::net {
namespace {

using testing::HasSubstr;
using testing::Not;

// A literal with its NUL bytes.
template <size_t n>
std::string Bytes(const char (&text)[n]) {
  return std::string(text, n - 1);
}

TEST(ParsePlainTest, AcceptsThreePartsAndDefaultsTheAuthorizationUser) {
  struct Case {
    std::string message, authorization_user, authentication_user, password;
  };
  const Case cases[] = {
      {Bytes("\0alice\0noPassword"), "alice", "alice", "noPassword"},
      {Bytes("alice\0alice\0noPassword"), "alice", "alice", "noPassword"},
      {Bytes("bob\0alice\0secret"), "bob", "alice", "secret"},
      {Bytes("\0a\0 "), "a", "a", " "},
      {Bytes("\0J\xC3\xBCrgen\0x"), "J\xC3\xBCrgen", "J\xC3\xBCrgen", "x"},
  };
  for (const Case& c : cases) {
    const auto credentials = ParsePlain(c.message);
    ASSERT_TRUE(credentials.ok()) << testing::PrintToString(c.message)
                                  << credentials.status().ToString();
    EXPECT_EQ(credentials->authorization_user, c.authorization_user);
    EXPECT_EQ(credentials->authentication_user, c.authentication_user);
    EXPECT_EQ(credentials->password, c.password);
  }
}

TEST(ParsePlainTest, RefusesAnythingElseAsUnauthenticated) {
  const std::string cases[] = {
      "",
      "alice",
      Bytes("alice\0secret"),
      Bytes("\0alice"),
      Bytes("\0alice\0"),      // no password
      Bytes("\0\0secret"),     // no user
      Bytes("bob\0\0secret"),  // nor with an authorization user
      Bytes("\0\0"),
      Bytes("\0alice\0secret\0"),  // a fourth part, though empty
      Bytes("\0alice\0sec\0ret"),
      Bytes("\0ali\nce\0secret"),
      Bytes("\x1b[1m\0alice\0secret"),
      Bytes("\0ali\xFF\0secret"),  // no UTF-8
      std::string(kMaxPlainMessageBytes + 1, 'a'),
  };
  for (const std::string& message : cases) {
    const auto credentials = ParsePlain(message);
    ASSERT_FALSE(credentials.ok()) << testing::PrintToString(message);
    EXPECT_EQ(credentials.status().code(), Code::kUnauthenticated);
    EXPECT_THAT(credentials.status().message(), Not(HasSubstr("secret")));
  }
}

TEST(FormatPlainTest, IsTheInverseOfParsing) {
  for (const char* target : {"alice", "bob"}) {
    const auto credentials = ParsePlain(FormatPlain(
        {.authorization_user = target, .authentication_user = "alice", .password = "p"}));
    ASSERT_TRUE(credentials.ok());
    EXPECT_EQ(credentials->authorization_user, target);
    EXPECT_EQ(credentials->authentication_user, "alice");
    EXPECT_EQ(credentials->password, "p");
  }
  EXPECT_EQ(FormatPlain({"alice", "alice", "p"}), Bytes("\0alice\0p"));
}

}  // namespace
}  // namespace headpond::net
