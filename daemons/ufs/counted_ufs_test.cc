#include "ufs/counted_ufs.h"

#include <gtest/gtest.h>

#include "testing/status_matchers.h"
#include "testing/temp_directory.h"

namespace headpond::ufs {
namespace {

TEST(CountedUfsTest, CountsWhatWasReadAndWritten) {
  TempDirectory root;
  Counter read, written;
  ASSERT_OK_AND_ASSIGN(auto opened, OpenUfs(root.path(), {}));
  const auto store = MakeCountedUfs(std::move(opened), read, written);
  ASSERT_OK_AND_ASSIGN(auto writer, store->Create(root / "f", {}));
  ASSERT_OK(writer->Append("hello "));
  ASSERT_OK(writer->Append("there"));
  ASSERT_OK(writer->Complete());
  EXPECT_EQ(written.value(), 11);

  ASSERT_OK_AND_ASSIGN(const auto reader, store->Open(root / "f"));
  char buffer[64];
  ASSERT_OK(reader->ReadAt(0, 5, buffer));
  ASSERT_OK(reader->ReadAt(6, sizeof(buffer), buffer));
  EXPECT_EQ(read.value(), 10);
  EXPECT_EQ(store->type(), "local");
}

}  // namespace
}  // namespace headpond::ufs
