#include "meta/namespace.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "base/random.h"
#include "meta/ops/expire.h"
#include "meta/ops/load_metadata.h"
#include "meta/ops/persist.h"
#include "meta/ops/remove.h"
#include "meta/ops/rename.h"
#include "meta/ops/set_attribute.h"
#include "meta/test_namespace.h"

namespace headpond::meta {
namespace {

using ::testing::HasSubstr;

// All that a namespace knows, in comparable form.
struct State {
  std::vector<InodeRecord> records;
  std::map<std::string, MountInfo, std::less<>> mounts;
  int64_t next_container = 0;
  InodeId next_directory_id = 0;
  std::string cluster_id;
  std::map<std::string, std::map<std::string, std::string>> path_config;
  std::set<std::string> workers;

  friend bool operator==(const State&, const State&) = default;
};

State StateOf(const Namespace& ns) {
  State state;
  ns.inodes().Walk(0, ns.inodes().size(),
                   [&](Inode inode) { state.records.push_back(inode.ToRecord()); });
  std::sort(state.records.begin(), state.records.end(),
            [](const InodeRecord& a, const InodeRecord& b) { return a.id < b.id; });
  state.mounts = ns.mounts().mounts();
  state.next_container = ns.next_container();
  state.next_directory_id = ns.next_directory_id();
  state.cluster_id = ns.cluster_id();
  state.path_config = ns.path_config();
  state.workers = ns.workers();
  return state;
}

// What a restart makes of a snapshot and the journal behind it.
Status Recover(Namespace& ns, const std::vector<std::string>& snapshot,
               const std::vector<std::string>& journal, size_t from = 0) {
  ns.BeginRecovery();
  for (const std::string& record : snapshot) {
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeMutation(record));
    ns.ApplyDuringRecovery(mutation);
  }
  for (size_t i = from; i < journal.size(); ++i) {
    ASSIGN_OR_RETURN(const Mutation mutation, DecodeMutation(journal[i]));
    ns.ApplyDuringRecovery(mutation);
  }
  RETURN_IF_ERROR(ns.FinishRecovery());
  return ns.CheckInvariants();
}

// A namespace and a plain map of paths that must agree, driven by random operations.
class ModelRun {
 public:
  explicit ModelRun(uint64_t seed) : random_(seed) { ns_.check_invariants = false; }

  void Step() {
    ns_.now_ms += static_cast<int64_t>(random_.Below(5));
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2: CreateFile(); break;
      case 3:
      case 4: CreateDirectory(); break;
      case 5:
      case 6:
      case 7: Rename(); break;
      case 8: Remove(); break;
      case 9: ChangeAttributes(); break;
      case 10: LoadOrPersist(); break;
      case 11: Complete(); break;
    }
  }

  void Check() const {
    ASSERT_OK(ns_->CheckInvariants());
    std::map<std::string, bool> actual;
    for (const auto& [path, inode] : ns_.Paths()) actual[path] = inode.is_directory();
    ASSERT_EQ(actual, model_);
  }

  TestNamespace& ns() { return ns_; }
  Random& random() { return random_; }

 private:
  // A random path of few names, so that operations meet.
  std::string RandomPath() {
    std::string path;
    for (uint64_t depth = 1 + random_.Below(4); depth > 0; --depth) {
      path += fmt::format("/{}", static_cast<char>('a' + random_.Below(4)));
    }
    return path;
  }
  OperationContext Context() {
    OperationContext context = ns_.Context();
    context.operation_id = {random_.Next(), random_.Next()};
    return context;
  }
  bool IsDirectory(const std::string& path) const {
    const auto found = model_.find(path);
    return found != model_.end() && found->second;
  }
  bool Exists(const std::string& path) const { return model_.contains(path); }
  // Whether `path` can be made, with missing parents; makes them in the model.
  bool MakeParents(const std::string& path) {
    std::vector<std::string> missing;
    std::string above(ParentOf(path));
    for (; !Exists(above); above = ParentOf(above)) missing.push_back(above);
    if (!IsDirectory(above)) return false;
    for (const std::string& directory : missing) model_[directory] = true;
    return true;
  }
  bool HasChildren(const std::string& path) const {
    const auto next = model_.upper_bound(path + "/");
    return next != model_.end() && next->first.starts_with(path + "/");
  }
  void Forget(const std::string& path) {
    std::erase_if(model_, [&](const auto& entry) { return IsWithin(entry.first, path); });
  }

