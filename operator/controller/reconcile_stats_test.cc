#include "operator/controller/reconcile_stats.h"

#include <gmock/gmock.h>

namespace headpond::controller {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(ReconcileStatsTest, PassesAreCountedUnderControllerRuntimesNames) {
  ReconcileStats stats;
  stats.Record(true, microseconds(5000));
  stats.Record(true, microseconds(5001));
  stats.Record(false, milliseconds(700));
  stats.Record(true, seconds(100));
  const ReconcileStats none;
  const std::string text =
      ReconcileStats::PrometheusText({{"cachecluster", stats}, {"containertask", none}});
  const std::string type = "# TYPE controller_runtime_reconcile_total";
  EXPECT_EQ(text.find(type), text.rfind(type)) << "each name has one type";
  for (const char* const line :
       {"controller_runtime_reconcile_total{controller=\"cachecluster\",result=\"success\"} 3\n",
        "controller_runtime_reconcile_total{controller=\"cachecluster\",result=\"error\"} 1\n",
        "controller_runtime_reconcile_errors_total{controller=\"cachecluster\"} 1\n",
        "_time_seconds_bucket{controller=\"cachecluster\",le=\"0.005\"} 1\n",
        "_time_seconds_bucket{controller=\"cachecluster\",le=\"0.01\"} 2\n",
        "_time_seconds_bucket{controller=\"cachecluster\",le=\"0.7\"} 3\n",
        "_time_seconds_bucket{controller=\"cachecluster\",le=\"60\"} 3\n",
        "_time_seconds_bucket{controller=\"cachecluster\",le=\"+Inf\"} 4\n",
        "_time_seconds_count{controller=\"cachecluster\"} 4\n",
        "controller_runtime_reconcile_total{controller=\"containertask\",result=\"success\"} 0\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

}  // namespace
}  // namespace headpond::controller
