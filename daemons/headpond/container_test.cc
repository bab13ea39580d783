#include "headpond/container.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond::container {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kGiB = 1LL << 30;

Result<Start> Parse(std::vector<std::string> words) {
  return ParseStart(words);
}

TEST(ParseStartTest, StockCommandsRunTheRole) {
  for (const char* const word : {"master", "master-only"}) EXPECT_EQ(Parse({word})->role, "master");
  for (const char* const word : {"worker", "worker-only"}) EXPECT_EQ(Parse({word})->role, "worker");
  EXPECT_FALSE(Parse({"master"})->keep_journal);
  EXPECT_TRUE(Parse({"master", "--no-format"})->keep_journal);
  EXPECT_THAT(Parse({"worker", "--no-format", "-Da=b"})->options, ElementsAre("-Da=b"));
}

TEST(ParseStartTest, WhatIsNotInTheImageNamesWhatIs) {
  for (const char* const word :
       {"job-master", "job-worker", "proxy", "fuse", "logserver", "csiserver"})
    EXPECT_THAT(Parse({word}),
                StatusIs(Code::kUnimplemented,
                         AllOf(HasSubstr(std::string(word) + " is not in this image"),
                               HasSubstr("master, master-only, worker, worker-only"))));
}

TEST(ParseStartTest, RefusesUnknownWordsAndOptions) {
  EXPECT_THAT(Parse({}), StatusIs(Code::kInvalidArgument, HasSubstr("name a command")));
  EXPECT_THAT(Parse({"bash"}), StatusIs(Code::kInvalidArgument, HasSubstr("bash")));
  EXPECT_THAT(Parse({"master", "--format"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("unknown option --format of master")));
  EXPECT_THAT(Parse({"master", "-D"}), StatusIs(Code::kInvalidArgument, HasSubstr("-D")));
}

TEST(EnvironmentFileTest, ExportsWhatStockPassesOnAndNothingElse) {
  const std::string text = EnvironmentFile(
      "", {{"ALLUXIO_JAVA_OPTS", " -Da=1 -Db=2"}, {"PATH", "/bin"}, {"ALLUXIO_OTHER", "x"}});
  EXPECT_THAT(text, HasSubstr("\nexport ALLUXIO_JAVA_OPTS=\" -Da=1 -Db=2\"\n"));
  EXPECT_THAT(text, Not(HasSubstr("PATH")));
  EXPECT_THAT(text, Not(HasSubstr("OTHER")));
}

TEST(EnvironmentFileTest, AShellReadsTheValuesAsTheyAreButForVariables) {
  EXPECT_THAT(EnvironmentFile("", {{"ALLUXIO_JAVA_OPTS", R"(-Da=${HOST} "b" `c` \d $(e) ${f.g})"}}),
              HasSubstr(R"(="-Da=${HOST} \"b\" \`c\` \\d \$(e) \${f.g}")"));
}

TEST(EnvironmentFileTest, AnotherStartReplacesItsOwnPartOnly) {
  const std::string first = EnvironmentFile("export MINE=1", {{"ALLUXIO_JAVA_OPTS", "-Da=1"}});
  EXPECT_THAT(first, ::testing::StartsWith("export MINE=1\n"));
  EXPECT_EQ(EnvironmentFile(first, {{"ALLUXIO_JAVA_OPTS", "-Da=1"}}), first);
  const std::string second =
      EnvironmentFile(first + "export MORE=2\n", {{"ALLUXIO_JAVA_OPTS", "-Da=2"}});
  EXPECT_THAT(second, AllOf(HasSubstr("MINE=1"), HasSubstr("MORE=2"), HasSubstr("-Da=2"),
                            Not(HasSubstr("-Da=1"))));
}

class MemoryTierTest : public ::testing::Test {
 protected:
  Result<std::vector<std::string>> Options(const std::map<std::string, std::string>& properties,
                                           int64_t memory_limit = 100 * kGiB) {
    Config config(MachineFacts{.cpus = 2, .memory_bytes = 30 * kGiB});
    for (const auto& [key, value] : properties) EXPECT_OK(config.Set(key, value));
    const FolderProbe probe = [this](const std::string& path) -> std::optional<FolderFacts> {
      if (path == "/dev/shm") return FolderFacts{.in_memory = true, .capacity_bytes = shm_bytes_};
      if (path == "/disk") return FolderFacts{.capacity_bytes = 10};
      return std::nullopt;
    };
    return MemoryTierOptions(config, probe, memory_limit);
  }

  int64_t shm_bytes_ = kGiB;
};

TEST_F(MemoryTierTest, LiesInSharedMemoryAndTakesAllOfItByDefault) {
  ASSERT_OK_AND_ASSIGN(const auto options, Options({}));
  EXPECT_THAT(options, ElementsAre("-Dalluxio.worker.tieredstore.level0.dirs.path=/dev/shm",
                                   "-Dalluxio.worker.ramdisk.size=1073741824"));
}

TEST_F(MemoryTierTest, LeavesRoomWithinTheMemoryLimitByDefault) {
  ASSERT_OK_AND_ASSIGN(const auto options, Options({}, /*memory_limit=*/kGiB));
  EXPECT_THAT(options.back(), HasSubstr("715827882"));
}

TEST_F(MemoryTierTest, ASizeThatFitsIsKept) {
  ASSERT_OK_AND_ASSIGN(const auto options, Options({{"alluxio.worker.memory.size", "1G"}}));
  EXPECT_THAT(options, ElementsAre("-Dalluxio.worker.tieredstore.level0.dirs.path=/dev/shm"));
}

TEST_F(MemoryTierTest, RefusesATierLargerThanTheSharedMemory) {
  shm_bytes_ = 64 << 20;
  EXPECT_THAT(Options({{"alluxio.worker.memory.size", "1G"}}),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("1024.00MB in /dev/shm"), HasSubstr("64.00MB"),
                             HasSubstr("--shm-size=1073741824"),
                             HasSubstr("set alluxio.worker.ramdisk.size to less"))));
}

