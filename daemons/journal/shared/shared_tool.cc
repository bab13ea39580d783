#include "journal/shared/shared_tool.h"

#include <algorithm>

#include "journal/folder.h"
#include "journal/shared/chain_reader.h"

namespace headpond::journal {
namespace {

// For who only wants to know whether it can be read.
class Nobody final : public Replayer {
 public:
  Status OnSnapshotRecord(std::string_view) override { return Status::Ok(); }
  Status OnEntry(uint64_t, std::string_view) override { return Status::Ok(); }
};

Result<std::string> ReadClusterId(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const auto cluster_id, ReadSharedStamp(env, folder));
  if (cluster_id) return *cluster_id;
  return FailedPrecondition("{} is no journal that masters share: it has no file {}", folder,
                            kSharedStampName);
}

// To the end, with the code that a master takes over with.
Status ReadAll(ChainReader& reader, Replayer& replayer) {
  RETURN_IF_ERROR(reader.ReadSnapshot(replayer));
  Status end;
  uint64_t read = 0;
  do {
    ASSIGN_OR_RETURN(read, reader.ReadMore(replayer));
    end = reader.CheckEnd();
  } while (read > 0);  // its master may be writing
  if (reader.applied() < reader.shown())
    return DataLoss("the newest snapshot shows entry {}, and the log ends at {}", reader.shown(),
                    reader.applied());
  return end;
}

// The files of one epoch, whose last entry that counts is `end`.
Status ReadEpoch(io::Env& env, const std::string& folder, const std::string& cluster_id,
                 uint64_t end, std::vector<FileReport>& snapshots, std::vector<FileReport>& logs) {
  const auto files = ListFolder(env, folder);
  if (files.status().code() == Code::kNotFound) return Status::Ok();  // cleaned up
  RETURN_IF_ERROR(files.status());
  for (const uint64_t first : files->snapshots) {
    ASSIGN_OR_RETURN(FileReport file,
                     ReadSnapshotFile(env, SnapshotPath(folder, first), first, cluster_id));
    snapshots.push_back(std::move(file));
  }
  for (const uint64_t first : files->logs) {
    ASSIGN_OR_RETURN(FileReport file, ReadLog(env, folder, first, cluster_id,
                                              /*newest=*/first == files->logs.back(), nullptr));
    // What its master wrote when another one had taken over already is no part of the journal.
    if (file.last_sequence >= end) {
      file.last_sequence = end;
      file.problem = Status::Ok();
    }
    logs.push_back(std::move(file));
  }
  return Status::Ok();
}

Status ReadFiles(io::Env& env, const Epochs& epochs, VerifyReport& report) {
  ASSIGN_OR_RETURN(const Epochs::Names names, epochs.List());
  if (names.begun == 0) return Status::Ok();
  ASSIGN_OR_RETURN(const Chain chain, epochs.ReadChain(names.begun));
  std::vector<FileReport> logs;
  std::vector<FileReport>& files = report.contents.files;
  for (size_t i = 0; i < chain.size(); ++i) {
    const uint64_t end = i + 1 < chain.size() ? chain[i + 1].first - 1 : UINT64_MAX;
    RETURN_IF_ERROR(
        ReadEpoch(env, epochs.LogFolder(chain[i].epoch), report.cluster_id, end, files, logs));
  }
  std::ranges::reverse(files);
  std::ranges::move(logs, std::back_inserter(files));
  return Status::Ok();
}

Result<VerifyReport> VerifyOnce(io::Env& env, const std::string& folder) {
  VerifyReport report{.folder = folder};
  const auto cluster_id = ReadClusterId(env, folder);
  report.cluster_id = cluster_id.value_or("");
  const Epochs epochs(env, folder);
  Status read = ReadFiles(env, epochs, report);
  ChainReader reader(env, epochs, report.cluster_id);
  Nobody nobody;
  if (read.ok()) read = ReadAll(reader, nobody);
  if (!read.ok() && !IsDamage(read)) return ExplainVanished(read, env, folder);
  report.contents.snapshot_sequence = reader.snapshot_first();
  report.contents.last_sequence = reader.applied();
  report.problem = cluster_id.ok() ? read : cluster_id.status();
  return report;
}

}  // namespace

Result<bool> IsSharedJournal(io::Env& env, const std::string& folder) {
  return env.Exists(fmt::format("{}/{}", folder, kSharedStampName));
}

Result<VerifyReport> VerifySharedJournal(io::Env& env, const std::string& folder) {
  return VerifyUndisturbed([&] { return VerifyOnce(env, folder); });
}

Status DumpSharedJournal(io::Env& env, const std::string& folder, const DumpOptions& options,
                         std::ostream& out) {
  ASSIGN_OR_RETURN(const std::string cluster_id, ReadClusterId(env, folder));
  const Epochs epochs(env, folder);
  ChainReader reader(env, epochs, cluster_id);
  const auto dumper = MakeDumper(options, out);
  return ExplainVanished(ReadAll(reader, *dumper), env, folder);
}

}  // namespace headpond::journal
