#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

// Which directory of a tier takes a new block: 2.9's three allocators
// (alluxio.worker.allocator.class) as pure functions. `free_bytes` has one figure per directory,
// negative for one that may not be used. Each returns an index, or nothing when no directory has
// `needed_bytes`.
namespace headpond::cache {

// The one with the most room; the first of equals. The default: spreads blocks over equal disks and
// keeps large contiguous reservations possible.
std::optional<size_t> ChooseMaxFree(std::span<const int64_t> free_bytes, int64_t needed_bytes);

// The first with enough room: fills disks one after the other.
std::optional<size_t> ChooseGreedy(std::span<const int64_t> free_bytes, int64_t needed_bytes);

// The first with enough room at or after `start`, going round. The caller starts the next search
// one past the answer.
std::optional<size_t> ChooseRoundRobin(std::span<const int64_t> free_bytes, int64_t needed_bytes,
                                       size_t start);

}  // namespace headpond::cache
