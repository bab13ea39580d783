#pragma once

#include <array>
#include <cstdint>

namespace headpond::cli {

// Counts durations in buckets that are at most 1/16 wide, whatever their size: constant memory. Not
// thread safe; one per thread, merged at the end.
class Histogram {
 public:
  void Record(int64_t nanoseconds);
  void Merge(const Histogram& other);

  int64_t count() const { return count_; }
  // The duration that `share` (0..1) of all stay below, to within 1/16; 0 when empty.
  int64_t Quantile(double share) const;
  int64_t max() const { return max_; }

 private:
  static constexpr int kSubBuckets = 16;
  std::array<int64_t, 64 * kSubBuckets> buckets_{};
  int64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace headpond::cli
