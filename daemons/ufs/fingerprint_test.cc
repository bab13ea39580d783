#include <gmock/gmock.h>

#include "ufs/ufs.h"

namespace headpond::ufs {
namespace {

UfsStatus File() {
  return {.name = "f",
          .length = 3,
          .owner = "root",
          .group = "root",
          .mode = 0644,
          .content_hash = "(len:3, modtime:1795353264138)"};
}

// Texts as a 2.9.6 server makes them for the same files.
TEST(FingerprintTest, IsStocks) {
  EXPECT_EQ(Fingerprint("local", File()),
            "TYPE|FILE UFS|local OWNER|root GROUP|root MODE|420 "
            "CONTENT_HASH|(len:3,_modtime:1795353264138) ");
  EXPECT_EQ(
      Fingerprint("local", {.is_directory = true, .owner = "root", .group = "root", .mode = 0755}),
      "TYPE|DIRECTORY UFS|local OWNER|root GROUP|root MODE|493 ");
}

TEST(FingerprintTest, ValuesCannotForgeTags) {
  UfsStatus status = File();
  status.owner = "a GROUP|b";
  status.group = "";
  EXPECT_EQ(Fingerprint("local", status),
            "TYPE|FILE UFS|local OWNER|a_GROUP_b GROUP|_ MODE|420 "
            "CONTENT_HASH|(len:3,_modtime:1795353264138) ");
}

TEST(FingerprintTest, SameContentLooksAtTypeStoreAndHashOnly) {
  UfsStatus other_metadata = File();
  other_metadata.owner = "alice";
  other_metadata.mode = 0600;
  UfsStatus other_content = File();
  other_content.content_hash = "(len:4, modtime:1795353264138)";
  UfsStatus directory = File();
  directory.is_directory = true;
  const std::string base = Fingerprint("local", File());
  EXPECT_TRUE(SameContent(base, base));
  EXPECT_TRUE(SameContent(base, Fingerprint("local", other_metadata)));
  EXPECT_FALSE(SameContent(base, Fingerprint("local", other_content)));
  EXPECT_FALSE(SameContent(base, Fingerprint("s3", File())));
  EXPECT_FALSE(SameContent(base, Fingerprint("local", directory)));
  EXPECT_TRUE(SameContent(Fingerprint("local", directory), Fingerprint("local", directory)));
}

TEST(FingerprintTest, WhatIsNoFingerprintMatchesNothing) {
  EXPECT_FALSE(SameContent("", ""));
  EXPECT_FALSE(SameContent("x", "x"));
  EXPECT_FALSE(SameContent("TYPE|", "TYPE|"));
  EXPECT_FALSE(SameContent(Fingerprint("local", File()), ""));
}

}  // namespace
}  // namespace headpond::ufs
