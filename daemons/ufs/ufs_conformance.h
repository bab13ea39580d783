#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "testing/status_matchers.h"
#include "ufs/ufs.h"

// What every Ufs does. A store's test instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(Local, UfsConformance, ::testing::Values(UfsUnderTest{"local",
//   MakeLocal}), UfsName);
namespace headpond::ufs {

struct UfsUnderTest {
  std::string name;
  // A store with an empty folder of its own; what `keep` holds is destroyed after it.
  struct Instance {
    std::shared_ptr<void> keep;
    std::unique_ptr<Ufs> ufs;
  };
  std::function<Instance()> make;
};

inline std::string UfsName(const ::testing::TestParamInfo<UfsUnderTest>& info) {
  return info.param.name;
}

class UfsConformance : public ::testing::TestWithParam<UfsUnderTest> {
 protected:
  UfsConformance() : instance_(GetParam().make()), ufs_(*instance_.ufs) {}

  std::string Path(std::string_view relative) const {
    return fmt::format("{}/{}", ufs_.root(), relative);
  }

  Result<UfsStatus> Write(std::string_view name, std::string_view content,
                          const CreateOptions& options = {}) {
    ASSIGN_OR_RETURN(const auto writer, ufs_.Create(Path(name), options));
    RETURN_IF_ERROR(writer->Append(content));
    return writer->Complete();
  }

  Result<std::string> Read(std::string_view name) {
    ASSIGN_OR_RETURN(const auto reader, ufs_.Open(Path(name)));
    std::string content(1 << 20, '\0');
    ASSIGN_OR_RETURN(const size_t got, reader->ReadAt(0, content.size(), content.data()));
    content.resize(got);
    return content;
  }

  Result<std::vector<std::string>> Names(const std::string& path) {
    std::vector<std::string> names;
    RETURN_IF_ERROR(ufs_.List(path, [&](const UfsStatus& status) {
      names.push_back(status.is_directory ? status.name + "/" : status.name);
      return Status::Ok();
    }));
    std::sort(names.begin(), names.end());
    return names;
  }

  Status MakeDirectory(std::string_view name, uint16_t mode = 0755) {
    return ufs_.CreateDirectory(Path(name), {.mode = mode});
  }

  const UfsUnderTest::Instance instance_;
  Ufs& ufs_;
};

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_P(UfsConformance, AFileReadsBackWhatWasAppended) {
  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_.Create(Path("file"), {.mode = 0640}));
  EXPECT_OK(writer->Append("hello, "));
  EXPECT_OK(writer->Append(""));
  EXPECT_OK(writer->Append("world"));
  ASSERT_OK_AND_ASSIGN(const UfsStatus completed, writer->Complete());
  EXPECT_EQ(completed.name, "file");
  EXPECT_EQ(completed.length, 12);
  EXPECT_FALSE(completed.is_directory);
  EXPECT_FALSE(completed.content_hash.empty());
  EXPECT_THAT(Read("file"), IsOkAndHolds("hello, world"));

  ASSERT_OK_AND_ASSIGN(const UfsStatus status, ufs_.GetStatus(Path("file")));
  EXPECT_EQ(status.length, 12);
  EXPECT_EQ(status.content_hash, completed.content_hash);
  EXPECT_EQ(status.modification_time_ms, completed.modification_time_ms);
}

TEST_P(UfsConformance, AnEmptyFileIsAFile) {
  ASSERT_OK_AND_ASSIGN(const UfsStatus completed, Write("empty", ""));
  EXPECT_EQ(completed.length, 0);
  EXPECT_THAT(Read("empty"), IsOkAndHolds(""));
  EXPECT_THAT(Names(ufs_.root()), IsOkAndHolds(ElementsAre("empty")));
}

TEST_P(UfsConformance, NothingIsSeenOfAFileUntilItIsComplete) {
  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_.Create(Path("file"), {}));
  EXPECT_OK(writer->Append("half"));
  EXPECT_THAT(ufs_.GetStatus(Path("file")), StatusIs(Code::kNotFound));
  EXPECT_THAT(Names(ufs_.root()), IsOkAndHolds(IsEmpty()));
  EXPECT_OK(writer->Complete());
  EXPECT_THAT(Names(ufs_.root()), IsOkAndHolds(ElementsAre("file")));
}