TEST_F(MemoryTierTest, RefusesATierThatLeavesNoMemory) {
  EXPECT_THAT(Options({{"alluxio.worker.memory.size", "1G"}}, /*memory_limit=*/kGiB),
              StatusIs(Code::kInvalidArgument, HasSubstr("--memory")));
}

TEST_F(MemoryTierTest, TiersOnDisksAreLeftAlone) {
  ASSERT_OK_AND_ASSIGN(const auto options,
                       Options({{"alluxio.worker.tieredstore.level0.alias", "SSD"},
                                {"alluxio.worker.tieredstore.level0.dirs.path", "/disk"},
                                {"alluxio.worker.tieredstore.level0.dirs.quota", "1TB"}}));
  EXPECT_THAT(options, IsEmpty());
}

TEST(NameAdviceTest, SaysWhatOthersCannotResolveAndTheRemedy) {
  const NameFacts own{.name = "3f2a",
                      .property = "alluxio.worker.hostname",
                      .is_own_name = true,
                      .own_network = true,
                      .addresses = {"172.17.0.2"}};
  EXPECT_THAT(NameAdvice(own), AllOf(HasSubstr("3f2a"), HasSubstr("user-defined network"),
                                     HasSubstr("-Dalluxio.worker.hostname=NAME")));
  NameFacts unknown = own;
  unknown.addresses.clear();
  EXPECT_THAT(NameAdvice(unknown), HasSubstr("can't be resolved here"));
  NameFacts loopback = own;
  loopback.addresses = {"127.0.1.1", "::1"};
  EXPECT_THAT(NameAdvice(loopback), HasSubstr("only clients in this container"));
  loopback.own_network = false;
  EXPECT_THAT(NameAdvice(loopback), HasSubstr("only clients on this host"));
}

TEST(NameAdviceTest, IsSilentAboutNamesThatMayBeKnown) {
  NameFacts facts{.name = "alluxio-worker",
                  .property = "alluxio.worker.hostname",
                  .own_network = true,
                  .addresses = {"172.18.0.3"}};
  EXPECT_EQ(NameAdvice(facts), "");
  facts.is_own_name = true;
  facts.own_network = false;  // the host's own name, on the host's network
  EXPECT_EQ(NameAdvice(facts), "");
}

}  // namespace
}  // namespace headpond::container
