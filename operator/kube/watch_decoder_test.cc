#include "operator/kube/watch_decoder.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "testing/status_matchers.h"

namespace headpond::kube {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kStream =
    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\\nb\"}}}\n"
    "\n"
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}\n"
    "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n";

TEST(WatchDecoderTest, EventsAreTheSameWhereverTheStreamIsCut) {
  for (size_t cut = 0; cut <= kStream.size(); ++cut) {
    WatchDecoder decoder;
    std::vector<WatchEvent> events;
    for (const std::string_view part : {kStream.substr(0, cut), kStream.substr(cut)}) {
      ASSERT_OK_AND_ASSIGN(const auto some, decoder.Feed(part));
      events.insert(events.end(), some.begin(), some.end());
    }
    ASSERT_EQ(events.size(), 3u) << cut;
    EXPECT_EQ(events[0].type, WatchEvent::Type::kAdded);
    EXPECT_EQ((*events[0].object)["metadata"]["name"], "a\nb");
    EXPECT_EQ(events[1].type, WatchEvent::Type::kBookmark);
    EXPECT_EQ(events[2].type, WatchEvent::Type::kError);
    EXPECT_FALSE(decoder.cut());
  }
}

TEST(WatchDecoderTest, AnEventWithoutItsEndIsCut) {
  WatchDecoder decoder;
  ASSERT_OK_AND_ASSIGN(const auto events, decoder.Feed("{\"type\":\"ADDED\""));
  EXPECT_TRUE(events.empty());
  EXPECT_TRUE(decoder.cut());
}

TEST(WatchDecoderTest, WhatIsNoEventIsRefused) {
  for (const std::string_view line :
       {"nonsense\n", "[]\n", "{}\n", "{\"type\":\"ADDED\"}\n", "{\"type\":1,\"object\":{}}\n",
        "{\"type\":\"GONE\",\"object\":{}}\n", "{\"type\":\"ADDED\",\"object\":[]}\n"}) {
    WatchDecoder decoder;
    EXPECT_THAT(decoder.Feed(line).status(), StatusIs(Code::kDataLoss)) << line;
  }
}

TEST(WatchDecoderTest, ALineThatNeverEndsIsBounded) {
  WatchDecoder decoder(/*max_line=*/10);
  ASSERT_OK(decoder.Feed("0123456789").status());
  EXPECT_THAT(decoder.Feed("x").status(), StatusIs(Code::kResourceExhausted, HasSubstr("10")));
}

}  // namespace
}  // namespace headpond::kube