  void CreateFile() {
    CreateFileRequest request;
    request.context = Context();
    request.path = RandomPath();
    request.recursive = true;
    request.overwrite = random_.OneIn(3);
    request.persisted = random_.OneIn(3);
    request.block_size = 10;
    const bool blocked = Exists(request.path) && (!request.overwrite || IsDirectory(request.path));
    const bool expected = !blocked && MakeParents(request.path);
    const Status status = ns_.Commit(PlanCreateFile(*ns_, request));
    ASSERT_EQ(status.ok(), expected) << status.ToString();
    if (!expected) return;
    model_[request.path] = false;
    if (random_.OneIn(2)) {
      ASSERT_OK(ns_.Fill(request.path, static_cast<int64_t>(random_.Below(35))));
    }
  }

  void CreateDirectory() {
    CreateDirectoryRequest request;
    request.context = Context();
    request.path = RandomPath();
    request.recursive = true;
    request.allow_exists = random_.OneIn(2);
    request.persisted = random_.OneIn(3);
    const bool blocked =
        Exists(request.path) && !(request.allow_exists && IsDirectory(request.path));
    const bool expected = !blocked && MakeParents(request.path);
    const Status status = ns_.Commit(PlanCreateDirectory(*ns_, request));
    ASSERT_EQ(status.ok(), expected) << status.ToString();
    if (expected) model_[request.path] = true;
  }

  void Rename() {
    RenameRequest request;
    request.context = Context();
    request.source = RandomPath();
    request.destination = RandomPath();
    request.overwrite = random_.OneIn(3);
    request.persist = random_.OneIn(4);
    const std::string& from = request.source;
    const std::string& to = request.destination;
    const bool same = from == to;
    const bool replaced = request.overwrite && Exists(to) && !IsDirectory(to);
    const bool expected =
        Exists(from) && (same || (!IsWithin(to, from) && (!Exists(to) || replaced) &&
                                  IsDirectory(std::string(ParentOf(to)))));
    const Status status = ns_.Commit(PlanRename(*ns_, request));
    ASSERT_EQ(status.ok(), expected) << from << " -> " << to << ": " << status.ToString();
    if (!expected || same) return;
    std::map<std::string, bool> moved;
    for (const auto& [path, is_directory] : model_) {
      if (IsWithin(path, from)) moved[to + path.substr(from.size())] = is_directory;
    }
    Forget(from);
    for (const auto& [path, is_directory] : moved) model_[path] = is_directory;
  }

  void Remove() {
    RemoveRequest request;
    request.context = Context();
    request.path = RandomPath();
    request.recursive = random_.OneIn(2);
    request.alluxio_only = random_.OneIn(2);
    const bool expected = Exists(request.path) && (request.recursive || !HasChildren(request.path));
    const Status status = ns_.Commit(PlanRemove(*ns_, request));
    ASSERT_EQ(status.ok(), expected) << request.path << ": " << status.ToString();
    if (expected) Forget(request.path);
  }

  void ChangeAttributes() {
    SetAttributeRequest request;
    request.context = Context();
    request.path = RandomPath();
    request.recursive = random_.OneIn(2);
    if (random_.OneIn(2)) request.mode = static_cast<uint16_t>(random_.Below(01000));
    if (random_.OneIn(3)) request.pinned = random_.OneIn(2);
    if (random_.OneIn(3)) request.ttl_ms = static_cast<int64_t>(random_.Below(100)) - 50;
    if (random_.OneIn(3)) request.xattr = XattrMap{{fmt::format("{}", random_.Below(3)), "v"}};
    if (random_.OneIn(3)) request.group = fmt::format("g{}", random_.Below(3));
    const Status status = ns_.Commit(PlanSetAttribute(*ns_, request));
    ASSERT_EQ(status.ok(), Exists(request.path)) << status.ToString();
  }

