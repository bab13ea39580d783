#include "master/daily_backup.h"

#include <gmock/gmock.h>

#include "master/master_testing.h"
#include "testing/eventually.h"

namespace headpond::master {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kMidnight = 20'000 * kDayMs;

Config Enabled(const std::vector<std::pair<std::string, std::string>>& settings = {}) {
  Config config;
  EXPECT_OK(config.Set("alluxio.master.daily.backup.enabled", "true"));
  for (const auto& [key, value] : settings) EXPECT_OK(config.Set(key, value));
  return config;
}

TEST(DailyBackupPlanTest, ComesFromTheProperties) {
  ASSERT_OK_AND_ASSIGN(const auto none, DailyBackupPlanOf(Config()));
  EXPECT_FALSE(none);
  ASSERT_OK_AND_ASSIGN(const auto usual, DailyBackupPlanOf(Enabled()));
  EXPECT_EQ(usual->time_of_day, hours(5));
  EXPECT_EQ(usual->retained, 3u);
  ASSERT_OK_AND_ASSIGN(const auto given,
                       DailyBackupPlanOf(Enabled({{"alluxio.master.daily.backup.time", "23:07"}})));
  EXPECT_EQ(given->time_of_day, hours(23) + minutes(7));
}

TEST(DailyBackupPlanTest, BadValuesAreNamed) {
  for (const char* time : {"24:00", "5", "05:60", "05:00x", "-1:00", "5:", "05:00:00"})
    EXPECT_THAT(DailyBackupPlanOf(Enabled({{"alluxio.master.daily.backup.time", time}})),
                StatusIs(Code::kInvalidArgument,
                         HasSubstr("alluxio.master.daily.backup.time=" + std::string(time))))
        << time;
  EXPECT_THAT(
      DailyBackupPlanOf(Enabled({{"alluxio.master.daily.backup.files.retained", "0"}})),
      StatusIs(Code::kInvalidArgument, HasSubstr("alluxio.master.daily.backup.files.retained=0")));
}

TEST(NextTimeOfDayTest, IsTodayOrTomorrow) {
  const int64_t five = kMidnight + 5 * 3'600'000;
  EXPECT_EQ(NextTimeOfDay(kMidnight, hours(5)), five);
  EXPECT_EQ(NextTimeOfDay(five - 1, hours(5)), five);
  EXPECT_EQ(NextTimeOfDay(five, hours(5)), five + kDayMs);
  EXPECT_EQ(NextTimeOfDay(kMidnight, hours(0)), kMidnight + kDayMs);
}

TEST(BackupsToRemoveTest, TheNewestStay) {
  const std::string mark(kBackupMark);
  const std::vector<std::string> names = {
      BackupFileName(3),      "notes.txt",       BackupFileName(1), BackupFileName(1) + mark,
      BackupFileName(10'000), BackupFileName(2), "x" + mark};
  EXPECT_THAT(BackupsToRemove(names, 2),
              ElementsAre(BackupFileName(2), BackupFileName(1) + mark, BackupFileName(1)));
  EXPECT_THAT(BackupsToRemove(names, 4), IsEmpty());
}

TEST(DailyBackupTest, MakesOneADayAndKeepsTheNewest) {
  constexpr size_t kRetained = 2;
  TempDirectory root;
  TestMaster master(root);
  ManualClock clock(kMidnight);
  Backups backups({.work_dir = root / "work"},
                  {.store = master.store(), .open_ufs = ufs::OpenUfs, .clock = clock}, Random(1));
  DailyBackup daily({.time_of_day = hours(5), .retained = kRetained}, backups, clock);
  const auto made = [&] {
    std::set<std::string> names;
    const std::filesystem::path folder = master.ufs_root() + "/alluxio_backups";
    if (std::filesystem::exists(folder))
      for (const auto& file : std::filesystem::directory_iterator(folder))
        if (ParseBackupFileName(file.path().filename().string()))
          names.insert(file.path().filename());
    return names;
  };
  daily.Tick();
  EXPECT_THAT(made(), IsEmpty());
  std::vector<std::string> kept;
  for (int day = 0; day < 4; ++day) {
    const int64_t due = kMidnight + day * kDayMs + 5 * 3'600'000;
    clock.Advance(std::chrono::milliseconds(due - clock.NowMs()));
    kept.push_back(BackupFileName(due));
    if (kept.size() > kRetained) kept.erase(kept.begin());
    EXPECT_TRUE(Eventually([&] {
      daily.Tick();
      return made() == std::set<std::string>(kept.begin(), kept.end());
    })) << "day "
        << day;
  }
}

}  // namespace
}  // namespace headpond::master
