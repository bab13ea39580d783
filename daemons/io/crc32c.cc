#include "io/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace headpond::io {
namespace {

constexpr uint32_t kReversedPolynomial = 0x82f63b78;

using Table = std::array<std::array<uint32_t, 256>, 8>;

// table[k][b]: the effect of byte b followed by k zero bytes, so that eight bytes take eight
// look-ups and no shifting loop.
constexpr Table MakeTable() {
  Table table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    table[0][byte] = crc;
  }
  for (size_t k = 1; k < table.size(); ++k)
    for (size_t byte = 0; byte < 256; ++byte)
      table[k][byte] = (table[k - 1][byte] >> 8) ^ table[0][table[k - 1][byte] & 0xff];
  return table;
}

constexpr Table kTable = MakeTable();

uint64_t LoadLittleEndian64(const char* p) {
  uint64_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  if constexpr (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) value = __builtin_bswap64(value);
  return value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ExtendHardware(uint32_t crc, std::string_view data) {
  uint64_t state = ~crc;
  const char* p = data.data();
  size_t left = data.size();
  for (; left >= 8; left -= 8, p += 8) state = _mm_crc32_u64(state, LoadLittleEndian64(p));
  auto narrow = static_cast<uint32_t>(state);
  for (; left > 0; --left, ++p) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(*p));
  return ~narrow;
}
bool HasHardware() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}
#elif defined(__ARM_FEATURE_CRC32)
uint32_t ExtendHardware(uint32_t crc, std::string_view data) {
  uint32_t state = ~crc;
  const char* p = data.data();
  size_t left = data.size();
  for (; left >= 8; left -= 8, p += 8) state = __crc32cd(state, LoadLittleEndian64(p));
  for (; left > 0; --left, ++p) state = __crc32cb(state, static_cast<uint8_t>(*p));
  return ~state;
}
bool HasHardware() {
  return true;
}
#else
uint32_t ExtendHardware(uint32_t crc, std::string_view data) {
  return internal::ExtendCrc32cPortable(crc, data);
}
bool HasHardware() {
  return false;
}
#endif

}  // namespace

namespace internal {

uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view data) {
  crc = ~crc;
  const char* p = data.data();
  size_t left = data.size();
  for (; left >= 8; left -= 8, p += 8) {
    const uint64_t word = LoadLittleEndian64(p) ^ crc;
    crc = kTable[7][word & 0xff] ^ kTable[6][(word >> 8) & 0xff] ^ kTable[5][(word >> 16) & 0xff] ^
          kTable[4][(word >> 24) & 0xff] ^ kTable[3][(word >> 32) & 0xff] ^
          kTable[2][(word >> 40) & 0xff] ^ kTable[1][(word >> 48) & 0xff] ^ kTable[0][word >> 56];
  }
  for (; left > 0; --left, ++p)
    crc = (crc >> 8) ^ kTable[0][(crc ^ static_cast<uint8_t>(*p)) & 0xff];
  return ~crc;
}

}  // namespace internal

uint32_t ExtendCrc32c(uint32_t crc, std::string_view data) {
  return HasHardware() ? ExtendHardware(crc, data) : internal::ExtendCrc32cPortable(crc, data);
}

uint32_t Crc32c(std::string_view data) {
  return ExtendCrc32c(0, data);
}

}  // namespace headpond::io
