#include "cli/main.h"

#include <csignal>
#include <iterator>

#include "cli/bench_support.h"
#include "cli/fs_commands.h"
#include "cli/fsadmin_commands.h"
#include "cli/image_commands.h"
#include "cli/shell.h"
#include "cli/sink.h"
#include "net/grpc_setup.h"
#include "net/memory.h"

extern char** environ;

namespace headpond::cli {
namespace {

void Append(std::vector<Command>& all, std::vector<Command> some) {
  std::move(some.begin(), some.end(), std::back_inserter(all));
}

Shell FsShell() {
  Shell shell{.name = "fs", .title = "Alluxio fs shell"};
  for (const auto commands :
       {LsCommands, StatCommands, PathCommands, ReadCommands, CopyCommands, AttributeCommands,
        AclCommands, MountCommands, CacheCommands, ClusterCommands})
    Append(shell.commands, commands());
  return shell;
}

Shell FsAdminShell() {
  Shell shell{.name = "fsadmin", .title = "Alluxio fsadmin shell"};
  for (const auto commands : {BackupCommands, JournalCommands, ReportCommands}) Append(shell.commands, commands());
  return shell;
}

Shell ImageShell() {
  return {.name = "image", .title = "image", .commands = ImageCommands()};
}

Shell BenchShell() {
  Shell shell{.name = "bench", .title = "bench"};
  for (const auto commands : {BenchMetaCommands, BenchIoCommands, BenchHistoryCommands})
    Append(shell.commands, commands());
  return shell;
}

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace

int FsMain(std::span<const std::string> words, Host& host) {
  return RunShell(FsShell(), words, host);
}

int FsAdminMain(std::span<const std::string> words, Host& host) {
  return RunShell(FsAdminShell(), words, host);
}

int ImageMain(std::span<const std::string> words, Host& host) {
  return RunShell(ImageShell(), words, host);
}

int BenchMain(std::span<const std::string> words, Host& host) {
  return RunShell(BenchShell(), words, host);
}

int RunOnProcess(int (*entry)(std::span<const std::string>, Host&),
                 std::span<const std::string> words) {
  net::SetUpGrpc();
  net::TuneMallocForMessages();
  std::signal(SIGPIPE, SIG_IGN);  // `| head` ends us by a failed write, not by a signal in mid-call
  FdSink out(1), err(2);
  Host host{.out = out, .err = err, .environment = Environment()};
  return entry(words, host);
}

}  // namespace headpond::cli
