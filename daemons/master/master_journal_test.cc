#include "master/master_journal.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond::master {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

Config QuorumOf(const std::string& addresses, const std::string& hostname = "m-1",
                const std::string& port = "19200") {
  Config config;
  EXPECT_OK(config.Set("alluxio.master.embedded.journal.addresses", addresses));
  EXPECT_OK(config.Set("alluxio.master.hostname", hostname));
  EXPECT_OK(config.Set("alluxio.master.embedded.journal.port", port));
  return config;
}

TEST(ParseQuorumTest, MastersAgreeOnIdsWhateverTheOrderOfTheList) {
  ASSERT_OK_AND_ASSIGN(const QuorumConfig first,
                       ParseQuorum(QuorumOf("m-1:19200,m-2:19200,m-3:19200"), "unused"));
  ASSERT_OK_AND_ASSIGN(const QuorumConfig second,
                       ParseQuorum(QuorumOf("m-3:19200,m-2:19200,m-1:19200", "m-2"), "unused"));
  EXPECT_EQ(first.cluster_id, second.cluster_id);
  EXPECT_EQ(first.peers, second.peers);
  EXPECT_THAT(first.peers, SizeIs(3));
  EXPECT_EQ(first.own_address, "m-1:19200");
  EXPECT_EQ(second.own_address, "m-2:19200");
  EXPECT_EQ(first.peers.at(second.own_id), "m-2:19200");
}

TEST(ParseQuorumTest, OtherListsAreOtherClusters) {
  ASSERT_OK_AND_ASSIGN(const QuorumConfig three,
                       ParseQuorum(QuorumOf("m-1:19200,m-2:19200,m-3:19200"), ""));
  ASSERT_OK_AND_ASSIGN(const QuorumConfig other,
                       ParseQuorum(QuorumOf("m-1:19200,m-2:19200,m-4:19200"), ""));
  EXPECT_NE(three.cluster_id, other.cluster_id);
}

// Folders of masters carry these: they never change.
TEST(ParseQuorumTest, IdsAreTheSameForGood) {
  ASSERT_OK_AND_ASSIGN(const QuorumConfig quorum, ParseQuorum(QuorumOf("m-1:19200"), ""));
  EXPECT_EQ(quorum.own_id, 18148960975527404052u);
  EXPECT_EQ(quorum.cluster_id, "20de92166cc790b0a6a5f94a0196a8cc");
}

TEST(ParseQuorumTest, AMasterWithoutAHostnameTakesTheMachines) {
  Config config = QuorumOf("here:19200,m-2:19200,m-3:19200");
  config.Unset("alluxio.master.hostname");
  ASSERT_OK_AND_ASSIGN(const QuorumConfig quorum, ParseQuorum(config, "here"));
  EXPECT_EQ(quorum.own_address, "here:19200");
}

TEST(ParseQuorumTest, BadListsAreRefusedByName) {
  struct Case {
    const char* addresses;
    const char* why;
  };
  const Case cases[] = {
      {"m-1", "m-1 is not host:port"},
      {"m-1:0,m-2:19200", "m-1:0 is not host:port"},
      {"m-1:65536", "m-1:65536 is not host:port"},
      {"m-1:19200x", "m-1:19200x is not host:port"},
      {":19200", ":19200 is not host:port"},
      {"m-1:19200,m-2:19200,m-1:19200", "m-1:19200 is there twice"},
      {"m-2:19200,m-3:19200", "this master, m-1:19200, is not among m-2:19200, m-3:19200"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(
        ParseQuorum(QuorumOf(c.addresses), ""),
        StatusIs(Code::kInvalidArgument,
                 HasSubstr("alluxio.master.embedded.journal.addresses: " + std::string(c.why))))
        << c.addresses;
}

}  // namespace
}  // namespace headpond::master
