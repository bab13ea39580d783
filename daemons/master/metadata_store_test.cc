#include "master/metadata_store.h"

#include <gmock/gmock.h>

#include <memory>

#include "meta/ops/mount.h"
#include "testing/await.h"
#include "testing/status_matchers.h"

namespace headpond::master {
namespace {

// Has everything durable at once. Once cut off, it takes entries still, as that of a master that
// was stopped for a while and has not heard yet that another leads.
class CutOffJournal final : public journal::Journal {
 public:
  Status Recover(journal::Replayer&) override { return Status::Ok(); }
  Status CheckWritable() const override { return Status::Ok(); }
  Status CheckReadable() const override {
    return cut_off ? Unavailable("no majority has confirmed") : Status::Ok();
  }
  uint64_t Append(std::string) override { return ++last_; }
  void WhenDurable(uint64_t, std::function<void(Status)> done) override { done(Status::Ok()); }
  uint64_t last_sequence() const override { return last_; }
  uint64_t durable_sequence() const override { return last_; }
  uint64_t snapshot_sequence() const override { return 1; }
  Status Snapshot(journal::SnapshotSource&) override { return Status::Ok(); }
  void Stop() override {}

  bool cut_off = false;

 private:
  uint64_t last_ = 0;
};

Result<meta::Mutation> Refuse(const meta::Namespace&) {
  return AlreadyExists("as far as is known here");
}

class MetadataStoreTest : public ::testing::Test {
 protected:
  MetadataStoreTest() {
    meta::InitializeRequest request;
    request.owner = request.group = "root";
    request.cluster_id = "cluster";
    request.root_mount.ufs_uri = "/ufs";
    EXPECT_OK(store_.CommitAndWait(
        [&](const meta::Namespace& ns) { return meta::PlanInitialize(ns, request); }));
    journal_->cut_off = true;
  }

  Status Commit(const MetadataStore::Plan& plan) {
    return Await<Status>([&](auto done) { store_.Commit(plan, done); });
  }

  const std::shared_ptr<CutOffJournal> journal_ = std::make_shared<CutOffJournal>();
  MetadataStore store_{meta::NamespaceOptions{}, journal_};
};

TEST_F(MetadataStoreTest, ARefusalIsNotGivenByAMasterThatWasCutOff) {
  EXPECT_THAT(Commit(Refuse), StatusIs(Code::kUnavailable));
  journal_->cut_off = false;
  EXPECT_THAT(Commit(Refuse), StatusIs(Code::kAlreadyExists));
}

TEST_F(MetadataStoreTest, AChangeThatDoesNothingIsNotAnsweredByAMasterThatWasCutOff) {
  const auto nothing = [](const meta::Namespace&) { return meta::Mutation(); };
  EXPECT_THAT(Commit(nothing), StatusIs(Code::kUnavailable));
  journal_->cut_off = false;
  EXPECT_OK(Commit(nothing));
}

TEST_F(MetadataStoreTest, AMastersOwnWorkDoesNotWaitForAMajorityToConfirmIt) {
  EXPECT_THAT(store_.CommitAndWait(Refuse), StatusIs(Code::kAlreadyExists));
}

}  // namespace
}  // namespace headpond::master
