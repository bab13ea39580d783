#include "client/policy.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace headpond::client {
namespace {

struct NamedPolicy {
  std::string_view name;
  Policy policy;
};
constexpr std::array kPolicies{
    NamedPolicy{"LocalFirstPolicy", Policy::kLocalFirst},
    NamedPolicy{"LocalFirstAvoidEvictionPolicy", Policy::kLocalFirstAvoidEviction},
    NamedPolicy{"MostAvailableFirstPolicy", Policy::kMostAvailableFirst},
    NamedPolicy{"RoundRobinPolicy", Policy::kRoundRobin},
    NamedPolicy{"SpecificHostPolicy", Policy::kSpecificHost},
    NamedPolicy{"DeterministicHashPolicy", Policy::kDeterministicHash},
    NamedPolicy{"CapacityBaseRandomPolicy", Policy::kCapacityBaseRandom},
};

using Indexes = std::vector<size_t>;

Indexes WithRoom(std::span<const Candidate> workers, int64_t block_size) {
  Indexes fitting;
  for (size_t i = 0; i < workers.size(); ++i)
    if (workers[i].capacity_bytes >= block_size) fitting.push_back(i);
  return fitting;
}

// Capacity used by others, not by what is pinned: what could be written without evicting.
Indexes WithoutEviction(std::span<const Candidate> workers, int64_t bytes) {
  Indexes fitting;
  for (size_t i = 0; i < workers.size(); ++i)
    if (workers[i].capacity_bytes - workers[i].used_bytes >= bytes) fitting.push_back(i);
  return fitting;
}

std::optional<size_t> OnHost(std::span<const Candidate> workers, const Indexes& among,
                             std::string_view host) {
  for (const size_t i : among)
    if (workers[i].address.host == host) return i;
  return std::nullopt;
}

std::optional<size_t> AnyOf(const Indexes& among, uint64_t random) {
  if (among.empty()) return std::nullopt;
  return among[random % among.size()];
}

std::optional<size_t> LocalElseAny(std::span<const Candidate> workers, const Indexes& among,
                                   uint64_t random) {
  for (const size_t i : among)
    if (workers[i].local) return i;
  return AnyOf(among, random);
}

// Order that all clients agree on, whatever order the master lists workers in.
void SortByAddress(std::span<const Candidate> workers, Indexes& indexes) {
  std::ranges::sort(indexes, [&](size_t a, size_t b) {
    const WorkerAddress& left = workers[a].address;
    const WorkerAddress& right = workers[b].address;
    return std::tie(left.host, left.rpc_port) < std::tie(right.host, right.rpc_port);
  });
}

// Spreads neighbouring block ids (splitmix64's finaliser).
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::optional<size_t> Hashed(std::span<const Candidate> workers, Indexes among,
                             const PolicyRequest& request) {
  if (among.empty()) return std::nullopt;
  SortByAddress(workers, among);
  const auto shards =
      static_cast<uint64_t>(std::clamp<int64_t>(request.shards, 1, std::ssize(among)));
  const uint64_t home = Mix(static_cast<uint64_t>(request.block_id));
  return among[(home + request.random % shards) % among.size()];
}

std::optional<size_t> ByCapacity(std::span<const Candidate> workers, const Indexes& among,
                                 uint64_t random) {
  uint64_t total = 0;
  for (const size_t i : among) total += static_cast<uint64_t>(workers[i].capacity_bytes);
  if (total == 0) return AnyOf(among, random);
  uint64_t ticket = random % total;
  for (const size_t i : among) {
    const auto capacity = static_cast<uint64_t>(workers[i].capacity_bytes);
    if (ticket < capacity) return i;
    ticket -= capacity;
  }
  return std::nullopt;
}

}  // namespace

Result<Policy> ParsePolicy(std::string_view class_name) {
  const std::string_view name = class_name.substr(class_name.rfind('.') + 1);
  for (const NamedPolicy& known : kPolicies)
    if (known.name == name) return known.policy;
  std::string names;
  for (const NamedPolicy& known : kPolicies)
    names.append(names.empty() ? "" : ", ").append(known.name);
  return InvalidArgument("{} is not a worker policy; use one of {}", class_name, names);
}

std::optional<size_t> ChooseWorker(Policy policy, std::span<const Candidate> workers,
                                   const PolicyRequest& request) {
  const Indexes fitting = WithRoom(workers, request.block_size);
  switch (policy) {
    case Policy::kLocalFirst: return LocalElseAny(workers, fitting, request.random);
    case Policy::kLocalFirstAvoidEviction: {
      const Indexes roomy = WithoutEviction(workers, request.block_size + request.reserved_bytes);
      return LocalElseAny(workers, roomy.empty() ? fitting : roomy, request.random);
    }
    case Policy::kMostAvailableFirst: {
      if (fitting.empty()) return std::nullopt;
      return *std::ranges::max_element(
          fitting, {}, [&](size_t i) { return workers[i].capacity_bytes - workers[i].used_bytes; });
    }
    case Policy::kRoundRobin: {
      Indexes sorted = fitting;
      SortByAddress(workers, sorted);
      return AnyOf(sorted, request.turn);
    }
    case Policy::kSpecificHost: return OnHost(workers, fitting, request.specific_host);
    case Policy::kDeterministicHash: return Hashed(workers, fitting, request);
    case Policy::kCapacityBaseRandom: return ByCapacity(workers, fitting, request.random);
  }
  return std::nullopt;
}

}  // namespace headpond::client
