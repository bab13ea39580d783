#include "base/byte_budget.h"

#include <gmock/gmock.h>

namespace headpond {
namespace {

using ::testing::ElementsAre;

class ByteBudgetTest : public ::testing::Test {
 protected:
  void Acquire(size_t bytes, int name) {
    budget_.Acquire(bytes, [this, name] { granted_.push_back(name); });
  }
  ByteBudget budget_{100};
  std::vector<int> granted_;
};

TEST_F(ByteBudgetTest, GrantsAtOnceWhileThereIsRoom) {
  Acquire(60, 1);
  Acquire(40, 2);
  EXPECT_THAT(granted_, ElementsAre(1, 2));
  EXPECT_EQ(budget_.held(), 100u);
  EXPECT_FALSE(budget_.contended());
}

TEST_F(ByteBudgetTest, MakesOthersWaitInOrder) {
  Acquire(100, 1);
  Acquire(50, 2);
  Acquire(10, 3);  // would fit after a release of 10, but 2 came first
  EXPECT_TRUE(budget_.contended());
  budget_.Release(20);
  EXPECT_THAT(granted_, ElementsAre(1));
  EXPECT_TRUE(budget_.contended());
  budget_.Release(80);
  EXPECT_THAT(granted_, ElementsAre(1, 2, 3));
  EXPECT_FALSE(budget_.contended());
  EXPECT_EQ(budget_.held(), 60u);
}

TEST_F(ByteBudgetTest, GrantsMoreThanTheLimitOnlyAlone) {
  Acquire(10, 1);
  Acquire(500, 2);
  EXPECT_THAT(granted_, ElementsAre(1));
  budget_.Release(10);
  EXPECT_THAT(granted_, ElementsAre(1, 2));
}

}  // namespace
}  // namespace headpond
