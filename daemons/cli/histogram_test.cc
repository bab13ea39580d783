#include "cli/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace headpond::cli {
namespace {

TEST(HistogramTest, QuantilesAreWithinASixteenth) {
  Random random(7);
  Histogram histogram;
  std::vector<int64_t> values;
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<int64_t>(random.Below(uint64_t{1} << (1 + random.Below(40))));
    values.push_back(value);
    histogram.Record(value);
  }
  std::ranges::sort(values);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const int64_t exact =
        values[static_cast<size_t>(share * static_cast<double>(values.size())) - 1];
    EXPECT_GE(histogram.Quantile(share), exact) << share;
    EXPECT_LE(histogram.Quantile(share), exact + exact / 16 + 1) << share;
  }
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(HistogramTest, MergingIsLikeRecordingInOne) {
  Histogram one, two, both;
  for (int64_t i = 0; i < 1000; ++i) {
    (i % 3 ? one : two).Record(i * i);
    both.Record(i * i);
  }
  one.Merge(two);
  EXPECT_EQ(one.count(), both.count());
  for (const double share : {0.1, 0.5, 0.99}) EXPECT_EQ(one.Quantile(share), both.Quantile(share));
}

TEST(HistogramTest, EmptyAndExtremes) {
  Histogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  histogram.Record(-5);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.Quantile(1.0), INT64_MAX);
}

}  // namespace
}  // namespace headpond::cli
