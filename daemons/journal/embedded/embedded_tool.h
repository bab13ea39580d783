#pragma once

#include <iosfwd>
#include <string>

#include "journal/journal_tool.h"

namespace headpond::journal {

// `headpond journal verify` and `dump` of the folder of one member of a quorum
// (docs/adr/0017-embedded-journal.md), as VerifyJournal and DumpJournal. The last entries of its
// log may not be agreed on yet, and may never be: the member alone can't tell.
Result<bool> IsEmbeddedJournal(io::Env& env, const std::string& folder);
Result<VerifyReport> VerifyEmbeddedJournal(io::Env& env, const std::string& folder);
Status DumpEmbeddedJournal(io::Env& env, const std::string& folder, const DumpOptions& options,
                           std::ostream& out);

}  // namespace headpond::journal
