#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/types.h"

namespace headpond::client {

// One worker as a policy sees it.
struct Candidate {
  WorkerAddress address;
  bool local = false;  // on the caller's machine
  int64_t capacity_bytes = 0;
  int64_t used_bytes = 0;
};

struct PolicyRequest {
  int64_t block_id = 0;
  int64_t block_size = 0;     // a worker with less capacity can't take it
  std::string specific_host;  // SpecificHostPolicy: alluxio.user... hostname
  int64_t reserved_bytes =
      0;  // LocalFirstAvoidEviction: alluxio.user.block.avoid.eviction.policy.reserved.size.bytes
  int shards = 1;       // DeterministicHash: how many workers share the reads of one block
  uint64_t random = 0;  // a fresh random number: breaks ties
  uint64_t turn = 0;    // RoundRobin: counts up by one per new block
};

// The policies of 2.9 that say which worker takes a block, by the names of their classes. Pure:
// what they depend on is in the request. All return an index into `workers`, nullopt when none
// fits.
enum class Policy {
  kLocalFirst,               // the worker on this host, else a random one
  kLocalFirstAvoidEviction,  // the same, passing over workers that would have to evict
  kMostAvailableFirst,
  kRoundRobin,
  kSpecificHost,
  kDeterministicHash,   // the same block always goes to the same worker
  kCapacityBaseRandom,  // random, in proportion to capacity
};

// "alluxio.client.block.policy.LocalFirstPolicy" or "LocalFirstPolicy". InvalidArgument with the
// known names.
Result<Policy> ParsePolicy(std::string_view class_name);

std::optional<size_t> ChooseWorker(Policy policy, std::span<const Candidate> workers,
                                   const PolicyRequest& request);

}  // namespace headpond::client
