// Any bytes as a namespace path.

#include <cstdint>

#include "base/path.h"
#include "testing/fuzz_check.h"

namespace headpond {
namespace {

void Run(std::string_view text) {
  const Result<std::string> normal = NormalizePath(text);
  if (!normal.ok()) return;
  const std::string& path = *normal;
  FUZZ_CHECK(path.starts_with('/') && path.size() <= kMaxPathBytes);
  FUZZ_CHECK(path.find("//") == path.npos && (path == "/" || !path.ends_with('/')));
  FUZZ_CHECK(*NormalizePath(path) == path);

  std::string joined = "/";
  for (std::string_view name : PathComponents(path)) {
    FUZZ_CHECK(!name.empty() && name != "." && name != ".." && name.size() <= kMaxNameBytes);
    joined = JoinPath(joined, name);
    FUZZ_CHECK(IsWithin(path, joined));
  }
  FUZZ_CHECK(joined == path);
  FUZZ_CHECK(path == "/" || JoinPath(ParentOf(path), BaseName(path)) == path);
}

}  // namespace
}  // namespace headpond

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headpond::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