  void LoadOrPersist() {
    const std::string path = RandomPath();
    if (!IsDirectory(path)) {
      if (!Exists(path)) return;
      const Inode file = ns_.At(path);
      ASSERT_OK(ns_.Commit(PlanSetPersistJob(*ns_, file.id(), 7, "/tmp", ns_.now_ms)));
      if (file.completed()) {
        const int64_t length = file.length();
        ASSERT_OK(
            ns_.Commit(PlanMarkPersisted(*ns_, file.id(), length, "CONTENT_HASH|x ", ns_.now_ms)));
      }
      return;
    }
    LoadMetadataRequest request;
    request.now_ms = ns_.now_ms;
    request.directory = path;
    request.entries.resize(2);
    request.entries[0].name = "a";
    request.entries[1].name = "b";
    request.entries[1].is_directory = true;
    ASSERT_OK(ns_.Commit(PlanLoadMetadata(*ns_, request)));
    model_.try_emplace(path + "/a", false);
    model_.try_emplace(path + "/b", true);
  }

  // Blocks and completion one at a time, so that snapshots meet half-written files.
  void Complete() {
    const std::string path = RandomPath();
    if (!Exists(path) || IsDirectory(path) || ns_.At(path).completed()) return;
    const auto block = PlanNewBlock(*ns_, {Context(), path});
    ASSERT_OK(ns_.Commit(block));
    if (random_.OneIn(2)) return;
    ASSERT_OK(ns_.Commit(PlanCommitBlock(*ns_, block->block_id, 10, ns_.now_ms)));
  }

  TestNamespace ns_;
  Random random_;
  std::map<std::string, bool> model_ = {{"/", true}};  // path -> is a directory
};

class NamespaceModelTest : public ::testing::TestWithParam<int> {
 protected:
  // A different seed in every run of the suite, printed when something fails.
  const uint64_t seed_ = Random::FromSystem().Next();
};

TEST_P(NamespaceModelTest, AgreesWithAPlainMapAndWithItsOwnReplay) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  ModelRun run(seed_);
  for (int step = 0; step < 400; ++step) {
    run.Step();
    if (HasFatalFailure()) return;
    if (step % 10 == 0) run.Check();
    if (HasFatalFailure()) return;
  }
  Namespace replayed;
  ASSERT_OK(Recover(replayed, {}, run.ns().journal()));
  EXPECT_EQ(StateOf(replayed), StateOf(*run.ns()));
}

TEST_P(NamespaceModelTest, AFuzzySnapshotAndTheJournalSinceItsStartGiveTheSameNamespace) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  ModelRun run(seed_);
  for (int step = 0; step < 150; ++step) run.Step();
  const size_t start = run.ns().journal().size();
  std::vector<std::string> snapshot;
  Namespace::SnapshotCursor cursor;
  while (!cursor.done) {
    for (std::string& record : run.ns()->NextSnapshotBatch(cursor, 1 + run.random().Below(4))) {
      snapshot.push_back(std::move(record));
    }
    for (uint64_t steps = run.random().Below(8); steps > 0; --steps) run.Step();
    if (HasFatalFailure()) return;
  }
  for (int step = 0; step < 30; ++step) run.Step();
  Namespace recovered;
  ASSERT_OK(Recover(recovered, snapshot, run.ns().journal(), start));
  EXPECT_EQ(StateOf(recovered), StateOf(*run.ns()));
  for (size_t i = 0; i < run.ns().journal().size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const Mutation entry, DecodeMutation(run.ns().journal()[i]));
    EXPECT_EQ(recovered.IsCompleted(entry.operation_id), run.ns()->IsCompleted(entry.operation_id));
  }
}

