#include "base/base64.h"

#include <gtest/gtest.h>

namespace headpond {
namespace {

TEST(Base64Test, EncodesAndDecodesTheVectorsOfTheRfc) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
}

TEST(Base64Test, TheUrlAlphabetHasNoSignsOfPaths) {
  EXPECT_EQ(EncodeBase64("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(EncodeBase64Url("\xfb\xff\xfe"), "-__-");
}

TEST(Base64Test, WhatIsNoBase64IsRefused) {
  for (const std::string_view text : {"Zg=", "Z", "Zg==Zg==", "Zm9*", "Zm9v\x01"})
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  EXPECT_EQ(DecodeBase64("Zm9v\nYmFy\n"), "foobar");
}

}  // namespace
}  // namespace headpond
