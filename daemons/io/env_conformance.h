#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "io/env.h"

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
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    ASSERT_TRUE((*file)->Append(content).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE((*file)->Close().ok());
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
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE((*file)->Append("one ").ok());
  EXPECT_TRUE((*file)->Append("").ok());
  EXPECT_TRUE((*file)->Append("two").ok());
  EXPECT_EQ((*file)->size(), 7);
  EXPECT_EQ(this->Read(this->Path("f")), "one two");
  EXPECT_TRUE((*file)->Sync().ok());
  EXPECT_TRUE((*file)->Close().ok());
  EXPECT_TRUE((*file)->Close().ok());
  EXPECT_FALSE((*file)->Append("late").ok());
}

TYPED_TEST_P(EnvConformance, OpensInEachMode) {
  const std::string path = this->Path("f");
  this->Write(path, "abc", OpenMode::kCreate);
  EXPECT_EQ(this->env().OpenForWrite(path, OpenMode::kCreate).status().code(),
            Code::kAlreadyExists);
  auto file = this->env().OpenForWrite(path, OpenMode::kAppend);
  ASSERT_TRUE(file.ok());
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
  ASSERT_TRUE(file.ok());
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
  EXPECT_EQ(env.OpenForRead(missing).status().code(), Code::kNotFound);
  EXPECT_THAT(env.OpenForRead(missing).status().message(), ::testing::HasSubstr(missing));
  EXPECT_EQ(env.OpenForWrite(missing + "/f", OpenMode::kTruncate).status().code(), Code::kNotFound);
  EXPECT_EQ(env.Remove(missing).code(), Code::kNotFound);
  EXPECT_EQ(env.Rename(missing, this->Path("other")).code(), Code::kNotFound);
  EXPECT_EQ(env.Truncate(missing, 0).code(), Code::kNotFound);
  EXPECT_EQ(env.List(missing).status().code(), Code::kNotFound);
  EXPECT_EQ(env.SyncDirectory(missing).code(), Code::kNotFound);
  EXPECT_FALSE(env.Exists(missing).value_or(true));
  EXPECT_FALSE(env.Exists(missing + "/below").value_or(true));
}

TYPED_TEST_P(EnvConformance, ListsNamesSortedAndOnlyOneLevel) {
  Env& env = this->env();
  ASSERT_TRUE(env.CreateDirectories(this->Path("dir/sub/deep")).ok());
  ASSERT_TRUE(env.CreateDirectories(this->Path("dir/sub")).ok());
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
  ASSERT_TRUE(env.CreateDirectories(this->Path("dir")).ok());
  this->Write(this->Path("dir/f"), "x");
  EXPECT_EQ(env.Remove(this->Path("dir")).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(env.Remove(this->Path("dir/f")).ok());
  EXPECT_TRUE(env.Remove(this->Path("dir")).ok());
  EXPECT_FALSE(env.Exists(this->Path("dir")).value_or(true));
}

TYPED_TEST_P(EnvConformance, KeepsARemovedFileReadableWhileItIsOpen) {
  this->Write(this->Path("f"), "still here");
  auto file = this->env().OpenForRead(this->Path("f"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(this->env().Remove(this->Path("f")).ok());
  char buffer[10] = {};
  EXPECT_EQ((*file)->ReadAt(0, 10, buffer).value_or(0), 10u);
  EXPECT_EQ(std::string(buffer, 10), "still here");
}

TYPED_TEST_P(EnvConformance, RenameReplacesItsTarget) {
  Env& env = this->env();
  this->Write(this->Path("from"), "new");
  this->Write(this->Path("to"), "old content");
  EXPECT_TRUE(env.Rename(this->Path("from"), this->Path("to")).ok());
  EXPECT_TRUE(env.SyncDirectory(this->traits_.root()).ok());
  EXPECT_EQ(this->Read(this->Path("to")), "new");
  EXPECT_FALSE(env.Exists(this->Path("from")).value_or(true));
  EXPECT_TRUE(env.Rename(this->Path("to"), this->Path("to")).ok());
  EXPECT_EQ(this->Read(this->Path("to")), "new");
}

TYPED_TEST_P(EnvConformance, TruncateKeepsTheBeginning) {
  this->Write(this->Path("f"), "0123456789");
  EXPECT_TRUE(this->env().Truncate(this->Path("f"), 4).ok());
  EXPECT_EQ(this->Read(this->Path("f")), "0123");
  this->Write(this->Path("f"), "x", OpenMode::kAppend);
  EXPECT_EQ(this->Read(this->Path("f")), "0123x");
}

TYPED_TEST_P(EnvConformance, RewritingATailChangesNothingToSee) {
  this->Write(this->Path("f"), "0123456789");
  EXPECT_TRUE(this->env().RewriteTail(this->Path("f"), 4).ok());
  EXPECT_TRUE(this->env().RewriteTail(this->Path("f"), 10).ok());
  EXPECT_EQ(this->Read(this->Path("f")), "0123456789");
  EXPECT_EQ(this->env().RewriteTail(this->Path("missing"), 0).code(), Code::kNotFound);
}

TYPED_TEST_P(EnvConformance, LockHasOneOwnerUntilItIsReleased) {
  auto held = this->env().Lock(this->Path("LOCK"));
  ASSERT_TRUE(held.ok()) << held.status().ToString();
  const auto second = this->env().Lock(this->Path("LOCK"));
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_THAT(second.status().message(), ::testing::HasSubstr("LOCK is held by"));
  *held = nullptr;
  EXPECT_TRUE(this->env().Lock(this->Path("LOCK")).ok());
}

TYPED_TEST_P(EnvConformance, WritesAWholeFileAtomicallyAndReadsItWithinALimit) {
  EXPECT_TRUE(WriteFileAtomically(this->env(), this->Path("f"), "first").ok());
  EXPECT_TRUE(WriteFileAtomically(this->env(), this->Path("f"), "second").ok());
  EXPECT_EQ(this->Read(this->Path("f")), "second");
  EXPECT_THAT(this->env().List(this->traits_.root()).value_or({}), ::testing::ElementsAre("f"));
  EXPECT_EQ(ReadWholeFile(this->env(), this->Path("f"), 5).status().code(),
            Code::kResourceExhausted);
}

REGISTER_TYPED_TEST_SUITE_P(EnvConformance, ReadsBackWhatWasAppended, OpensInEachMode,
                            ReadsAtAnyOffsetAndShortOnlyAtTheEnd, NamesThePathThatIsMissing,
                            ListsNamesSortedAndOnlyOneLevel, RemovesFilesAndEmptyDirectories,
                            KeepsARemovedFileReadableWhileItIsOpen, RenameReplacesItsTarget,
                            TruncateKeepsTheBeginning, RewritingATailChangesNothingToSee,
                            LockHasOneOwnerUntilItIsReleased,
                            WritesAWholeFileAtomicallyAndReadsItWithinALimit);

}  // namespace headpond::io