TEST_P(UfsConformance, AnAbortedFileLeavesNothing) {
  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_.Create(Path("file"), {}));
  EXPECT_OK(writer->Append("half"));
  writer->Abort();
  writer->Abort();
  EXPECT_THAT(writer->Append("more"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(writer->Complete(), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(ufs_.GetStatus(Path("file")), StatusIs(Code::kNotFound));
}

TEST_P(UfsConformance, AWriterThatIsDroppedAborts) {
  ASSERT_OK_AND_ASSIGN(auto writer, ufs_.Create(Path("d/file"), {}));
  EXPECT_OK(writer->Append("half"));
  writer.reset();
  EXPECT_THAT(ufs_.GetStatus(Path("d/file")), StatusIs(Code::kNotFound));
  EXPECT_OK(ufs_.DeleteDirectory(Path("d"), {.recursive = true}));
}

TEST_P(UfsConformance, OverwritingShowsTheFormerFileUntilComplete) {
  ASSERT_OK(Write("file", "old"));
  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_.Create(Path("file"), {}));
  EXPECT_OK(writer->Append("newer"));
  EXPECT_THAT(Read("file"), IsOkAndHolds("old"));
  EXPECT_OK(writer->Complete());
  EXPECT_THAT(Read("file"), IsOkAndHolds("newer"));
}

TEST_P(UfsConformance, TheContentHashChangesWithTheContent) {
  ASSERT_OK_AND_ASSIGN(const UfsStatus before, Write("file", "12345"));
  ASSERT_OK_AND_ASSIGN(const UfsStatus after, Write("file", "1234567"));
  EXPECT_NE(before.content_hash, after.content_hash);
  EXPECT_FALSE(SameContent(Fingerprint(ufs_.type(), before), Fingerprint(ufs_.type(), after)));
}

TEST_P(UfsConformance, CreateMakesMissingParentsOrRefuses) {
  EXPECT_OK(Write("a/b/c/file", "x"));
  EXPECT_THAT(Names(Path("a/b")), IsOkAndHolds(ElementsAre("c/")));
  EXPECT_THAT(ufs_.Create(Path("x/file"), {.create_parents = false}),
              StatusIs(Code::kNotFound, HasSubstr("/x")));
}

TEST_P(UfsConformance, CreateRefusesADirectorysName) {
  ASSERT_OK(MakeDirectory("d"));
  EXPECT_THAT(ufs_.Create(Path("d"), {}), StatusIs(Code::kInvalidArgument, HasSubstr("directory")));
  ASSERT_OK(Write("file", "x"));
  EXPECT_FALSE(ufs_.Create(Path("file/below"), {}).ok());
}

TEST_P(UfsConformance, ReadsAtAnyOffsetAndStopsAtTheEnd) {
  ASSERT_OK(Write("file", "0123456789"));
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_.Open(Path("file")));
  std::string buffer(8, '\0');
  EXPECT_THAT(reader->ReadAt(3, 4, buffer.data()), IsOkAndHolds(4u));
  EXPECT_EQ(buffer.substr(0, 4), "3456");
  EXPECT_THAT(reader->ReadAt(8, 8, buffer.data()), IsOkAndHolds(2u));
  EXPECT_EQ(buffer.substr(0, 2), "89");
  EXPECT_THAT(reader->ReadAt(10, 8, buffer.data()), IsOkAndHolds(0u));
  EXPECT_THAT(reader->ReadAt(1000, 8, buffer.data()), IsOkAndHolds(0u));
  EXPECT_THAT(reader->ReadAt(0, 0, buffer.data()), IsOkAndHolds(0u));
  EXPECT_THAT(reader->ReadAt(-1, 8, buffer.data()), StatusIs(Code::kInvalidArgument));
}

