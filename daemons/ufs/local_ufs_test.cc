#include "ufs/local_ufs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "testing/temp_directory.h"
#include "ufs/remove_tree.h"
#include "ufs/ufs_conformance.h"

namespace headpond::ufs {
namespace {

namespace fs = std::filesystem;

UfsUnderTest::Instance MakeLocal() {
  auto directory = std::make_shared<TempDirectory>();
  auto ufs = OpenUfs(directory->path(), {});
  return {directory, *std::move(ufs)};
}

// A root that is itself reached through a symbolic link, and given as a URI.
UfsUnderTest::Instance MakeLocalBehindALink() {
  auto directory = std::make_shared<TempDirectory>();
  fs::create_directory(*directory / "real");
  fs::create_directory_symlink("real", *directory / "link");
  auto ufs = OpenUfs("file://" + (*directory / "link"), {});
  return {directory, *std::move(ufs)};
}

INSTANTIATE_TEST_SUITE_P(Local, UfsConformance,
                         ::testing::Values(UfsUnderTest{"Folder", MakeLocal},
                                           UfsUnderTest{"FolderBehindALink", MakeLocalBehindALink}),
                         UfsName);

void PutFile(const std::string& path, std::string_view content) {
  std::ofstream(path) << content;
}

class LocalUfsTest : public ::testing::Test {
 protected:
  LocalUfsTest() { fs::create_directory(outside_ / "inner"); }

  void Reopen(const std::map<std::string, std::string>& properties) {
    auto ufs = OpenUfs(root_.path(), properties);
    ASSERT_TRUE(ufs.ok()) << ufs.status().ToString();
    ufs_ = *std::move(ufs);
  }
  Result<UfsStatus> Write(const std::string& path, std::string_view content,
                          const CreateOptions& options = {}) {
    ASSIGN_OR_RETURN(const auto writer, ufs_->Create(path, options));
    RETURN_IF_ERROR(writer->Append(content));
    return writer->Complete();
  }
  Result<std::string> Read(const std::string& path) {
    ASSIGN_OR_RETURN(const auto reader, ufs_->Open(path));
    std::string content(100, '\0');
    ASSIGN_OR_RETURN(const size_t got, reader->ReadAt(0, content.size(), content.data()));
    return content.substr(0, got);
  }
  Result<std::vector<std::string>> Names(const std::string& path) {
    std::vector<std::string> names;
    RETURN_IF_ERROR(ufs_->List(path, [&](const UfsStatus& status) {
      names.push_back(status.name);
      return Status::Ok();
    }));
    std::sort(names.begin(), names.end());
    return names;
  }

