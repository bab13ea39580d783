#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "operator/kube/watch_decoder.h"

// Events are the same whether the bytes come at once or one by one.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using headpond::kube::WatchDecoder;
  constexpr size_t kMaxLine = 1000;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  WatchDecoder whole(kMaxLine), split(kMaxLine);
  const auto events = whole.Feed(bytes);
  size_t count = 0;
  bool failed = false;
  for (size_t i = 0; i < size && !failed; ++i) {
    const auto some = split.Feed(bytes.substr(i, 1));
    failed = !some.ok();
    if (!failed) count += some->size();
  }
  if (failed == events.ok()) std::abort();
  if (!failed && count != events->size()) std::abort();
  return 0;
}
