#include "master/restored_state.h"

#include "master/backup_file.h"
#include "meta/mutation.h"

namespace headpond::master {
namespace {

constexpr size_t kBatchInodes = 1000;

// Entries are changes of what the records show, wherever they are in the file.
Status Apply(ufs::UfsReader& file, BackupPart wanted, meta::Namespace& ns) {
  return ReadBackup(file, [&](BackupPart part, std::string_view bytes) -> Status {
    if (part != wanted) return Status::Ok();
    ASSIGN_OR_RETURN(const meta::Mutation mutation, meta::DecodeMutation(bytes));
    ns.ApplyDuringRecovery(mutation);
    return Status::Ok();
  });
}

// Takes a journal's records and entries, which are the same here.
class NamespaceReplayer final : public journal::Replayer {
 public:
  explicit NamespaceReplayer(meta::Namespace& ns) : namespace_(ns) {}
  Status OnSnapshotRecord(std::string_view record) override { return Replay(record); }
  Status OnEntry(uint64_t /*sequence*/, std::string_view entry) override { return Replay(entry); }

 private:
  Status Replay(std::string_view bytes) {
    ASSIGN_OR_RETURN(const meta::Mutation mutation, meta::DecodeMutation(bytes));
    namespace_.ApplyDuringRecovery(mutation);
    return Status::Ok();
  }
  meta::Namespace& namespace_;
};

}  // namespace

Result<std::unique_ptr<RestoredState>> RestoredState::Replay(journal::Journal& journal,
                                                             meta::NamespaceOptions options) {
  std::unique_ptr<RestoredState> state(new RestoredState(std::move(options)));
  state->namespace_.BeginRecovery();
  NamespaceReplayer replayer(state->namespace_);
  RETURN_IF_ERROR(journal.Recover(replayer));
  RETURN_IF_ERROR(state->namespace_.FinishRecovery());
  return state;
}

Result<std::unique_ptr<RestoredState>> RestoredState::Read(ufs::UfsReader& file,
                                                           meta::NamespaceOptions options) {
  std::unique_ptr<RestoredState> state(new RestoredState(std::move(options)));
  meta::Namespace& ns = state->namespace_;
  ns.BeginRecovery();
  RETURN_IF_ERROR(Apply(file, BackupPart::kRecord, ns));
  RETURN_IF_ERROR(Apply(file, BackupPart::kEntry, ns));
  RETURN_IF_ERROR(ns.FinishRecovery());
  if (!ns.initialized()) return DataLoss("holds no namespace: it has no root");
  return state;
}

Result<std::vector<std::string>> RestoredState::NextBatch() {
  std::vector<std::string> records;
  while (records.empty() && !cursor_.done)
    records = namespace_.NextSnapshotBatch(cursor_, kBatchInodes);
  return records;
}

}  // namespace headpond::master
