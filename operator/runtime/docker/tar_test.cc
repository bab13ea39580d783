#include "operator/runtime/docker/tar.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::vector<TarEntry> kEntries = {
    {.path = "conf", .is_folder = true, .mode = 0700, .uid = 1000, .gid = 1001},
    {.path = "conf/site", .mode = 0600, .uid = 1000, .gid = 1001, .content = "a=b\n"},
    {.path = "big", .mode = 0644, .content = std::string(1300, 'x')}};

TEST(TarTest, ReadsWhatItWrote) {
  ASSERT_OK_AND_ASSIGN(const std::string tar, WriteTar(kEntries));
  EXPECT_EQ(tar.size() % 512, 0u);
  ASSERT_OK_AND_ASSIGN(const auto read, ReadTar(tar));
  ASSERT_THAT(read, SizeIs(3));
  EXPECT_EQ(read[0].path, "conf");
  EXPECT_TRUE(read[0].is_folder);
  EXPECT_EQ(read[0].mode, 0700);
  EXPECT_EQ(read[1].content, "a=b\n");
  EXPECT_EQ(read[1].uid, 1000);
  EXPECT_EQ(read[1].gid, 1001);
  EXPECT_EQ(read[2].content, std::string(1300, 'x'));
}

TEST(TarTest, TheTarCommandReadsItToo) {
  const TempDirectory directory;
  ASSERT_OK_AND_ASSIGN(const std::string tar, WriteTar(kEntries));
  std::ofstream(directory / "a.tar", std::ios::binary) << tar;
  const std::string command = "cd " + directory.path() +
                              " && tar --numeric-owner -tvf a.tar | grep -c -e '^drwx------ "
                              "1000/1001 .* conf/$' -e '^-rw------- 1000/1001 .* 4 .* conf/site$' "
                              "-e ' 1300 .* big$' | grep -qx 3";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(TarTest, TheBeginningOfAnArchiveIsEnough) {
  ASSERT_OK_AND_ASSIGN(const std::string tar, WriteTar(kEntries));
  for (size_t length = 0; length <= tar.size(); length += 7)
    ASSERT_OK(ReadTar(std::string_view(tar).substr(0, length))) << length;
  ASSERT_OK_AND_ASSIGN(const auto read, ReadTar(std::string_view(tar).substr(0, 4 * 512)));
  ASSERT_THAT(read, SizeIs(3));
  EXPECT_EQ(read[2].path, "big");
  EXPECT_EQ(read[2].content, "");
}

TEST(TarTest, WhatIsNoArchiveIsRefused) {
  EXPECT_THAT(ReadTar(std::string(512, 'z')), StatusIs(Code::kDataLoss, HasSubstr("checksum")));
  EXPECT_THAT(WriteTar({{.path = std::string(101, 'p')}}), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace headpond::runtime