TEST_P(UfsConformance, OneReaderServesManyThreads) {
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += static_cast<char>('a' + i % 23);
  ASSERT_OK(Write("file", content));
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_.Open(Path("file")));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::string buffer(1000, '\0');
      for (size_t at = static_cast<size_t>(t) * 17; at + buffer.size() < content.size();
           at += 5003) {
        EXPECT_THAT(reader->ReadAt(static_cast<int64_t>(at), buffer.size(), buffer.data()),
                    IsOkAndHolds(1000u));
        EXPECT_EQ(buffer, content.substr(at, buffer.size()));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_P(UfsConformance, OpenRefusesWhatIsNoFile) {
  ASSERT_OK(MakeDirectory("d"));
  EXPECT_THAT(ufs_.Open(Path("none")), StatusIs(Code::kNotFound, HasSubstr("/none")));
  EXPECT_THAT(ufs_.Open(Path("d")), StatusIs(Code::kInvalidArgument, HasSubstr("/d")));
}

TEST_P(UfsConformance, DirectoriesAreMadeWithTheirParentsAndMakingThemAgainIsFine) {
  EXPECT_OK(MakeDirectory("a/b/c"));
  EXPECT_OK(MakeDirectory("a/b/c"));
  ASSERT_OK_AND_ASSIGN(const UfsStatus status, ufs_.GetStatus(Path("a/b")));
  EXPECT_TRUE(status.is_directory);
  EXPECT_EQ(status.name, "b");
  EXPECT_EQ(status.length, 0);
  ASSERT_OK(Write("file", "x"));
  EXPECT_THAT(MakeDirectory("file"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(MakeDirectory("file/below"), StatusIs(Code::kInvalidArgument));
}

TEST_P(UfsConformance, ListsChildrenOnly) {
  ASSERT_OK(Write("a", "1"));
  ASSERT_OK(Write("d/b", "22"));
  ASSERT_OK(MakeDirectory("d/e/f"));
  EXPECT_THAT(Names(ufs_.root()), IsOkAndHolds(ElementsAre("a", "d/")));
  EXPECT_THAT(Names(Path("d")), IsOkAndHolds(ElementsAre("b", "e/")));
  EXPECT_THAT(Names(Path("d/e/f")), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Names(Path("none")), StatusIs(Code::kNotFound, HasSubstr("/none")));
  EXPECT_THAT(Names(Path("a")), StatusIs(Code::kInvalidArgument));
}

TEST_P(UfsConformance, AListedChildLooksAsItsStatusDoes) {
  ASSERT_OK(Write("file", "12345", {.mode = 0604}));
  ASSERT_OK_AND_ASSIGN(const UfsStatus alone, ufs_.GetStatus(Path("file")));
  EXPECT_OK(ufs_.List(ufs_.root(), [&](const UfsStatus& listed) {
    EXPECT_EQ(Fingerprint("x", listed), Fingerprint("x", alone));
    EXPECT_EQ(listed.length, alone.length);
    EXPECT_EQ(listed.modification_time_ms, alone.modification_time_ms);
    return Status::Ok();
  }));
}

TEST_P(UfsConformance, AListingEndsWithTheVisitorsError) {
  for (const char* name : {"a", "b", "c"}) ASSERT_OK(Write(name, "x"));
  int visited = 0;
  EXPECT_THAT(ufs_.List(ufs_.root(),
                        [&](const UfsStatus&) {
                          ++visited;
                          return Cancelled("enough");
                        }),
              StatusIs(Code::kCancelled, "enough"));
  EXPECT_EQ(visited, 1);
}

TEST_P(UfsConformance, ListsALargeDirectoryOnce) {
  constexpr int kFiles =
      250;  // with long names, more than one system call or page of a listing holds
  for (int i = 0; i < kFiles; ++i) ASSERT_OK(Write(fmt::format("d/{:0>200}", i), ""));
  std::map<std::string, int> seen;
  EXPECT_OK(ufs_.List(Path("d"), [&](const UfsStatus& status) {
    ++seen[status.name];
    return Status::Ok();
  }));
  EXPECT_EQ(seen.size(), kFiles);
  EXPECT_TRUE(
      std::all_of(seen.begin(), seen.end(), [](const auto& entry) { return entry.second == 1; }));
}

TEST_P(UfsConformance, DeletesFiles) {
  ASSERT_OK(Write("file", "x"));
  EXPECT_OK(ufs_.DeleteFile(Path("file")));
  EXPECT_THAT(ufs_.GetStatus(Path("file")), StatusIs(Code::kNotFound));
  EXPECT_THAT(ufs_.DeleteFile(Path("file")), StatusIs(Code::kNotFound));
  ASSERT_OK(MakeDirectory("d"));
  EXPECT_THAT(ufs_.DeleteFile(Path("d")), StatusIs(Code::kInvalidArgument));
}

TEST_P(UfsConformance, DeletesEmptyDirectoriesAndTreesOnRequest) {
  ASSERT_OK(Write("d/e/file", "x"));
  ASSERT_OK(MakeDirectory("empty"));
  EXPECT_OK(ufs_.DeleteDirectory(Path("empty"), {}));
  EXPECT_THAT(ufs_.DeleteDirectory(Path("d"), {}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("not empty")));
  EXPECT_THAT(Read("d/e/file"), IsOkAndHolds("x"));
  EXPECT_OK(ufs_.DeleteDirectory(Path("d"), {.recursive = true}));
  EXPECT_THAT(ufs_.GetStatus(Path("d")), StatusIs(Code::kNotFound));
  EXPECT_THAT(ufs_.DeleteDirectory(Path("d"), {.recursive = true}), StatusIs(Code::kNotFound));
  ASSERT_OK(Write("file", "x"));
  EXPECT_THAT(ufs_.DeleteDirectory(Path("file"), {.recursive = true}),
              StatusIs(Code::kInvalidArgument));
}

TEST_P(UfsConformance, RenamesFilesAndDirectories) {
  ASSERT_OK(Write("a/file", "x"));
  ASSERT_OK(MakeDirectory("b"));
  EXPECT_OK(ufs_.Rename(Path("a/file"), Path("b/other")));
  EXPECT_THAT(Read("b/other"), IsOkAndHolds("x"));
  EXPECT_THAT(ufs_.GetStatus(Path("a/file")), StatusIs(Code::kNotFound));
  EXPECT_OK(ufs_.Rename(Path("b"), Path("a/c")));
  EXPECT_THAT(Read("a/c/other"), IsOkAndHolds("x"));
}

TEST_P(UfsConformance, RenameNeverReplacesAndNamesWhatIsMissing) {
  ASSERT_OK(Write("a", "first"));
  ASSERT_OK(Write("b", "second"));
  ASSERT_OK(MakeDirectory("d"));
  EXPECT_THAT(ufs_.Rename(Path("a"), Path("b")), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(ufs_.Rename(Path("a"), Path("d")), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(ufs_.Rename(Path("none"), Path("c")), StatusIs(Code::kNotFound, HasSubstr("/none")));
  EXPECT_THAT(ufs_.Rename(Path("a"), Path("none/c")),
              StatusIs(Code::kNotFound, HasSubstr("/none")));
  EXPECT_THAT(ufs_.Rename(Path("d"), Path("d/e")), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Read("a"), IsOkAndHolds("first"));
  EXPECT_THAT(Read("b"), IsOkAndHolds("second"));
}

TEST_P(UfsConformance, PathsThatEscapeTheRootAreRefused) {
  ASSERT_OK(Write("file", "x"));
  const std::string beside = ufs_.root() + "-beside/file";
  for (const std::string& path :
       {Path("../file"), Path("a/../../file"), beside, std::string("relative"),
        std::string("other-scheme://host/file"), std::string()}) {
    EXPECT_THAT(ufs_.GetStatus(path), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.Open(path), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.Create(path, {}), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.CreateDirectory(path, {}), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.DeleteFile(path), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.DeleteDirectory(path, {.recursive = true}), StatusIs(Code::kInvalidArgument))
        << path;
    EXPECT_THAT(ufs_.Rename(Path("file"), path), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.Rename(path, Path("c")), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.SetMode(path, 0600), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(ufs_.SetOwner(path, "", ""), StatusIs(Code::kInvalidArgument)) << path;
    EXPECT_THAT(Names(path), StatusIs(Code::kInvalidArgument)) << path;
  }
  EXPECT_THAT(Read("sub/../file"), IsOkAndHolds("x"));  // stays inside
}

TEST_P(UfsConformance, NamesMayHoldAnyBytesButSlashAndNul) {
  const std::vector<std::string> names{" ",   "a b",  "ü-\xff", "..data", "...",
                                       "-rf", "a\nb", "%2e%2e", "a|b",    std::string(255, 'n')};
  for (const std::string& name : names) {
    ASSERT_OK(Write(name, name)) << name;
    EXPECT_THAT(Read(name), IsOkAndHolds(name));
  }
  ASSERT_OK_AND_ASSIGN(const auto listed, Names(ufs_.root()));
  EXPECT_EQ(listed.size(), names.size());
  EXPECT_THAT(Write(std::string(300, 'n'), ""), StatusIs(Code::kInvalidArgument));
}

TEST_P(UfsConformance, TellsItsSpace) {
  ASSERT_OK_AND_ASSIGN(const Ufs::Space space, ufs_.GetSpace());
  if (space.total_bytes < 0) return;  // unknown is allowed
  EXPECT_GE(space.used_bytes, 0);
  EXPECT_LE(space.used_bytes, space.total_bytes);
}

TEST_P(UfsConformance, ManyWritersOfOneNameLeaveOneWholeFile) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string content(20'000, static_cast<char>('a' + t));
      for (int i = 0; i < 20; ++i) EXPECT_OK(Write("d/file", content));
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_OK_AND_ASSIGN(const std::string content, Read("d/file"));
  EXPECT_EQ(content, std::string(20'000, content[0]));
  EXPECT_THAT(Names(Path("d")), IsOkAndHolds(ElementsAre("file")));
}

}  // namespace headpond::ufs
