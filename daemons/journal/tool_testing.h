#pragma once

#include <gmock/gmock.h>

#include <sstream>
#include <string>

#include "io/mem_env.h"
#include "journal/journal_tool.h"
#include "testing/status_matchers.h"

namespace headpond::journal {

// What tests of `headpond journal verify` and `dump` share, whatever the kind of journal: a folder
// in memory that both are asked about.
class ToolTest : public ::testing::Test {
 protected:
  using VerifyFunction = Result<VerifyReport> (*)(io::Env&, const std::string&);
  using DumpFunction = Status (*)(io::Env&, const std::string&, const DumpOptions&, std::ostream&);

  ToolTest(std::string folder, VerifyFunction verify, DumpFunction dump)
      : folder_(std::move(folder)), verify_(verify), dump_(dump) {}

  VerifyReport Verify() {
    auto report = verify_(env_, folder_);
    EXPECT_OK(report);
    return *std::move(report);
  }
  std::string VerifyText() {
    std::ostringstream out;
    PrintVerifyReport(Verify(), OutputFormat::kText, out);
    return out.str();
  }
  // How it ended is in status_.
  std::string Dump(const DumpOptions& options = {}) {
    std::ostringstream out;
    status_ = dump_(env_, folder_, options, out);
    return out.str();
  }

  io::MemEnv env_;
  Status status_;

 private:
  const std::string folder_;
  const VerifyFunction verify_;
  const DumpFunction dump_;
};

}  // namespace headpond::journal
