// Any bytes as the value of ALLUXIO_JAVA_OPTS.

#include <cstdint>

#include "base/config.h"
#include "testing/fuzz_check.h"

namespace headpond {
namespace {

std::string Quoted(std::string_view word) {
  std::string out = "'";
  for (char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

void Run(std::string_view text) {
  const auto words = SplitShellWords(text);
  if (!words.ok()) return;
  std::string again;
  for (const std::string& word : *words) again += Quoted(word) + " ";
  const auto resplit = SplitShellWords(again);
  FUZZ_CHECK(resplit.ok() && *resplit == *words);
}

}  // namespace
}  // namespace headpond

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headpond::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