  TempDirectory root_;
  TempDirectory outside_;
  std::unique_ptr<Ufs> ufs_ = *OpenUfs(root_.path(), {});
};

TEST_F(LocalUfsTest, OpenUfsKnowsItsSchemes) {
  for (const std::string uri :
       {"/data", "/data/", "file:///data", "file:/data", "file://localhost/data"}) {
    ASSERT_OK_AND_ASSIGN(const auto ufs, OpenUfs(uri, {}));
    EXPECT_EQ(ufs->root(), "/data") << uri;
    EXPECT_EQ(ufs->type(), "local");
  }
  EXPECT_THAT(OpenUfs("s3://bucket/data", {}),
              StatusIs(Code::kInvalidArgument, HasSubstr("scheme s3 is not built in")));
  EXPECT_THAT(OpenUfs("data", {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(OpenUfs("", {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(OpenUfs("file://host/data", {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(OpenUfs("/data", {{"alluxio.underfs.allow.set.owner.failure", "maybe"}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("must be true or false")));
}

TEST_F(LocalUfsTest, TheContentHashIsStocks) {
  ASSERT_OK_AND_ASSIGN(const UfsStatus status, Write(root_ / "file", "123"));
  EXPECT_EQ(status.content_hash, fmt::format("(len:3, modtime:{})", status.modification_time_ms));
  struct stat attributes;
  ASSERT_EQ(::stat((root_ / "file").c_str(), &attributes), 0);
  EXPECT_EQ(status.modification_time_ms,
            attributes.st_mtim.tv_sec * 1000 + attributes.st_mtim.tv_nsec / 1'000'000);
}

TEST_F(LocalUfsTest, ModesAreAsAskedWhateverTheUmask) {
  const mode_t former = ::umask(0077);
  EXPECT_OK(Write(root_ / "a/file", "x", {.mode = 0666}));
  EXPECT_OK(ufs_->CreateDirectory(root_ / "d/e", {.mode = 0777}));
  ::umask(former);
  EXPECT_EQ(ufs_->GetStatus(root_ / "a/file")->mode, 0666);
  EXPECT_EQ(ufs_->GetStatus(root_ / "a")->mode, 0755);
  EXPECT_EQ(ufs_->GetStatus(root_ / "d")->mode, 0777);
  EXPECT_EQ(ufs_->GetStatus(root_ / "d/e")->mode, 0777);
  EXPECT_OK(ufs_->SetMode(root_ / "a/file", 01600));
  EXPECT_EQ(ufs_->GetStatus(root_ / "a/file")->mode, 01600);
}

TEST_F(LocalUfsTest, OwnersAreChangedWhereTheProcessMay) {
  const bool root = ::geteuid() == 0;
  ASSERT_OK(Write(root_ / "file", "x", {.owner = "daemon", .group = "daemon"}));
  ASSERT_OK_AND_ASSIGN(const UfsStatus status, ufs_->GetStatus(root_ / "file"));
  if (root) {
    EXPECT_EQ(status.owner, "daemon");
    EXPECT_EQ(status.group, "daemon");
    EXPECT_OK(ufs_->SetOwner(root_ / "file", "54321", ""));
    EXPECT_EQ(ufs_->GetStatus(root_ / "file")->owner, "54321");
    EXPECT_EQ(ufs_->GetStatus(root_ / "file")->group, "daemon");
  } else {
    EXPECT_NE(status.owner, "daemon");
    EXPECT_THAT(ufs_->SetOwner(root_ / "file", "daemon", ""), StatusIs(Code::kPermissionDenied));
  }
}

TEST_F(LocalUfsTest, AnUnknownOwnerFailsSetOwnerUnlessTheMountAllowsIt) {
  ASSERT_OK(Write(root_ / "file", "x", {.owner = "no-such-user-here"}));
  EXPECT_THAT(ufs_->SetOwner(root_ / "file", "no-such-user-here", ""),
              StatusIs(Code::kInvalidArgument, HasSubstr("no-such-user-here")));
  Reopen({{"alluxio.underfs.allow.set.owner.failure", "true"}});
  EXPECT_OK(ufs_->SetOwner(root_ / "file", "no-such-user-here", ""));
}

TEST_F(LocalUfsTest, LinksInsideAreFollowed) {
  PutFile(root_ / "file", "content");
  fs::create_directory(root_ / "d");
  fs::create_symlink("../file", root_ / "d/relative");
  fs::create_symlink(root_ / "file", root_ / "absolute");
  fs::create_directory_symlink("d", root_ / "folder");
  EXPECT_THAT(Read(root_ / "d/relative"), IsOkAndHolds("content"));
  EXPECT_THAT(Read(root_ / "absolute"), IsOkAndHolds("content"));
  EXPECT_THAT(Read(root_ / "folder/relative"), IsOkAndHolds("content"));
  EXPECT_THAT(Names(root_.path()), IsOkAndHolds(ElementsAre("absolute", "d", "file", "folder")));
  EXPECT_OK(Write(root_ / "folder/new", "x"));
  EXPECT_THAT(Read(root_ / "d/new"), IsOkAndHolds("x"));
}

TEST_F(LocalUfsTest, LinksThatLeadOutsideAreRefusedAndLeftOutOfListings) {
  PutFile(outside_ / "secret", "secret");
  fs::create_symlink(outside_ / "secret", root_ / "link");
  fs::create_directory_symlink(outside_.path(), root_ / "folder");
  fs::create_directory_symlink("../../../../../../etc", root_ / "etc");
  for (const std::string name : {"link", "folder", "folder/secret", "folder/inner", "etc/passwd"}) {
    EXPECT_THAT(ufs_->GetStatus(root_ / name),
                StatusIs(Code::kInvalidArgument, HasSubstr("outside")))
        << name;
    EXPECT_FALSE(ufs_->Open(root_ / name).ok()) << name;
    EXPECT_FALSE(ufs_->SetMode(root_ / name, 0777).ok()) << name;
    EXPECT_FALSE(ufs_->Create(root_ / name, {}).ok()) << name;
  }
  EXPECT_THAT(ufs_->Create(root_ / "folder/new", {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ufs_->CreateDirectory(root_ / "folder/new", {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ufs_->DeleteFile(root_ / "folder/secret"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ufs_->DeleteDirectory(root_ / "folder/inner", {.recursive = true}),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ufs_->Rename(root_ / "folder/secret", root_ / "stolen"),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Names(root_ / "folder"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Names(root_.path()), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(fs::file_size(outside_ / "secret"), 6u);

  EXPECT_OK(ufs_->DeleteFile(root_ / "link"));  // the link, not what it points to
  EXPECT_TRUE(fs::exists(outside_ / "secret"));
}

TEST_F(LocalUfsTest, AMountMayAllowLinksThatLeadOutside) {
  PutFile(outside_ / "shared", "shared");
  fs::create_symlink(outside_ / "shared", root_ / "link");
  Reopen({{"headpond.underfs.local.allow.links.outside", "true"}});
  EXPECT_THAT(Read(root_ / "link"), IsOkAndHolds("shared"));
  EXPECT_THAT(Names(root_.path()), IsOkAndHolds(ElementsAre("link")));
}

TEST_F(LocalUfsTest, RemovingATreeNeverFollowsLinks) {
  PutFile(outside_ / "precious", "x");
  fs::create_directory(root_ / "d");
  fs::create_directory_symlink(outside_.path(), root_ / "d/link");
  EXPECT_OK(ufs_->DeleteDirectory(root_ / "d", {.recursive = true}));
  EXPECT_TRUE(fs::exists(outside_ / "precious"));
}

TEST_F(LocalUfsTest, DeletingALinkToADirectoryLeavesTheDirectory) {
  ASSERT_OK(Write(root_ / "real/file", "x"));
  fs::create_directory_symlink("real", root_ / "link");
  EXPECT_OK(ufs_->DeleteDirectory(root_ / "link", {.recursive = true}));
  EXPECT_THAT(Read(root_ / "real/file"), IsOkAndHolds("x"));
}

TEST_F(LocalUfsTest, ABrokenLinkFailsAListingUnlessTheMountSkipsThem) {
  PutFile(root_ / "file", "x");
  fs::create_symlink("nowhere", root_ / "broken");
  EXPECT_THAT(Names(root_.path()), StatusIs(Code::kNotFound, HasSubstr("skip.broken.symlinks")));
  Reopen({{"alluxio.underfs.local.skip.broken.symlinks", "true"}});
  EXPECT_THAT(Names(root_.path()), IsOkAndHolds(ElementsAre("file")));
}

TEST_F(LocalUfsTest, PipesAndSocketsAreLeftOutAndNeverOpened) {
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0666), 0);
  EXPECT_THAT(Names(root_.path()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ufs_->Open(root_ / "pipe"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ufs_->GetStatus(root_ / "pipe"), StatusIs(Code::kInvalidArgument));
}

TEST_F(LocalUfsTest, TemporaryNamesAreReserved) {
  const std::string name = TemporaryName(7);
  EXPECT_EQ(name, ".headpond-0000000000000007.tmp");
  EXPECT_THAT(ufs_->Create(root_ / name, {}),
              StatusIs(Code::kInvalidArgument, HasSubstr("reserved")));
  EXPECT_FALSE(IsTemporaryName(".headpond-000000000000000G.tmp"));
  EXPECT_FALSE(IsTemporaryName(".headpond-7.tmp"));
  EXPECT_OK(Write(root_ / ".headpond-7.tmp", "x"));
}

TEST_F(LocalUfsTest, ADeadWritersFileIsRemovedWhenAskedForButALivingOnesIsNot) {
  ASSERT_OK(ufs_->CreateDirectory(root_ / "d", {.mode = 0755}));
  PutFile(root_ / ("d/" + TemporaryName(1)), "left by a crash");
  PutFile(root_ / "d/other", "no temporary file");
  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_->Create(root_ / "d/file", {}));
  EXPECT_OK(RemoveAbandonedFiles(root_ / "d"));
  EXPECT_FALSE(fs::exists(root_ / ("d/" + TemporaryName(1))));
  EXPECT_TRUE(fs::exists(root_ / "d/other"));
  EXPECT_OK(writer->Complete());
}

TEST_F(LocalUfsTest, ADeadWritersFileDoesNotKeepADirectoryButALivingOnesDoes) {
  ASSERT_OK(ufs_->CreateDirectory(root_ / "d", {.mode = 0755}));
  PutFile(root_ / ("d/" + TemporaryName(1)), "left by a crash");
  EXPECT_OK(ufs_->DeleteDirectory(root_ / "d", {}));
  EXPECT_FALSE(fs::exists(root_ / "d"));

  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_->Create(root_ / "e/file", {}));
  EXPECT_OK(writer->Append("x"));
  EXPECT_THAT(ufs_->DeleteDirectory(root_ / "e", {}), StatusIs(Code::kFailedPrecondition));
  EXPECT_OK(writer->Complete());
  EXPECT_THAT(Read(root_ / "e/file"), IsOkAndHolds("x"));
}

TEST_F(LocalUfsTest, CompletingInADirectoryThatWasRemovedSaysSo) {
  ASSERT_OK_AND_ASSIGN(const auto writer, ufs_->Create(root_ / "d/file", {}));
  EXPECT_OK(writer->Append("x"));
  fs::remove_all(root_ / "d");
  EXPECT_THAT(writer->Complete(),
              StatusIs(Code::kNotFound, HasSubstr("removed while it was being written")));
  EXPECT_THAT(writer->Complete(), StatusIs(Code::kNotFound));  // sticks
}

TEST_F(LocalUfsTest, AFileThatShrinksUnderAReaderFailsTheRead) {
  PutFile(root_ / "file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_->Open(root_ / "file"));
  fs::resize_file(root_ / "file", 5);
  char buffer[10];
  EXPECT_THAT(reader->ReadAt(0, 10, buffer),
              StatusIs(Code::kUnavailable, HasSubstr("10 bytes when opened, 5 now")));
}

TEST_F(LocalUfsTest, AFileRewrittenInPlaceUnderAReaderFailsTheRead) {
  PutFile(root_ / "file", "0123456789");
  fs::last_write_time(root_ / "file", fs::file_time_type::clock::now() - std::chrono::hours(1));
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_->Open(root_ / "file"));
  PutFile(root_ / "file", "abcdefghij");
  char buffer[10];
  EXPECT_THAT(reader->ReadAt(0, 10, buffer), StatusIs(Code::kUnavailable, HasSubstr("changed")));
}

TEST_F(LocalUfsTest, AFileThatGrowsUnderAReaderReadsOn) {
  PutFile(root_ / "log", "01234");
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_->Open(root_ / "log"));
  std::ofstream(root_ / "log", std::ios::app) << "56789";
  char buffer[5];
  EXPECT_THAT(reader->ReadAt(0, 5, buffer), IsOkAndHolds(5u));
  EXPECT_EQ(std::string(buffer, 5), "01234");
}

TEST_F(LocalUfsTest, AReaderKeepsTheVersionItOpened) {
  ASSERT_OK(Write(root_ / "file", "old"));
  ASSERT_OK_AND_ASSIGN(const auto reader, ufs_->Open(root_ / "file"));
  ASSERT_OK(Write(root_ / "file", "new!"));
  char buffer[10];
  EXPECT_THAT(reader->ReadAt(0, 10, buffer), IsOkAndHolds(3u));
  EXPECT_EQ(std::string(buffer, 3), "old");
  EXPECT_GE(reader->fd(), 0);
}

TEST_F(LocalUfsTest, AMissingRootIsNotFoundAndOnlyMadeWhenAskedFor) {
  ASSERT_OK_AND_ASSIGN(ufs_, OpenUfs(root_ / "store", {}));
  EXPECT_THAT(ufs_->GetStatus(root_ / "store"), StatusIs(Code::kNotFound));
  EXPECT_THAT(ufs_->Create(root_ / "store/a/file", {}),
              StatusIs(Code::kNotFound, HasSubstr("store does not exist")));
  EXPECT_FALSE(fs::exists(root_ / "store"));
  EXPECT_OK(ufs_->CreateDirectory(root_ / "store", {.mode = 0750}));
  EXPECT_OK(ufs_->CreateDirectory(root_ / "store", {.mode = 0750}));
  EXPECT_EQ(ufs_->GetStatus(root_ / "store")->mode, 0750);
  EXPECT_OK(Write(root_ / "store/a/file", "x"));
  EXPECT_THAT(ufs_->DeleteDirectory(root_ / "store", {.recursive = true}),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ufs_->Rename(root_ / "store", root_ / "store/b"), StatusIs(Code::kInvalidArgument));
}

TEST_F(LocalUfsTest, AFullDiskIsResourceExhaustedAndLeavesNothing) {
  if (::mount("tmpfs", root_.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "NOT TESTED: a full disk; mounting a small tmpfs needs root (CAP_SYS_ADMIN)";
  }
  {
    ASSERT_OK_AND_ASSIGN(const auto writer, ufs_->Create(root_ / "file", {}));
    const std::string data(2 << 20, 'x');
    EXPECT_THAT(writer->Append(data),
                StatusIs(Code::kResourceExhausted, HasSubstr("/file: No space left")));
    EXPECT_THAT(writer->Complete(), StatusIs(Code::kResourceExhausted));
  }
  EXPECT_TRUE(fs::is_empty(root_.path()));
  EXPECT_OK(Write(root_ / "small", "x"));
  EXPECT_EQ(ufs_->GetSpace()->total_bytes, 1 << 20);
  ASSERT_EQ(::mount("tmpfs", root_.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m"), 0);
  EXPECT_THAT(ufs_->Create(root_ / "file", {}),
              StatusIs(Code::kPermissionDenied, HasSubstr("Read-only file system")));
  EXPECT_EQ(::umount(root_.path().c_str()), 0);
}

// Runs `body` in a child process, for what would change this whole process; true when it returned
// true there.
bool InChild(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(LocalUfsTest, TheKernelsFileSizeLimitIsAnErrorOfTheWriter) {
  EXPECT_TRUE(InChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit { .rlim_cur = 1000, .rlim_max = 1000 };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = ufs_->Create(root_ / "file", {});
    return writer.ok() &&
           (*writer)->Append(std::string(5000, 'x')).code() == Code::kResourceExhausted;
  }));
}

TEST_F(LocalUfsTest, WithoutPermissionTheTextNamesThePath) {
  PutFile(root_ / "file", "x");
  fs::permissions(root_ / "file", fs::perms::none);
  fs::permissions(root_.path(), fs::perms(0555));
  EXPECT_TRUE(InChild([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;  // root is refused nothing
    const Status opened = ufs_->Open(root_ / "file").status();
    const Status created = ufs_->Create(root_ / "new", {}).status();
    const Status renamed = ufs_->Rename(root_ / "file", root_ / "other");
    for (const Status& status : {opened, created, renamed}) fmt::print("{}\n", status.ToString());
    const auto denied = [](const Status& status, std::string_view name) {
      return status.code() == Code::kPermissionDenied &&
             status.message().find(name) != std::string::npos;
    };
    return denied(opened, "/file") && denied(created, "/new") && denied(renamed, "/file");
  }));
  fs::permissions(root_.path(), fs::perms(0755));
}

}  // namespace
}  // namespace headpond::ufs
