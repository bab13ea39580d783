#include "testing/mini_cluster.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/metrics.h"
#include "base/random.h"
#include "testing/client_files.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"

namespace headpond::testing {
namespace {

using client::ReadType;
using client::WriteType;
using ::testing::HasSubstr;

std::string RandomBytes(uint64_t seed, size_t size) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

class MiniClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cluster_.Start());
    auto files = cluster_.NewClient();
    ASSERT_OK(files.status());
    files_ = *std::move(files);
  }

  Status Write(const std::string& path, const std::string& content, WriteType type,
               int64_t block_size = 1 << 20) {
    return WriteFile(*files_, path, content, {.write_type = type, .block_size = block_size});
  }

  Result<std::string> Read(const std::string& path, ReadType type = ReadType::kCache) {
    return ReadFile(*files_, path, {.read_type = type});
  }

  std::string UfsContent(const std::string& relative) {
    std::ifstream file(cluster_.ufs_path(relative), std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
  }

  MiniCluster cluster_{{.workers = 2}};
  std::unique_ptr<client::FileSystem> files_;
};

TEST_F(MiniClusterTest, EveryWriteTypeReadsBackThroughEveryReadType) {
  const std::string content = RandomBytes(1, 3'000'001);
  int n = 0;
  for (const WriteType write : {WriteType::kMustCache, WriteType::kCacheThrough,
                                WriteType::kThrough, WriteType::kAsyncThrough}) {
    for (const ReadType read : {ReadType::kNoCache, ReadType::kCache, ReadType::kCachePromote}) {
      const std::string path = fmt::format("/types/f{}", n++);
      ASSERT_OK(Write(path, content, write));
      const auto back = Read(path, read);
      ASSERT_OK(back.status());
      EXPECT_TRUE(*back == content) << path;
    }
  }
}

