#include "cli/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace headpond::cli {
namespace {

constexpr int kSubBits = 4;  // 16 buckets between two powers of two

// Values below 16 have a bucket each; above, the leading one and the four bits after it choose.
size_t BucketOf(uint64_t value) {
  if (value < (1u << kSubBits)) return value;
  const int exponent = std::bit_width(value) - 1 - kSubBits;
  return (static_cast<size_t>(exponent) << kSubBits) + (value >> exponent);
}

uint64_t UpperEnd(size_t bucket) {
  if (bucket < (1u << kSubBits)) return bucket;
  const size_t exponent = (bucket >> kSubBits) - 1;
  const uint64_t leading = (bucket & ((1u << kSubBits) - 1)) | (1u << kSubBits);
  return ((leading + 1) << exponent) - 1;
}

}  // namespace

void Histogram::Record(int64_t nanoseconds) {
  nanoseconds = std::max<int64_t>(nanoseconds, 0);
  ++buckets_[BucketOf(static_cast<uint64_t>(nanoseconds))];
  ++count_;
  max_ = std::max(max_, nanoseconds);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

int64_t Histogram::Quantile(double share) const {
  const auto rank = static_cast<int64_t>(std::ceil(share * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= std::max<int64_t>(rank, 1))
      return std::min(static_cast<int64_t>(UpperEnd(i)), max_);
  }
  return max_;
}

}  // namespace headpond::cli
