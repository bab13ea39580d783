// The one executable: its first word says which program it is.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/journal_command.h"
#include "cli/main.h"
#include "headpond/container.h"
#include "master/master_server.h"
#include "net/grpc_setup.h"
#include "net/memory.h"
#include "operator/cli/main.h"
#include "operator/cli/task_command.h"
#include "worker/worker_server.h"

namespace {

using headpond::cli::RunOnProcess;
using Words = std::span<const std::string>;

struct Program {
  std::string_view word;
  int (*run)(Words words);
  std::string_view help;
};

// One line per program.
constexpr std::array kPrograms{
    Program{"fs", [](Words words) { return RunOnProcess(headpond::cli::FsMain, words); },
            "work with files: ls, cp, rm, load, ..."},
    Program{"master", headpond::master::MasterMain, "serve the namespace; runs until SIGTERM"},
    Program{"worker", headpond::worker::WorkerMain, "serve cached blocks; runs until SIGTERM"},
    Program{"journal", headpond::cli::JournalMain, "verify or dump a journal"},
    Program{"format", headpond::cli::FormatMain, "make an empty journal"},
    Program{"entrypoint", headpond::container::EntrypointMain,
            "start a role inside a container, as stock's image does"},
    Program{"up", headpond::operator_cli::UpMain, "create or change clusters from a YAML file"},
    Program{"down", headpond::operator_cli::DownMain, "stop clusters; their data stays"},
    Program{"status", headpond::operator_cli::StatusMain, "show clusters"},
    Program{"convert", headpond::operator_cli::ConvertMain,
            "turn values of the stock chart into a CacheCluster"},
    Program{"task", headpond::operator_cli::TaskMain,
            "run user work in containers: list, run, ..."},
    Program{"fsadmin", [](Words words) { return RunOnProcess(headpond::cli::FsAdminMain, words); },
            "look at the cluster: report"},
    Program{"image", [](Words words) { return RunOnProcess(headpond::cli::ImageMain, words); },
            "push, pull, save, load and list container images"},
    Program{"getConf", [](Words words) { return RunOnProcess(headpond::cli::GetConfMain, words); },
            "print properties"},
    Program{"runTests",
            [](Words words) { return RunOnProcess(headpond::cli::RunTestsMain, words); },
            "write and read a small file in every way there is"},
    Program{"bench", [](Words words) { return RunOnProcess(headpond::cli::BenchMain, words); },
            "measure metadata calls and data"},
};

int Usage(std::FILE* out, int exit_code) {
  std::fputs("Usage: headpond <command> [arguments]\n\nCommands:\n", out);
  for (const Program& program : kPrograms)
    std::fprintf(out, "  %-12.*s%.*s\n", static_cast<int>(program.word.size()), program.word.data(),
                 static_cast<int>(program.help.size()), program.help.data());
  std::fputs("\n`headpond <command> --help` says more. -Dkey=value sets a property, anywhere.\n",
             out);
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  // gRPC's own resolver passes over nsswitch.conf, and c-ares leaks; the C library's does neither.
  setenv("GRPC_DNS_RESOLVER", "native", /*overwrite=*/0);
  headpond::net::SetUpGrpc();
  headpond::net::TuneMallocForMessages();
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return Usage(stderr, 1);
  for (const Program& program : kPrograms)
    if (program.word == words.front()) return program.run(Words(words).subspan(1));
  if (words.front() == "help" || words.front() == "--help" || words.front() == "-h")
    return Usage(stdout, 0);
  std::fprintf(stderr, "headpond: unknown command %s\n", words.front().c_str());
  return Usage(stderr, 1);
}
