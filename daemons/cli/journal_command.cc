#include "cli/journal_command.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/config.h"
#include "base/log.h"
#include "base/random.h"
#include "io/env.h"
#include "journal/embedded/embedded_tool.h"
#include "journal/folder.h"
#include "journal/journal_tool.h"
#include "journal/local_journal.h"
#include "journal/shared/shared_tool.h"
#include "meta/mutation.h"

namespace headpond::cli {
namespace {

constexpr const char* kJournalUsage =
    "Usage: headpond journal verify FOLDER [-o json]\n"
    "       headpond journal dump FOLDER [--from SEQUENCE] [-o json]\n"
    "\n"
    "verify reads every file of a journal and says whether a master would start from it.\n"
    "dump prints the snapshot and the entries after it, one line each.\n"
    "FOLDER is a master's alluxio.master.journal.folder, whether it keeps the journal alone, with\n"
    "others (its last entries may not be agreed on then) or in a folder that they share. Nothing "
    "is\n"
    "changed, and masters may be running. Exit codes: 0, 1 for damage and other errors, 2 for a\n"
    "command that makes no sense.\n"
    "\n"
    "Examples:\n"
    "  headpond journal verify /opt/alluxio/journal\n"
    "  headpond journal dump /opt/alluxio/journal --from 1000 -o json\n";

constexpr const char* kFormatUsage =
    "Usage: headpond format [--force] [-Dalluxio.master.journal.folder=DIR]\n"
    "\n"
    "Makes the folder an empty journal. A master formats a blank folder by itself; --force is for\n"
    "emptying one that holds a journal: everything the master knew is lost, under-stores stay.\n";

int Usage(const char* text, bool asked) {
  std::fputs(text, asked ? stdout : stderr);
  return asked ? 0 : 2;
}

int Fail(const Status& status) {
  fmt::print(stderr, "{}\n", status.message());
  return 1;
}

std::string Describe(std::string_view payload) {
  const auto text = meta::DescribeMutation(payload);
  return text.ok() ? *text : fmt::format("unreadable: {}", text.status().message());
}

// How a folder's journal is read.
struct Reading {
  std::string folder;
  Result<journal::VerifyReport> (*verify)(io::Env&, const std::string&) = journal::VerifyJournal;
  Status (*dump)(io::Env&, const std::string&, const journal::DumpOptions&,
                 std::ostream&) = journal::DumpJournal;
};

// By the stamp that is in it; what has none is taken for a single master's. A member of a quorum
// has its part in a folder below.
Result<Reading> ReadingOf(io::Env& env, const std::string& folder) {
  ASSIGN_OR_RETURN(const bool own, env.Exists(fmt::format("{}/{}", folder, journal::kStampName)));
  if (own) return Reading{.folder = folder};
  ASSIGN_OR_RETURN(const bool shared, journal::IsSharedJournal(env, folder));
  if (shared) return Reading{folder, journal::VerifySharedJournal, journal::DumpSharedJournal};
  for (const std::string& member : {folder, folder + "/raft"}) {
    ASSIGN_OR_RETURN(const bool found, journal::IsEmbeddedJournal(env, member));
    if (found) return Reading{member, journal::VerifyEmbeddedJournal, journal::DumpEmbeddedJournal};
  }
  return Reading{.folder = folder};
}

struct JournalArguments {
  std::string verb;
  std::string folder;
  uint64_t from = 0;
  journal::OutputFormat format = journal::OutputFormat::kText;
};

Result<JournalArguments> ParseArguments(std::span<const std::string> words) {
  JournalArguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool last = i + 1 == words.size();
    if (word == "-o" || word == "--from") {
      if (last) return InvalidArgument("{} needs a value", word);
      const std::string& value = words[++i];
      if (word == "-o") {
        if (value != "json" && value != "text")
          return InvalidArgument("-o {}: use json or text", value);
        arguments.format =
            value == "json" ? journal::OutputFormat::kJson : journal::OutputFormat::kText;
      } else {
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), arguments.from);
        if (error != std::errc() || end != value.data() + value.size())
          return InvalidArgument("--from {}: give a sequence number", value);
      }
    } else if (arguments.verb.empty()) {
      arguments.verb = word;
    } else if (arguments.folder.empty()) {
      arguments.folder = word;
    } else {
      return InvalidArgument("unexpected argument {}", word);
    }
  }
  if (arguments.verb != "verify" && arguments.verb != "dump")
    return InvalidArgument("say verify or dump, not \"{}\"", arguments.verb);
  if (arguments.folder.empty()) return InvalidArgument("name the journal's folder");
  return arguments;
}

}  // namespace

int JournalMain(std::span<const std::string> words) {
  if (!words.empty() && (words.front() == "--help" || words.front() == "help"))
    return Usage(kJournalUsage, true);
  const auto arguments = ParseArguments(words);
  if (!arguments.ok()) {
    fmt::print(stderr, "headpond journal: {}\n", arguments.status().message());
    return Usage(kJournalUsage, false);
  }
  io::Env& env = io::Env::Posix();
  const auto reading = ReadingOf(env, arguments->folder);
  if (!reading.ok()) return Fail(reading.status());
  SetLogLevel(LogLevel::kError);  // of what a master would cut off, and this does not
  if (arguments->verb == "dump") {
    const Status status = reading->dump(env, reading->folder,
                                        {.from = arguments->from,
                                         .format = arguments->format,
                                         .decode_record = Describe,
                                         .decode_entry = Describe},
                                        std::cout);
    return status.ok() ? 0 : Fail(status);
  }
  const auto report = reading->verify(env, reading->folder);
  if (!report.ok()) return Fail(report.status());
  journal::PrintVerifyReport(*report, arguments->format, std::cout);
  return journal::ExitCode(*report);
}

int FormatMain(std::span<const std::string> words) {
  bool force = false;
  std::vector<std::string> options;
  for (const std::string& word : words) {
    if (word == "--help") return Usage(kFormatUsage, true);
    if (word == "--force") {
      force = true;
    } else if (word.starts_with("-D")) {
      options.push_back(word);
    } else {
      fmt::print(stderr, "headpond format: unexpected argument {}\n", word);
      return Usage(kFormatUsage, false);
    }
  }
  std::map<std::string, std::string> environment;
  if (const char* java_options = std::getenv("ALLUXIO_JAVA_OPTS"))
    environment["ALLUXIO_JAVA_OPTS"] = java_options;
  if (const char* java_options = std::getenv("ALLUXIO_MASTER_JAVA_OPTS"))
    environment["ALLUXIO_MASTER_JAVA_OPTS"] = java_options;
  const auto config =
      Config::Load({.role = "master", .environment = environment, .arguments = options});
  if (!config.ok()) return Fail(config.status());
  const std::string folder = config->GetString("alluxio.master.journal.folder");
  Random random = Random::FromSystem();
  const Status status = journal::FormatLocalJournal(io::Env::Posix(), folder, random.Uuid(), force);
  if (!status.ok()) return Fail(status);
  fmt::print("formatted the journal {}\n", folder);
  return 0;
}

}  // namespace headpond::cli
