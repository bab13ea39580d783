#pragma once

#include <cstdint>
#include <string_view>

namespace headpond::io {

// CRC-32C (Castagnoli polynomial, as in iSCSI: RFC 3720 appendix B.4). Uses the processor's
// instruction where there is one. Debian 12 packages no library for it.
uint32_t Crc32c(std::string_view data);

// The checksum of A followed by `data`, where `crc` is the checksum of A.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view data);

namespace internal {
// The table-driven form, for processors without the instruction; open to the test that compares
// them.
uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view data);
}  // namespace internal

}  // namespace headpond::io
