// Any bytes as a properties file: parsing, and setting what was parsed.

#include <cstdint>

#include "base/config.h"
#include "testing/fuzz_check.h"

namespace headpond {
namespace {

// Writes `text` such that it parses back to itself.
std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\f': out += "\\f"; break;
      case ' ':
      case '=':
      case ':':
      case '#':
      case '!':
      case '\\': out += '\\'; [[fallthrough]];
      default: out += c;
    }
  }
  return out;
}

void Run(std::string_view text) {
  const auto properties = ParseProperties(text);
  if (!properties.ok()) return;
  std::string again;
  for (const auto& [key, value] : *properties) again += Escaped(key) + "=" + Escaped(value) + "\n";
  const auto reparsed = ParseProperties(again);
  FUZZ_CHECK(reparsed.ok() && *reparsed == *properties);

  Config config(MachineFacts{.cpus = 2, .memory_bytes = 1 << 30});
  constexpr size_t kEnough = 8;
  for (size_t i = 0; i < properties->size() && i < kEnough; ++i) {
    const auto& [key, value] = (*properties)[i];
    const std::optional<std::string> before = config.FindRaw(key);
    if (!config.Set(key, value, Source::kSiteProperty).ok())
      FUZZ_CHECK(config.FindRaw(key) == before);
  }
  for (const auto& [name, entry] : config.entries()) config.Find(name);
  if (!properties->empty()) NearestProperty(properties->front().first);
}

}  // namespace
}  // namespace headpond

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headpond::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
