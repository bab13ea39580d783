#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace headpond {

// Randomness, injected so that a seed replays a run. Not thread safe: one per thread or owner.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // Seeded from the operating system.
  static Random FromSystem() { return Random((uint64_t{std::random_device()()} << 32) | std::random_device()()); }

  uint64_t Next() { return engine_(); }
  // Uniform in [0, bound); bound must not be 0.
  uint64_t Below(uint64_t bound) { return std::uniform_int_distribution<uint64_t>(0, bound - 1)(engine_); }
  // A non-negative 63-bit id, as 2.9 uses for workers, mounts and sessions (compat/behaviour.md section 5).
  int64_t NonNegativeId() { return static_cast<int64_t>(Next() >> 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // A random (version 4) UUID in its usual text form.
  std::string Uuid();

 private:
  std::mt19937_64 engine_;
};

}  // namespace headpond
