#include "operator/cli/input.h"

#include <cstdio>

#include "io/env.h"

namespace headpond::operator_cli {
namespace {

constexpr size_t kMaxFile = 1 << 20;

}  // namespace

Result<std::string> ReadInput(const std::string& file) {
  if (file != "-") return io::ReadWholeFile(io::Env::Posix(), file, kMaxFile);
  std::string text;
  char buffer[4096];
  while (const size_t length = std::fread(buffer, 1, sizeof(buffer), stdin)) {
    text.append(buffer, length);
    if (text.size() > kMaxFile)
      return ResourceExhausted("standard input is larger than {} bytes", kMaxFile);
  }
  return text;
}

}  // namespace headpond::operator_cli
