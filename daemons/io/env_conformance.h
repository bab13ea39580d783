#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "io/env.h"
#include "testing/status_matchers.h"

namespace headpond::io {

// What every Env does. A file that instantiates the suite gives a traits type with a default
// constructor, `Env& env()`, and `std::string root()`: an existing, empty directory.
template <typename Traits>
class EnvConformance : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) { return traits_.root() + "/" + name; }
  Env& env() { return traits_.env(); }

  void Write(const std::string& path, std::string_view content,
             OpenMode mode = OpenMode::kTruncate) {
    auto file = env().OpenForWrite(path, mode);
    ASSERT_OK(file);
    ASSERT_OK((*file)->Append(content));
    ASSERT_OK((*file)->Sync());
    ASSERT_OK((*file)->Close());
  }
  std::string Read(const std::string& path) {
    auto content = ReadWholeFile(env(), path, 1 << 20);
    return content.ok() ? *content : content.status().ToString();
  }

  Traits traits_;
};

TYPED_TEST_SUITE_P(EnvConformance);

TYPED_TEST_P(EnvConformance, ReadsBackWhatWasAppended) {
  auto file = this->env().OpenForWrite(this->Path("f"), OpenMode::kCreate);
  ASSERT_OK(file);
  EXPECT_OK((*file)->Append("one "));
  EXPECT_OK((*file)->Append(""));
  EXPECT_OK((*file)->Append("two"));
  EXPECT_EQ((*file)->size(), 7);
  EXPECT_EQ(this->Read(this->Path("f")), "one two");
  EXPECT_OK((*file)->Sync());
  EXPECT_OK((*file)->Close());
  EXPECT_OK((*file)->Close());
  EXPECT_FALSE((*file)->Append("late").ok());
}