TEST_P(NamespaceModelTest, ApplyingAnEntryTwiceChangesNothing) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  ModelRun run(seed_);
  for (int step = 0; step < 150; ++step) run.Step();
  Namespace twice;
  twice.BeginRecovery();
  for (int round = 0; round < 2; ++round) {
    for (const std::string& entry : run.ns().journal())
      twice.ApplyDuringRecovery(*DecodeMutation(entry));
  }
  ASSERT_OK(twice.FinishRecovery());
  EXPECT_EQ(StateOf(twice), StateOf(*run.ns()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, NamespaceModelTest, ::testing::Range(0, 20));

TEST(NamespaceTest, AnEmptyJournalIsAnEmptyNamespace) {
  Namespace ns;
  EXPECT_FALSE(ns.initialized());
  ASSERT_OK(Recover(ns, {}, {}));
  EXPECT_FALSE(ns.initialized());
}

TEST(NamespaceTest, RecoveryNamesTheInodeThatBreaksTheTree) {
  TestNamespace ns;
  ns.Make("/d/f", 1);
  std::vector<std::string> journal = ns.journal();
  journal.erase(journal.begin() + 1);  // the entry that made /d
  Namespace recovered;
  EXPECT_THAT(Recover(recovered, {}, journal),
              StatusIs(Code::kDataLoss, HasSubstr("inode 33554431 (f)")));
}

TEST(NamespaceTest, OnlyTheLastOperationsAreRemembered) {
  NamespaceOptions options;
  options.operation_cache_size = 2;
  TestNamespace ns(options);
  for (uint64_t i = 1; i <= 3; ++i) {
    Mutation mutation;
    mutation.operation_id = {9, i};
    ns.Apply(mutation);
  }
  EXPECT_FALSE(ns->IsCompleted({9, 1}));
  EXPECT_TRUE(ns->IsCompleted({9, 2}));
  EXPECT_TRUE(ns->IsCompleted({9, 3}));
  EXPECT_FALSE(ns->IsCompleted({}));
}

TEST(NamespaceTest, ASnapshotCarriesOperationsAndSettings) {
  TestNamespace ns;
  Mutation mutation;
  mutation.operation_id = {1, 2};
  mutation.path_config_puts["/a"]["k"] = "v";
  mutation.worker_puts = {"w-1:1", "w-2:1"};
  ns.Apply(mutation);
  ns.Make("/d/f", 3);
  Namespace::SnapshotCursor cursor;
  std::vector<std::string> records;
  while (!cursor.done) {
    for (std::string& record : ns->NextSnapshotBatch(cursor, 1))
      records.push_back(std::move(record));
  }
  EXPECT_TRUE(ns->NextSnapshotBatch(cursor, 1).empty());
  Namespace recovered;
  ASSERT_OK(Recover(recovered, records, {}));
  EXPECT_EQ(StateOf(recovered), StateOf(*ns));
  EXPECT_TRUE(recovered.IsCompleted({1, 2}));
  mutation = {};
  mutation.path_config_removals = {"/a"};
  mutation.worker_removals = {"w-1:1"};
  ns.Apply(mutation);
  EXPECT_TRUE(ns->path_config().empty());
  EXPECT_EQ(ns->workers(), std::set<std::string>{"w-2:1"});
}

TEST(NamespaceTest, AStandbyMayGoOnApplyingAfterItsRecovery) {
  TestNamespace primary;
  primary.Make("/d/f", 3);
  Namespace standby;
  ASSERT_OK(Recover(standby, {}, primary.journal()));
  const size_t known = primary.journal().size();
  primary.Make("/d/g", 12);
  for (size_t i = known; i < primary.journal().size(); ++i) {
    standby.Apply(*DecodeMutation(primary.journal()[i]));
  }
  EXPECT_EQ(StateOf(standby), StateOf(*primary));
  ASSERT_OK(standby.CheckInvariants());
}

TEST(MutationCodecTest, AFullMutationComesBackAsItWas) {
  Mutation mutation;
  mutation.op_time_ms = 5;
  mutation.operation_id = {~uint64_t{0}, 1};
  InodeRecord file;
  file.id = FileIdOfContainer(7);
  file.parent_id = 3;
  file.name = "f\xff";  // no UTF-8
  file.owner = "o";
  file.group = "g";
  file.mode = 01777;
  file.creation_ms = 100;
  file.modification_ms = 50;
  file.access_ms = 200;
  file.persistence = PersistenceState::kToBePersisted;
  file.fingerprint = "x";
  file.length = 1;
  file.block_size = 2;
  file.block_count = 2;
  file.cacheable = false;
  file.ttl_ms = 0;
  file.ttl_action = TtlAction::kDelete;
  file.replication_max = 0;
  file.replication_durable = 0;
  file.persist_job_id = 0;
  file.persist_at_ms = kPersistNever;
  file.acl.users["bob"] = kAll;
  file.acl.groups["g"] = kNone;
  file.acl.mask = kNone;
  file.xattr["k"] = std::string("\0\xff", 2);
  file.pinned_media = {"MEM", "SSD"};
  file.open_block_lengths = {kUnknownLength, 2};
  InodeRecord directory;
  directory.id = 3;
  directory.parent_id = kRootId;
  directory.name = "d";
  directory.default_acl = DefaultAcl{0750, file.acl};
  directory.children_loaded = true;
  mutation.puts = {directory, file};
  mutation.removed = {FileIdOfContainer(9), FileIdOfContainer(2), 5, 4};
  mutation.touched = {{3, 1, std::nullopt}, {4, std::nullopt, 2}};
  mutation.block_counts = {{FileIdOfContainer(7), 2}};
  mutation.block_lengths = {{BlockIdOf(FileIdOfContainer(7), 1), 2}};
  mutation.next_container = 10;
  mutation.next_directory_id = 6;
  mutation.mount_puts = {{"/m", 5, "s3://b/", true, true, {{"k", "v"}}}};
  mutation.mount_removals = {"/n"};
  mutation.path_config_puts["/p"]["k"] = "v";
  mutation.path_config_removals = {"/q"};
  mutation.ufs_modes["/"] = UfsMode::kNoAccess;
  mutation.cluster_id = "c";
  mutation.worker_puts = {"w-1:29999"};
  mutation.worker_removals = {"w-2:29999"};
  mutation.completed_operations = {{1, 2}, {3, 4}};
  const std::string payload = EncodeMutation(mutation);
  ASSERT_OK_AND_ASSIGN(const Mutation decoded, DecodeMutation(payload));
  EXPECT_EQ(decoded, mutation);
  ASSERT_OK_AND_ASSIGN(const std::string text, DescribeMutation(payload));
  EXPECT_THAT(text, HasSubstr("name: \"f\\377\""));
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(MutationCodecTest, RemovingAMillionFilesIsASmallEntry) {
  Mutation mutation;
  for (int i = 1; i <= 1'000'000; ++i) mutation.removed.push_back(FileIdOfContainer(i));
  EXPECT_LT(EncodeMutation(mutation).size(), 1'100'000u);
}

TEST(MutationCodecTest, RefusesWhatIsNoMutation) {
  EXPECT_THAT(DecodeMutation("\xff\xff\xff"), StatusIs(Code::kDataLoss));
  EXPECT_THAT(DescribeMutation("\xff\xff\xff"), StatusIs(Code::kDataLoss));
  ASSERT_OK_AND_ASSIGN(const Mutation empty, DecodeMutation(""));
  EXPECT_TRUE(empty.empty());
}

TEST(MutationCodecTest, RefusesValuesOutOfRangeNamingTheField) {
  const auto decode = [](const std::function<void(InodeRecord&)>& spoil) {
    InodeRecord record;
    record.id = FileIdOfContainer(1);
    record.parent_id = kRootId;
    record.name = "f";
    spoil(record);
    Mutation mutation;
    mutation.puts.push_back(record);
    return DecodeMutation(EncodeMutation(mutation));
  };
  const auto refused = [](const std::string& field) {
    return StatusIs(Code::kDataLoss, HasSubstr("field " + field));
  };
  EXPECT_OK(decode([](InodeRecord&) {}));
  EXPECT_THAT(decode([](InodeRecord& r) { r.id = -5; }), refused("inode.id"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.parent_id = kNoInode; }), refused("inode.parent_id"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.parent_id = FileIdOfContainer(2); }),
              refused("inode.parent_id"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.name = ""; }), refused("inode.name"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.name = std::string(5000, 'x'); }),
              refused("inode.name"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.mode = 0xffff; }), refused("inode.mode"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.length = -1; }), refused("inode.length"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.block_count = 1 << 24; }),
              refused("inode.block_count"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.open_block_lengths = {1}; }),
              refused("open_block_lengths"));
  EXPECT_THAT(decode([](InodeRecord& r) { r.creation_ms = int64_t{1} << 62; }),
              refused("inode times"));
}

}  // namespace
}  // namespace headpond::meta
