#pragma once

#include <cstdint>
#include <string_view>

namespace headpond {

// FNV-1a, 64 bits: the same on every machine and in every version, for what is stored or told to
// others. Not against those who choose the text. `hash`: of what came before.
constexpr uint64_t StableHash(std::string_view text, uint64_t hash = 0xcbf29ce484222325) {
  constexpr uint64_t kPrime = 0x100000001b3;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

// http://www.isthe.com/chongo/tech/comp/fnv, test vectors.
static_assert(StableHash("") == 0xcbf29ce484222325);
static_assert(StableHash("a") == 0xaf63dc4c8601ec8c);
static_assert(StableHash("foobar") == 0x85944171f73967e8);

}  // namespace headpond
