#include "cache/allocator.h"

#include <algorithm>

namespace headpond::cache {
namespace {

bool Fits(int64_t free_bytes, int64_t needed_bytes) {
  return free_bytes >= 0 && free_bytes >= needed_bytes;
}

}  // namespace

std::optional<size_t> ChooseMaxFree(std::span<const int64_t> free_bytes, int64_t needed_bytes) {
  const auto most = std::max_element(free_bytes.begin(), free_bytes.end());
  if (most == free_bytes.end() || !Fits(*most, needed_bytes)) return std::nullopt;
  return static_cast<size_t>(most - free_bytes.begin());
}

std::optional<size_t> ChooseGreedy(std::span<const int64_t> free_bytes, int64_t needed_bytes) {
  return ChooseRoundRobin(free_bytes, needed_bytes, 0);
}

std::optional<size_t> ChooseRoundRobin(std::span<const int64_t> free_bytes, int64_t needed_bytes,
                                       size_t start) {
  for (size_t step = 0; step < free_bytes.size(); ++step) {
    const size_t index = (start + step) % free_bytes.size();
    if (Fits(free_bytes[index], needed_bytes)) return index;
  }
  return std::nullopt;
}

}  // namespace headpond::cache
