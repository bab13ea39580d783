#include "master/master_journal.h"

#include <gmock/gmock.h>

#include "consensus/raft_log_folder.h"
#include "io/mem_env.h"
#include "journal/local_journal.h"
#include "master/metadata_store.h"
#include "meta/ops/mount.h"
#include "testing/status_matchers.h"

namespace headpond::master {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Config QuorumOf(const std::string& addresses, const std::string& hostname = "m-1",
                const std::string& port = "19200") {
  Config config;
  EXPECT_OK(config.Set("alluxio.master.embedded.journal.addresses", addresses));
  EXPECT_OK(config.Set("alluxio.master.hostname", hostname));
  EXPECT_OK(config.Set("alluxio.master.embedded.journal.port", port));
  return config;
}

TEST(ParseQuorumTest, MastersAgreeOnTheListWhateverItsOrder) {
  ASSERT_OK_AND_ASSIGN(const QuorumConfig first,
                       ParseQuorum(QuorumOf("m-1:19200,m-2:19200,m-3:19200"), "unused"));
  ASSERT_OK_AND_ASSIGN(const QuorumConfig second,
                       ParseQuorum(QuorumOf("m-3:19200,m-2:19200,m-1:19200", "m-2"), "unused"));
  EXPECT_EQ(first.addresses, second.addresses);
  EXPECT_THAT(first.addresses, ElementsAre("m-1:19200", "m-2:19200", "m-3:19200"));
  EXPECT_EQ(first.own_address, "m-1:19200");
  EXPECT_EQ(second.own_address, "m-2:19200");
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

class QuorumFolderTest : public ::testing::Test {
 protected:
  static Config ConfigOf(const std::string& hostname) {
    Config config = QuorumOf("m-1:19200,m-2:19200,m-3:19200", hostname);
    EXPECT_OK(config.Set("alluxio.master.journal.folder", "/journal"));
    return config;
  }
  Result<QuorumFolder> Prepare(const std::string& hostname) {
    return PrepareQuorumFolder(ConfigOf(hostname), env_);
  }
  io::MemEnv env_;
};

TEST_F(QuorumFolderTest, ABlankOneKeepsItsIdUntilItIsFormatted) {
  ASSERT_OK_AND_ASSIGN(const QuorumFolder first, Prepare("m-1"));
  ASSERT_TRUE(first.blank);
  ASSERT_OK_AND_ASSIGN(const QuorumFolder again, Prepare("m-1"));
  ASSERT_TRUE(again.blank);
  EXPECT_EQ(again.blank->node_id, first.blank->node_id);
  ASSERT_OK_AND_ASSIGN(const QuorumFolder other, Prepare("m-2"));
  EXPECT_NE(other.blank->node_id, first.blank->node_id);
}

TEST_F(QuorumFolderTest, AFormattedOneIsOfOneMaster) {
  ASSERT_OK_AND_ASSIGN(const QuorumFolder folder, Prepare("m-1"));
  const consensus::Addresses founders = {{folder.blank->node_id, "m-1:19200"}, {7, "m-2:19200"}};
  ASSERT_OK(
      FormatQuorumFolder(ConfigOf("m-1"), folder, env_, {.cluster_id = "c", .founders = founders}));
  ASSERT_OK_AND_ASSIGN(const QuorumFolder again, Prepare("m-1"));
  EXPECT_FALSE(again.blank);
  EXPECT_THAT(consensus::ReadFounders(env_, again.path), IsOkAndHolds(founders));
  EXPECT_THAT(
      Prepare("m-2"),
      StatusIs(Code::kFailedPrecondition,
               HasSubstr("/journal is the folder of the master at m-1:19200, this is m-2")));
}

// One that kept its journal alone and is given others.
class OwnJournalTest : public QuorumFolderTest {
 protected:
  OwnJournalTest() {
    Config alone;
    EXPECT_OK(alone.Set("alluxio.master.journal.folder", "/journal"));
    auto own = OpenOwnJournal(alone, env_, metrics_);
    EXPECT_OK(own);
    id_ = own->cluster_id;
    MetadataStore store({}, std::move(own->journal));
    EXPECT_OK(store.Recover());
    EXPECT_OK(store.CommitAndWait([](const meta::Namespace& ns) {
      return meta::PlanInitialize(
          ns,
          {.owner = "ann", .group = "staff", .cluster_id = "c", .root_mount = {.ufs_uri = "/ufs"}});
    }));
    store.Stop();
  }
  static Config Sharing() {
    Config config = ConfigOf("m-1");
    EXPECT_OK(config.Set("headpond.master.journal.share", "true"));
    return config;
  }
  MetricsRegistry metrics_;
  std::string id_;
};

TEST_F(OwnJournalTest, IsNotPutAsideForAnEmptyQuorum) {
  EXPECT_THAT(Prepare("m-1"), StatusIs(Code::kFailedPrecondition,
                                       HasSubstr("set headpond.master.journal.share to begin")));
}

TEST_F(OwnJournalTest, IsWhatAQuorumBeginsWithThatItsMasterFoundsAlone) {
  ASSERT_OK_AND_ASSIGN(const QuorumFolder folder, PrepareQuorumFolder(Sharing(), env_));
  EXPECT_EQ(folder.shared_cluster_id, id_);
  ASSERT_TRUE(folder.blank);
  const consensus::Addresses founder = {{folder.blank->node_id, "m-1:19200"}};
  ASSERT_OK(FormatQuorumFolder(Sharing(), folder, env_, {.cluster_id = id_, .founders = founder}));
  ASSERT_OK_AND_ASSIGN(const QuorumFolder again, PrepareQuorumFolder(Sharing(), env_));
  EXPECT_FALSE(again.blank);
  EXPECT_THAT(consensus::ReadFounders(env_, again.path), IsOkAndHolds(founder));
  // What it was alone is over, whoever asks.
  Config alone;
  ASSERT_OK(alone.Set("alluxio.master.journal.folder", "/journal"));
  EXPECT_THAT(OpenOwnJournal(alone, env_, metrics_).status(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("several masters keep")));
  EXPECT_FALSE(journal::ReadJournalClusterId(env_, "/journal").ok());
}

TEST_F(OwnJournalTest, GoesOnAloneUntilTheQuorumHasAllOfIt) {
  ASSERT_OK_AND_ASSIGN(const QuorumFolder folder, PrepareQuorumFolder(Sharing(), env_));
  ASSERT_TRUE(folder.blank);
  Config alone;
  ASSERT_OK(alone.Set("alluxio.master.journal.folder", "/journal"));
  ASSERT_OK_AND_ASSIGN(const OwnJournal own, OpenOwnJournal(alone, env_, metrics_));
  EXPECT_EQ(own.cluster_id, id_);
  own.journal->Stop();
}

}  // namespace
}  // namespace headpond::master
