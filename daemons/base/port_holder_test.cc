#include "base/port_holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace headpond {
namespace {

namespace fs = std::filesystem;

// A procfs with one table row per listener, written the way the kernel does.
class PortHolderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            ("proc-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "net");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Table(const std::string& name, const std::string& rows) {
    std::ofstream(root_ / "net" / name)
        << "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
           "timeout inode\n"
        << rows;
  }
  void Process(const std::string& pid, const std::string& name, const std::string& fd_target) {
    fs::create_directories(root_ / pid / "fd");
    std::ofstream(root_ / pid / "comm") << name << "\n";
    fs::create_symlink(fd_target, root_ / pid / "fd" / "7");
  }

  fs::path root_;
};

constexpr char kListen[] =
    "   0: 00000000:4E1E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "4711 1 0 100 0 0 10 0\n";
constexpr char kEstablished[] =
    "   1: 0100007F:4E1E 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 "
    "4712 1 0 20 4 30 10 -1\n";
constexpr char kListen6[] =
    "   0: 00000000000000000000000000000000:4E1F 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n";

TEST_F(PortHolderTest, NamesTheProcessThatListens) {
  Table("tcp", std::string(kEstablished) + kListen);
  Table("tcp6", kListen6);
  Process("41", "bash", "/dev/null");
  Process("42", "java", "socket:[4711]");
  Process("43", "headpond", "socket:[4713]");
  EXPECT_EQ(DescribePortHolder(0x4E1E, root_), "process 42 (java)");
  EXPECT_EQ(DescribePortHolder(0x4E1F, root_), "process 43 (headpond)");
}

TEST_F(PortHolderTest, IsSilentWhenNobodyCanBeNamed) {
  Table("tcp", std::string(kEstablished) + kListen);
  Process("42", "client", "socket:[4712]");  // connected, not listening
  EXPECT_EQ(DescribePortHolder(0x4E1E, root_), "");
  EXPECT_EQ(DescribePortHolder(80, root_), "");
  EXPECT_EQ(DescribePortHolder(80, root_ / "absent"), "");
}

}  // namespace
}  // namespace headpond
