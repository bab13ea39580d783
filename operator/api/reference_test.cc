#include "operator/api/reference.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace headpond::api {
namespace {

TEST(CrdReferenceTest, TheCommittedPageMatchesTheFieldTable) {
  const std::string path = std::string(HEADPOND_SOURCE_DIR) + "/docs/reference/crds.md";
  std::ostringstream page;
  page << std::ifstream(path).rdbuf();
  EXPECT_EQ(page.str(), CrdReferencePage())
      << "run: headpond-operator reference > docs/reference/crds.md";
}

}  // namespace
}  // namespace headpond::api