TEST_F(MiniClusterTest, ThroughWritesAreInTheUnderStoreWhenCloseReturns) {
  const std::string content = RandomBytes(2, 100'000);
  ASSERT_OK(Write("/d/through", content, WriteType::kCacheThrough));
  EXPECT_TRUE(UfsContent("d/through") == content);
  EXPECT_EQ(files_->GetStatus("/d/through")->persistence_state, "PERSISTED");
  ASSERT_OK(Write("/d/cached", content, WriteType::kMustCache));
  EXPECT_FALSE(std::filesystem::exists(cluster_.ufs_path("d/cached")));
}

TEST_F(MiniClusterTest, AsyncWritesReachTheUnderStoreByThemselvesEvenAfterARestartOfTheMaster) {
  const std::string content = RandomBytes(3, 2'500'000);
  ASSERT_OK(Write("/async", content, WriteType::kAsyncThrough));
  cluster_.StopMaster();
  ASSERT_OK(cluster_.StartMaster());
  EXPECT_TRUE(Eventually([&] {
    const auto status = files_->GetStatus("/async");
    return status.ok() && status->persistence_state == "PERSISTED";
  }));
  EXPECT_TRUE(UfsContent("async") == content);
}

TEST_F(MiniClusterTest, FilesOfTheUnderStoreAreFoundReadAndCached) {
  const std::string content = RandomBytes(4, 1'500'000);
  std::filesystem::create_directories(cluster_.ufs_path("data/sub"));
  std::ofstream(cluster_.ufs_path("data/sub/file"), std::ios::binary) << content;
  const auto listed = files_->List("/data", {.recursive = true});
  ASSERT_OK(listed.status());
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_TRUE(*Read("/data/sub/file") == content);
  EXPECT_TRUE(Eventually(
      [&] { return files_->GetStatus("/data/sub/file")->in_alluxio_percentage == 100; }));
}

TEST_F(MiniClusterTest, AClientThatComparesReadsWhatTheUnderStoreHasNow) {
  auto fresh = cluster_.NewClient({{"alluxio.user.file.metadata.sync.interval", "0"}});
  ASSERT_OK(fresh.status());
  const std::string before = RandomBytes(10, 700'000);
  const std::string after = RandomBytes(11, 900'000);
  std::ofstream(cluster_.ufs_path("changing"), std::ios::binary) << before;
  EXPECT_TRUE(*Read("/changing") == before);
  std::ofstream(cluster_.ufs_path("changing"), std::ios::binary) << after;
  EXPECT_EQ(files_->GetStatus("/changing")->length, 700'000);
  EXPECT_EQ((*fresh)->GetStatus("/changing")->length, 900'000);
  EXPECT_TRUE(*Read("/changing") == after);  // and no block of the former content is used
  std::filesystem::remove(cluster_.ufs_path("changing"));
  EXPECT_FALSE(*(*fresh)->Exists("/changing"));
  EXPECT_FALSE(*files_->Exists("/changing"));
}

TEST_F(MiniClusterTest, FreeDropsTheCacheAndKeepsTheFile) {
  const std::string content = RandomBytes(5, 500'000);
  ASSERT_OK(Write("/free", content, WriteType::kCacheThrough));
  ASSERT_OK(files_->Free("/free", /*recursive=*/false, /*forced=*/false));
  EXPECT_TRUE(Eventually([&] {
    return cluster_.worker(0).store().block_count() + cluster_.worker(1).store().block_count() == 0;
  }));
  EXPECT_TRUE(*Read("/free") == content);
}

TEST_F(MiniClusterTest, DeletedFilesLeaveNothingBehind) {
  ASSERT_OK(Write("/gone/a", RandomBytes(6, 300'000), WriteType::kCacheThrough));
  ASSERT_OK(files_->Delete("/gone", {.recursive = true}));
  EXPECT_FALSE(*files_->Exists("/gone/a"));
  EXPECT_FALSE(std::filesystem::exists(cluster_.ufs_path("gone")));
  EXPECT_TRUE(Eventually([&] {
    return cluster_.worker(0).store().block_count() + cluster_.worker(1).store().block_count() == 0;
  }));
}

TEST_F(MiniClusterTest, AFileThatVanishedFromTheUnderStoreIsAClearError) {
  std::ofstream(cluster_.ufs_path("fleeting"), std::ios::binary) << "here now";
  ASSERT_OK(files_->GetStatus("/fleeting").status());
  std::filesystem::remove(cluster_.ufs_path("fleeting"));
  const auto read = Read("/fleeting");
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.status().message(), HasSubstr("fleeting"));
}

TEST_F(MiniClusterTest, AWorkerThatComesBackStillHasItsBlocks) {
  const std::string content = RandomBytes(7, 2'000'000);
  ASSERT_OK(Write("/kept", content, WriteType::kMustCache));
  for (const int i : {0, 1}) {
    cluster_.StopWorker(i);
    ASSERT_OK(cluster_.StartWorker(i));
  }
  ASSERT_OK(cluster_.WaitForWorkers());
  EXPECT_TRUE(Eventually([&] { return Read("/kept").value_or("") == content; }));
}

TEST_F(MiniClusterTest, TheNamespaceIsThereAfterARestartOfTheMaster) {
  ASSERT_OK(files_->CreateDirectory("/a/b/c", {.recursive = true}));
  ASSERT_OK(Write("/a/b/file", "text", WriteType::kMustCache));
  ASSERT_OK(files_->Rename("/a/b/file", "/a/renamed"));
  cluster_.StopMaster();
  ASSERT_OK(cluster_.StartMaster());
  EXPECT_TRUE(*files_->Exists("/a/b/c"));
  EXPECT_FALSE(*files_->Exists("/a/b/file"));
  EXPECT_TRUE(Eventually([&] { return Read("/a/renamed").value_or("") == "text"; }));
}

TEST_F(MiniClusterTest, WhatWorkersReadAndWroteIsSummedInTheMastersMetrics) {
  const auto metric = [&](std::string_view name) {
    const auto metrics = files_->GetMetrics();
    if (!metrics.ok()) return -1.0;
    const auto found = std::ranges::find(*metrics, name, &client::Metric::name);
    return found == metrics->end() ? 0.0 : found->value;
  };
  const std::string content = RandomBytes(9, 1'000'000);
  ASSERT_OK(Write("/counted", content, WriteType::kThrough));
  EXPECT_TRUE(*Read("/counted") == content);  // from the under-store, kept on the way
  EXPECT_TRUE(*Read("/counted", ReadType::kNoCache) == content);
  EXPECT_TRUE(Eventually([&] { return metric("Cluster.BytesWrittenUfsAll") >= 1e6; }));
  EXPECT_TRUE(Eventually([&] { return metric("Cluster.BytesReadUfsAll") >= 1e6; }));
  EXPECT_TRUE(Eventually([&] { return metric("Cluster.BytesReadRemote") >= 2e6; }));
  std::string root = cluster_.ufs_path("");
  root.pop_back();  // the '/'
  EXPECT_EQ(metric("Cluster.BytesReadUfsAll"), metric(UfsMetric("Cluster.BytesReadPerUfs", root)));
  EXPECT_EQ(metric("Cluster.Workers"), 2);
  EXPECT_GT(metric("Cluster.CapacityUsed"), 0);
}

TEST_F(MiniClusterTest, MoreThanTheTiersHoldIsEvictedFromTheCacheNotLost) {
  // 160 MiB against two workers of 64 MB.
  const std::string content = RandomBytes(8, 8 << 20);
  for (int i = 0; i < 20; ++i)
    ASSERT_OK(Write(fmt::format("/many/f{}", i), content, WriteType::kCacheThrough, 8 << 20));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(*Read(fmt::format("/many/f{}", i)) == content) << i;
  for (const int i : {0, 1})
    for (const auto& tier : cluster_.worker(i).store().Space())
      EXPECT_LE(tier.used_bytes, tier.capacity_bytes);
}

// A cluster whose master has come back to a namespace with a file in it.
class MiniClusterSafeModeTest : public ::testing::Test {
 protected:
  void Restart(MiniCluster& cluster, bool worker_comes_back = true) {
    ASSERT_OK(cluster.Start());  // a new namespace has no blocks to wait for
    {
      ASSERT_OK_AND_ASSIGN(auto files, cluster.NewClient());
      ASSERT_OK(WriteFile(*files, "/file", "text"));
    }
    if (!worker_comes_back) cluster.StopWorker(0);
    cluster.StopMaster();
    ASSERT_OK(cluster.StartMaster());
  }
};

TEST_F(MiniClusterSafeModeTest, WorkersAreNotToldOfUntilTheyHadTimeToRegister) {
  MiniCluster cluster({.properties = {{"alluxio.master.worker.connect.wait.time", "1h"}}});
  Restart(cluster, /*worker_comes_back=*/false);
  ASSERT_OK_AND_ASSIGN(auto files,
                       cluster.NewClient({{"alluxio.user.rpc.retry.max.duration", "1ms"}}));
  EXPECT_OK(files->CreateDirectory("/served"));
  EXPECT_THAT(files->GetWorkers().status(),
              StatusIs(Code::kUnavailable,
                       HasSubstr("Alluxio master is in safe mode. Please try again later.")));
}

// Which the master knows as soon as they were told that they serve.
TEST_F(MiniClusterSafeModeTest, ItEndsWhenAllThatHadRegisteredAreBack) {
  MiniCluster cluster({.properties = {{"alluxio.master.worker.connect.wait.time", "1h"}}});
  Restart(cluster);
  ASSERT_OK_AND_ASSIGN(auto files, cluster.NewClient());
  EXPECT_TRUE(Eventually([&] { return files->GetWorkers().ok(); }));
  EXPECT_THAT(ReadFile(*files, "/file"), IsOkAndHolds("text"));
}

TEST_F(MiniClusterSafeModeTest, ItEndsByItself) {
  MiniCluster cluster({.properties = {{"alluxio.master.worker.connect.wait.time", "300ms"}}});
  Restart(cluster);
  ASSERT_OK_AND_ASSIGN(auto files, cluster.NewClient());
  ASSERT_TRUE(Eventually([&] {
    const auto workers = files->GetWorkers();
    return workers.ok() && !workers->empty();
  }));
  EXPECT_THAT(ReadFile(*files, "/file"), IsOkAndHolds("text"));
}

TEST(MiniClusterMastersTest, AWorkerFindsThePrimaryAmongTheMastersItIsToldOf) {
  MiniCluster cluster({.workers = 1, .other_masters = {"127.0.0.1:1", "127.0.0.1:2"}});
  ASSERT_OK(cluster.Start());
  cluster.StopMaster();
  ASSERT_OK(cluster.StartMaster());
  ASSERT_OK_AND_ASSIGN(auto files, cluster.NewClient());
  EXPECT_TRUE(Eventually([&] { return !files->GetWorkers()->empty(); }));
  EXPECT_EQ(files->GetWorkers()->size(), 1u);
}

}  // namespace
}  // namespace headpond::testing
