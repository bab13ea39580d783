#include "master/housekeeping.h"

#include <gmock/gmock.h>

#include "master/inline_master_testing.h"
#include "ufs/faulty_ufs.h"

namespace headpond::master {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class HousekeepingTest : public ::testing::Test {
 protected:
  // A pinned directory with `count` pinned directories in it, whose TTL is over.
  void MakeExpired(size_t count) {
    ASSERT_OK(master_.store->CommitAndWait([&](const meta::Namespace&) -> Result<meta::Mutation> {
      meta::Mutation mutation;
      mutation.op_time_ms = master_.clock.NowMs();
      for (size_t i = 0; i <= count; ++i) {
        meta::InodeRecord record;
        record.id = kBase + static_cast<meta::InodeId>(i);
        record.parent_id = i == 0 ? meta::kRootId : kBase;
        record.name = i == 0 ? "base" : fmt::format("d{}", i);
        record.creation_ms = master_.clock.NowMs();
        record.mode = 0755;
        record.pinned = true;
        record.children_loaded = true;
        if (i == 0) record.ttl_ms = 1000;
        mutation.puts.push_back(std::move(record));
      }
      return mutation;
    }));
    master_.clock.Advance(std::chrono::seconds(2));
  }
  int64_t Pinned() {
    return master_.store->Read([](const meta::Namespace& ns) {
      int64_t pinned = 0;
      ns.inodes().ForEachChild(ns.inodes().Find(kBase), "", [&](meta::Inode child) {
        pinned += child.pinned() ? 1 : 0;
        return true;
      });
      return pinned;
    });
  }

  static constexpr meta::InodeId kBase = meta::InodeId{1000} << 24;
  InlineMaster master_;
  Housekeeping housekeeping_{Housekeeping::Options{}, *master_.store, *master_.blocks,
                             *master_.files, master_.clock};
};

TEST_F(HousekeepingTest, ATreeLargerThanOneChangeIsFreedInOneTick) {
  MakeExpired(meta::kMaxPutsPerMutation + 10);
  housekeeping_.ExpireTtls();
  EXPECT_EQ(Pinned(), 0);
  EXPECT_TRUE(
      master_.store->Read([](const meta::Namespace& ns) { return ns.ttl_deadlines().empty(); }));
}

TEST(RemoveFromUfsTest, WhatCouldNotBeDeletedStaysAndIsNamedWithWhatHoldsIt) {
  const auto faults = std::make_shared<ufs::UfsFaults>();
  InlineMaster master(
      {}, [&](const std::string& uri, const auto& properties) -> Result<std::unique_ptr<ufs::Ufs>> {
        ASSIGN_OR_RETURN(auto store, ufs::OpenUfs(uri, properties));
        return ufs::MakeFaultyUfs(std::move(store), faults);
      });
  master.WriteUfs("d/sub/stuck", "1");
  master.WriteUfs("d/other", "2");
  ASSERT_OK(master.List("/", /*recursive=*/true));
  faults->Fail(ufs::UfsOperation::kDeleteFile, PermissionDenied("not yours"), 2);
  const Status removed = Await<Status>([&](auto done) {
    meta::RemoveRequest request;
    request.context.caller = meta::Caller::Internal();
    request.path = "/d";
    request.recursive = true;
    master.files->Remove(std::move(request), {}, done);
  });
  EXPECT_THAT(removed,
              StatusIs(Code::kFailedPrecondition, AllOf(HasSubstr("Failed to delete 4 paths"),
                                                        HasSubstr("/d/sub/stuck (not yours)"),
                                                        HasSubstr("/d/sub (Directory not empty)"),
                                                        HasSubstr("/d (Directory not empty)"))));
  EXPECT_THAT(master.Exists("/d/sub/stuck"), IsOkAndHolds(true));
}

}  // namespace
}  // namespace headpond::master
