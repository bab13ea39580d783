#pragma once

#include <iosfwd>
#include <string>

#include "journal/journal_tool.h"

namespace headpond::journal {

// `headpond journal verify` and `dump` of a folder that masters share (docs/adr/0021-zookeeper.md),
// as VerifyJournal and DumpJournal.
Result<bool> IsSharedJournal(io::Env& env, const std::string& folder);
Result<VerifyReport> VerifySharedJournal(io::Env& env, const std::string& folder);
Status DumpSharedJournal(io::Env& env, const std::string& folder, const DumpOptions& options,
                         std::ostream& out);

}  // namespace headpond::journal
