#include "io/crc32c.h"

#include <gmock/gmock.h>

#include <numeric>
#include <string>

#include "base/random.h"

namespace headpond::io {
namespace {

TEST(Crc32cTest, AgreesWithThePublishedVectors) {  // RFC 3720 appendix B.4
  std::string rising(32, '\0');
  std::iota(rising.begin(), rising.end(), '\0');
  const std::string falling(rising.rbegin(), rising.rend());
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(Crc32c(falling), 0x113fdb5cu);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32cTest, GivesTheSameByTableByInstructionAndInPieces) {
  constexpr uint64_t kSeed = 7;
  Random random(kSeed);
  for (int round = 0; round < 2000; ++round) {
    std::string data(random.Below(200), '\0');
    for (char& c : data) c = static_cast<char>(random.Next());
    const uint32_t whole = Crc32c(data);
    EXPECT_EQ(internal::ExtendCrc32cPortable(0, data), whole)
        << "seed " << kSeed << " round " << round;
    const size_t cut = random.Below(data.size() + 1);
    const std::string_view view = data;
    EXPECT_EQ(ExtendCrc32c(Crc32c(view.substr(0, cut)), view.substr(cut)), whole);
  }
}

}  // namespace
}  // namespace headpond::io