TYPED_TEST_P(EnvConformance, WhatWasPreallocatedIsGoneOnceItIsClosed) {
  const std::string path = this->Path("f");
  auto file = this->env().OpenForWrite(path, OpenMode::kCreate);
  ASSERT_OK(file);
  EXPECT_OK((*file)->Append("head "));
  EXPECT_OK((*file)->Preallocate(10'000));
  EXPECT_EQ((*file)->size(), 5);
  EXPECT_OK((*file)->Append("one "));
  EXPECT_OK((*file)->Sync());
  EXPECT_OK((*file)->Append("two"));
  EXPECT_EQ((*file)->size(), 12);
  auto reader = this->env().OpenForRead(path);
  ASSERT_OK(reader);
  char bytes[12];
  EXPECT_EQ((*reader)->ReadAt(0, sizeof bytes, bytes).value_or(0), sizeof bytes);
  EXPECT_EQ(std::string_view(bytes, sizeof bytes), "head one two");
  EXPECT_OK((*file)->Close());
  EXPECT_EQ(this->Read(path), "head one two");
  EXPECT_FALSE((*file)->Preallocate(1).ok());
}

TYPED_TEST_P(EnvConformance, OpensInEachMode) {
  const std::string path = this->Path("f");
  this->Write(path, "abc", OpenMode::kCreate);
  EXPECT_THAT(this->env().OpenForWrite(path, OpenMode::kCreate), StatusIs(Code::kAlreadyExists));
  auto file = this->env().OpenForWrite(path, OpenMode::kAppend);
  ASSERT_OK(file);
  EXPECT_EQ((*file)->size(), 3);
  this->Write(path, "def", OpenMode::kAppend);
  EXPECT_EQ(this->Read(path), "abcdef");
  this->Write(path, "x", OpenMode::kTruncate);
  EXPECT_EQ(this->Read(path), "x");
  this->Write(this->Path("new"), "y", OpenMode::kAppend);
  EXPECT_EQ(this->Read(this->Path("new")), "y");
}

TYPED_TEST_P(EnvConformance, ReadsAtAnyOffsetAndShortOnlyAtTheEnd) {
  this->Write(this->Path("f"), "0123456789");
  auto file = this->env().OpenForRead(this->Path("f"));
  ASSERT_OK(file);
  EXPECT_EQ((*file)->size(), 10);
  char buffer[16] = {};
  EXPECT_EQ((*file)->ReadAt(3, 4, buffer).value_or(99), 4u);
  EXPECT_EQ(std::string(buffer, 4), "3456");
  EXPECT_EQ((*file)->ReadAt(8, 16, buffer).value_or(99), 2u);
  EXPECT_EQ((*file)->ReadAt(10, 1, buffer).value_or(99), 0u);
  EXPECT_EQ((*file)->ReadAt(100, 1, buffer).value_or(99), 0u);
}

TYPED_TEST_P(EnvConformance, NamesThePathThatIsMissing) {
  Env& env = this->env();
  const std::string missing = this->Path("missing");
  EXPECT_THAT(env.OpenForRead(missing), StatusIs(Code::kNotFound));
  EXPECT_THAT(env.OpenForRead(missing).status().message(), ::testing::HasSubstr(missing));
  EXPECT_THAT(env.OpenForWrite(missing + "/f", OpenMode::kTruncate), StatusIs(Code::kNotFound));
  EXPECT_THAT(env.Remove(missing), StatusIs(Code::kNotFound));
  EXPECT_THAT(env.Rename(missing, this->Path("other")), StatusIs(Code::kNotFound));
  EXPECT_THAT(env.Truncate(missing, 0), StatusIs(Code::kNotFound));
  EXPECT_THAT(env.List(missing), StatusIs(Code::kNotFound));
  EXPECT_THAT(env.SyncDirectory(missing), StatusIs(Code::kNotFound));
  EXPECT_FALSE(env.Exists(missing).value_or(true));
  EXPECT_FALSE(env.Exists(missing + "/below").value_or(true));
}

TYPED_TEST_P(EnvConformance, ListsNamesSortedAndOnlyOneLevel) {
  Env& env = this->env();
  ASSERT_OK(env.CreateDirectories(this->Path("dir/sub/deep")));
  ASSERT_OK(env.CreateDirectories(this->Path("dir/sub")));
  this->Write(this->Path("dir/b"), "");
  this->Write(this->Path("dir/a"), "");
  this->Write(this->Path("dir/sub/c"), "");
  this->Write(this->Path("dirx"), "");
  EXPECT_THAT(env.List(this->Path("dir")).value_or({}), ::testing::ElementsAre("a", "b", "sub"));
  EXPECT_FALSE(env.CreateDirectories(this->Path("dirx/under-a-file")).ok());
  EXPECT_FALSE(env.OpenForRead(this->Path("dir")).ok());
  EXPECT_FALSE(env.OpenForWrite(this->Path("dir"), OpenMode::kAppend).ok());
}

TYPED_TEST_P(EnvConformance, RemovesFilesAndEmptyDirectories) {
  Env& env = this->env();
  ASSERT_OK(env.CreateDirectories(this->Path("dir")));
  this->Write(this->Path("dir/f"), "x");
  EXPECT_THAT(env.Remove(this->Path("dir")), StatusIs(Code::kFailedPrecondition));
  EXPECT_OK(env.Remove(this->Path("dir/f")));
  EXPECT_OK(env.Remove(this->Path("dir")));
  EXPECT_FALSE(env.Exists(this->Path("dir")).value_or(true));
}

TYPED_TEST_P(EnvConformance, KeepsARemovedFileReadableWhileItIsOpen) {
  this->Write(this->Path("f"), "still here");
  auto file = this->env().OpenForRead(this->Path("f"));
  ASSERT_OK(file);
  ASSERT_OK(this->env().Remove(this->Path("f")));
  char buffer[10] = {};
  EXPECT_EQ((*file)->ReadAt(0, 10, buffer).value_or(0), 10u);
  EXPECT_EQ(std::string(buffer, 10), "still here");
}

TYPED_TEST_P(EnvConformance, RenameReplacesItsTarget) {
  Env& env = this->env();
  this->Write(this->Path("from"), "new");
  this->Write(this->Path("to"), "old content");
  EXPECT_OK(env.Rename(this->Path("from"), this->Path("to")));
  EXPECT_OK(env.SyncDirectory(this->traits_.root()));
  EXPECT_EQ(this->Read(this->Path("to")), "new");
  EXPECT_FALSE(env.Exists(this->Path("from")).value_or(true));
  EXPECT_OK(env.Rename(this->Path("to"), this->Path("to")));
  EXPECT_EQ(this->Read(this->Path("to")), "new");
}

TYPED_TEST_P(EnvConformance, TruncateKeepsTheBeginning) {
  this->Write(this->Path("f"), "0123456789");
  EXPECT_OK(this->env().Truncate(this->Path("f"), 4));
  EXPECT_EQ(this->Read(this->Path("f")), "0123");
  this->Write(this->Path("f"), "x", OpenMode::kAppend);
  EXPECT_EQ(this->Read(this->Path("f")), "0123x");
}

TYPED_TEST_P(EnvConformance, RewritingATailChangesNothingToSee) {
  this->Write(this->Path("f"), "0123456789");
  EXPECT_OK(this->env().RewriteTail(this->Path("f"), 4));
  EXPECT_OK(this->env().RewriteTail(this->Path("f"), 10));
  EXPECT_EQ(this->Read(this->Path("f")), "0123456789");
  EXPECT_THAT(this->env().RewriteTail(this->Path("missing"), 0), StatusIs(Code::kNotFound));
}

TYPED_TEST_P(EnvConformance, LockHasOneOwnerUntilItIsReleased) {
  auto held = this->env().Lock(this->Path("LOCK"));
  ASSERT_OK(held);
  const auto second = this->env().Lock(this->Path("LOCK"));
  EXPECT_THAT(second, StatusIs(Code::kUnavailable));
  EXPECT_THAT(second.status().message(), ::testing::HasSubstr("LOCK is held by"));
  *held = nullptr;
  EXPECT_OK(this->env().Lock(this->Path("LOCK")));
}

TYPED_TEST_P(EnvConformance, WritesAWholeFileAtomicallyAndReadsItWithinALimit) {
  EXPECT_OK(WriteFileAtomically(this->env(), this->Path("f"), "first"));
  EXPECT_OK(WriteFileAtomically(this->env(), this->Path("f"), "second"));
  EXPECT_EQ(this->Read(this->Path("f")), "second");
  EXPECT_THAT(this->env().List(this->traits_.root()).value_or({}), ::testing::ElementsAre("f"));
  EXPECT_THAT(ReadWholeFile(this->env(), this->Path("f"), 5), StatusIs(Code::kResourceExhausted));
}

REGISTER_TYPED_TEST_SUITE_P(EnvConformance, ReadsBackWhatWasAppended,
                            WhatWasPreallocatedIsGoneOnceItIsClosed, OpensInEachMode,
                            ReadsAtAnyOffsetAndShortOnlyAtTheEnd, NamesThePathThatIsMissing,
                            ListsNamesSortedAndOnlyOneLevel, RemovesFilesAndEmptyDirectories,
                            KeepsARemovedFileReadableWhileItIsOpen, RenameReplacesItsTarget,
                            TruncateKeepsTheBeginning, RewritingATailChangesNothingToSee,
                            LockHasOneOwnerUntilItIsReleased,
                            WritesAWholeFileAtomicallyAndReadsItWithinALimit);

}  // namespace headpond::io
