#include "net/memory.h"

#include <malloc.h>

namespace headpond::net {

void TuneMallocForMessages() {
  constexpr int kMapFromBytes = 32 << 20;  // the largest value that glibc takes
  constexpr int kKeepBytes = 64 << 20;
  constexpr int kArenas = 2;
  mallopt(M_MMAP_THRESHOLD, kMapFromBytes);
  mallopt(M_TRIM_THRESHOLD, kKeepBytes);
  mallopt(M_ARENA_MAX, kArenas);
}

}  // namespace headpond::net
