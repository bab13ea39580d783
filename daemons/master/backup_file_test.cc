#include "master/backup_file.h"

#include <gmock/gmock.h>

#include "testing/status_matchers.h"

namespace headpond::master {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MemoryFile final : public ufs::UfsWriter, public ufs::UfsReader {
 public:
  explicit MemoryFile(std::string content = "") : content(std::move(content)) {}

  Status Append(std::string_view data) override {
    content += data;
    return failure;
  }
  Result<ufs::UfsStatus> Complete() override { return ufs::UfsStatus(); }
  void Abort() override {}
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override {
    RETURN_IF_ERROR(failure);
    if (static_cast<size_t>(offset) >= content.size()) return size_t{0};
    return content.copy(buffer, length, static_cast<size_t>(offset));
  }

  std::string content;
  Status failure;
};

using Parts = std::vector<std::pair<BackupPart, std::string>>;

Result<Parts> ReadAll(const std::string& content) {
  MemoryFile file(content);
  Parts parts;
  RETURN_IF_ERROR(ReadBackup(file, [&](BackupPart part, std::string_view bytes) {
    parts.emplace_back(part, bytes);
    return Status::Ok();
  }));
  return parts;
}

std::string SmallBackup(size_t last_record_bytes = 5000) {
  MemoryFile file;
  BackupWriter writer(file, "cluster", 1'700'000'000'000);
  EXPECT_OK(writer.AddRecords({"r1", "r2"}));
  EXPECT_OK(writer.AddEntries({"e1"}));
  EXPECT_OK(writer.AddRecords({"", std::string(last_record_bytes, 'r')}));
  EXPECT_OK(writer.AddEntries({}));
  EXPECT_OK(writer.Finish());
  return file.content;
}

TEST(BackupFileTest, WhatWasAddedComesBackInItsOrder) {
  using enum BackupPart;
  constexpr size_t kLarge = 3 << 20;  // more than one item takes
  ASSERT_OK_AND_ASSIGN(const Parts parts, ReadAll(SmallBackup(kLarge)));
  EXPECT_EQ(parts, (Parts{{kRecord, "r1"},
                          {kRecord, "r2"},
                          {kEntry, "e1"},
                          {kRecord, ""},
                          {kRecord, std::string(kLarge, 'r')}}));
}

TEST(BackupFileTest, ItIsGzip) {
  EXPECT_THAT(SmallBackup().substr(0, 3), ElementsAre('\x1f', '\x8b', '\x08'));
}

TEST(BackupFileTest, CutShortAnywhereItIsDamagedOrHasLostNothing) {
  const std::string whole = SmallBackup();
  ASSERT_OK_AND_ASSIGN(const Parts parts, ReadAll(whole));
  // Behind the end of the content is what only gzip needs.
  constexpr size_t kGzipsOwn = 16;
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto read = ReadAll(whole.substr(0, length));
    if (read.ok()) {
      EXPECT_EQ(*read, parts) << length;
      EXPECT_GT(length + kGzipsOwn, whole.size());
    } else {
      EXPECT_THAT(read.status(), AnyOf(StatusIs(Code::kDataLoss), StatusIs(Code::kInvalidArgument)))
          << length;
    }
  }
}

TEST(BackupFileTest, AChangedByteIsFoundOrChangesNothing) {
  const std::string whole = SmallBackup();
  ASSERT_OK_AND_ASSIGN(const Parts parts, ReadAll(whole));
  int found = 0;
  for (size_t i = 0; i < whole.size(); i += 3) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x20);
    const auto read = ReadAll(changed);
    if (read.ok())
      EXPECT_EQ(*read, parts) << i;
    else
      ++found;
  }
  EXPECT_GT(found, 20);
}

TEST(BackupFileTest, WhatComesBehindItsEndIsDamage) {
  EXPECT_THAT(ReadAll(SmallBackup() + SmallBackup()).status(), StatusIs(Code::kDataLoss));
}

TEST(BackupFileTest, WithoutItsEndItIsDamaged) {
  MemoryFile file;
  {
    BackupWriter writer(file, "cluster", 0);
    EXPECT_OK(writer.AddRecords({"r"}));
  }
  EXPECT_THAT(ReadAll(file.content).status(),
              AnyOf(StatusIs(Code::kDataLoss), StatusIs(Code::kInvalidArgument)));
}

TEST(BackupFileTest, OtherFilesAreNamedForWhatTheyAre) {
  for (const char* content : {"", "a text", "\x1f\x8b\x08"})
    EXPECT_THAT(ReadAll(content).status(),
                StatusIs(Code::kInvalidArgument, HasSubstr("no backup made by")))
        << content;
}

TEST(BackupFileTest, FailuresOfTheFileAreItsOwn) {
  MemoryFile file;
  file.failure = ResourceExhausted("disk full");
  BackupWriter writer(file, "cluster", 0);
  (void)writer.AddRecords({std::string(8 << 20, 'x')});
  EXPECT_THAT(writer.Finish(), StatusIs(Code::kResourceExhausted, HasSubstr("disk full")));

  MemoryFile unreadable(SmallBackup());
  unreadable.failure = Unavailable("gone");
  EXPECT_THAT(ReadBackup(unreadable, [](BackupPart, std::string_view) { return Status::Ok(); }),
              StatusIs(Code::kUnavailable, HasSubstr("gone")));
}

TEST(BackupFileTest, TheReaderMayEndIt) {
  MemoryFile file(SmallBackup());
  EXPECT_THAT(ReadBackup(file, [](BackupPart, std::string_view) { return Aborted("enough"); }),
              StatusIs(Code::kAborted, HasSubstr("record 0: enough")));
}

}  // namespace
}  // namespace headpond::master
