#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/env.h"
#include "journal/folder_reader.h"

namespace headpond::journal {

// What `headpond journal verify` and `headpond journal dump` do. They change nothing and take no
// lock, so they may run beside a master; what it is writing at that moment then looks like a torn
// tail, and what it wrote meanwhile is read again.

enum class OutputFormat { kText, kJson };

struct VerifyReport {
  std::string folder;
  std::string cluster_id;  // "" when the stamp can't be read
  FolderReport contents;   // of every file, needed or not
  Status problem;          // the first reason why a master would not start from this folder

  // False also when a file is damaged that a master could do without.
  bool healthy() const;
};

// Reads everything. Errors: NotFound when there is no such folder, Aborted when files vanished
// meanwhile because a master took a snapshot (try again), and those of the file system.
Result<VerifyReport> VerifyJournal(io::Env& env, const std::string& folder);

// Text: one line per file, then the verdict. JSON: one object (docs/adr/0004-journal-format.md).
void PrintVerifyReport(const VerifyReport& report, OutputFormat format, std::ostream& out);

// 0 when healthy, 1 when not.
int ExitCode(const VerifyReport& report);

struct DumpOptions {
  uint64_t from =
      0;  // the first entry to print; 0 prints the snapshot's records and all entries after it
  OutputFormat format = OutputFormat::kText;
  // Turn a payload into one line of text; payloads are escaped when null.
  std::function<std::string(std::string_view)> decode_record;
  std::function<std::string(std::string_view)> decode_entry;
};

// Prints what it is given, until the output is closed. Both arguments outlive it.
std::unique_ptr<Replayer> MakeDumper(const DumpOptions& options, std::ostream& out);

// A master that takes a snapshot removes files while they are being read here: Aborted then, and
// `status` otherwise.
Status ExplainVanished(const Status& status, io::Env& env, const std::string& folder);

// What `read` returns, which is asked again, a few times, while it is Aborted.
Result<VerifyReport> VerifyUndisturbed(const std::function<Result<VerifyReport>()>& read);

// Prints the snapshot's records and the entries after it as they would be replayed: in text
// `snapshot <record>` and
// `<sequence> <entry>`, in JSON one object per line. Errors: as VerifyJournal, and the damage at
// which it ends (what comes before is printed).
Status DumpJournal(io::Env& env, const std::string& folder, const DumpOptions& options,
                   std::ostream& out);

}  // namespace headpond::journal
