// Any bytes as a size and as a time.

#include <cstdint>

#include "base/units.h"
#include "testing/fuzz_check.h"

namespace headpond {
namespace {

void Run(std::string_view text) {
  if (const auto size = ParseSize(text); size.ok()) {
    FUZZ_CHECK(*size >= 0);
    FUZZ_CHECK(*ParseSize(std::to_string(*size)) == *size);
    FUZZ_CHECK(!FormatSize(*size).empty());
  }
  if (const auto time = ParseDuration(text); time.ok())
    FUZZ_CHECK(*ParseDuration(std::to_string(time->count())) == *time);
}

}  // namespace
}  // namespace headpond

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headpond::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
