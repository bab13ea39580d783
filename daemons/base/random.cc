#include "base/random.h"

#include <fmt/core.h>

namespace headpond {

std::string Random::Uuid() {
  const uint64_t high = (Next() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (Next() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

}  // namespace headpond
