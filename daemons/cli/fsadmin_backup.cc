// fsadmin backup
#include <chrono>

#include "cli/document.h"
#include "cli/fsadmin_commands.h"
#include "net/retry.h"

namespace headpond::cli {
namespace {

using client::BackupInfo;

constexpr std::chrono::milliseconds kPoll{200};

std::string_view NameOf(BackupInfo::State state) {
  switch (state) {
    case BackupInfo::State::kUnknown: return "None";
    case BackupInfo::State::kInitiating: return "Initiating";
    case BackupInfo::State::kTransitioning: return "Transitioning";
    case BackupInfo::State::kRunning: return "Running";
    case BackupInfo::State::kCompleted: return "Completed";
    case BackupInfo::State::kFailed: return "Failed";
  }
  return "None";
}

// One line that is drawn over; nothing where nobody watches.
class StateLine {
 public:
  explicit StateLine(Sink& out) : out_(out) {}
  ~StateLine() { Draw(""); }
  void Show(BackupInfo::State state) { Draw(fmt::format("Backup state: {}", NameOf(state))); }

 private:
  void Draw(std::string_view text) {
    if (!out_.is_terminal()) return;
    out_.Write(fmt::format("\r\033[K{}", text));
    out_.Flush();
  }

  Sink& out_;
};

Result<BackupInfo> AwaitEnd(client::FileSystem& fs, BackupInfo backup, StateLine& line) {
  net::Pause pause;
  while (backup.state != BackupInfo::State::kCompleted) {
    line.Show(backup.state);
    RETURN_IF_ERROR(pause.For(kPoll));
    ASSIGN_OR_RETURN(BackupInfo now, fs.GetBackup(backup.id));
    if (now.state == BackupInfo::State::kUnknown)
      return Aborted(
          "backup {} is not known to the primary master any more: another master leads, or it was "
          "started anew; begin the backup again",
          backup.id);
    backup = std::move(now);
  }
  return backup;
}

Document ToDocument(const BackupInfo& backup) {
  return Document::EmptyMap()
      .Set("id", backup.id)
      .Set("host", backup.host)
      .Set("uri", backup.uri)
      .Set("entries", backup.entries)
      .Set("state", NameOf(backup.state));
}

Result<BackupInfo> Begin(Call& call) {
  ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
  const std::string id = call.args.ValueOr("id", "");
  if (call.args.Has("look")) return fs->GetBackup(id);
  const std::string directory = call.positional().empty() ? "" : call.positional().front();
  return fs->BeginBackup(directory, call.args.Has("local"), id);
}

// For programs, which need to know what kind of failure it is.
int FailedDocument(Call& call, const Status& failure) {
  PrintDocument(
      call.out(), call.output,
      Document::EmptyMap().Set("code", CodeName(failure.code())).Set("error", failure.message()));
  return kExitError;
}

Result<int> Backup(Call& call) {
  const bool looks = call.args.Has("look"), waits = !looks && !call.args.Has("no-wait");
  const bool structured = call.output != OutputFormat::kText;
  if (looks && call.args.ValueOr("id", "").empty())
    return call.UsageError("--look needs the backup's --id");
  auto begun = Begin(call);
  if (!begun.ok() && !waits && structured) return FailedDocument(call, begun.status());
  ASSIGN_OR_RETURN(BackupInfo backup, std::move(begun));
  if (waits) {
    ASSIGN_OR_RETURN(client::FileSystem* const fs, call.fs());
    StateLine line(call.out());
    ASSIGN_OR_RETURN(backup, AwaitEnd(*fs, std::move(backup), line));
  }
  Sink& out = call.out();
  if (structured) {
    PrintDocument(out, call.output, ToDocument(backup));
    return kExitOk;
  }
  if (!waits) {
    out.Line("Backup ID          : {}", backup.id);
    out.Line("Backup State       : {}", NameOf(backup.state));
  }
  out.Line("Backup Host        : {}", backup.host);
  out.Line("Backup URI         : {}", backup.uri);
  out.Line("Backup Entry Count : {}", backup.entries);
  return kExitOk;
}

}  // namespace

std::vector<Command> BackupCommands() {
  return {
      {.name = "backup",
       .usage = "backup [directory] [--local] [--allow-leader] [--bypass-delegation] [--id <id>] "
                "[--no-wait] [--look]",
       .help =
           "Writes all metadata of the masters to one file. Nothing waits for it. Of several "
           "masters with an\nembedded journal, one that does not lead writes it, or the leader "
           "when "
           "none can. A new cluster begins\nwith it when alluxio.master.journal.init.from.backup "
           "names the file.",
       .examples = "  headpond fsadmin backup\n"
                   "  headpond fsadmin backup /backups --local\n"
                   "  headpond fsadmin backup -o json\n"
                   "  headpond fsadmin backup --id nightly-7 --no-wait",
       .max_args = 1,
       .options = {{.name = "local", .help = "on the disk of the leader, which makes it"},
                   {.name = "allow-leader", .help = "accepted; it is always allowed"},
                   {.name = "bypass-delegation",
                    .help = "accepted; alluxio.master.backup.delegation.enabled of the masters "
                            "says who makes backups"},
                   {.name = "id",
                    .value = "id",
                    .help = "its id: the backup that was begun with it before, if there is one"},
                   {.name = "no-wait", .help = "only begin it, and say how it stands"},
                   {.name = "look", .help = "begin none, say how the one with --id stands"}},
       .structured = true,
       .run = Backup}};
}

}  // namespace headpond::cli
