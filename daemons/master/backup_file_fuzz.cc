// Backup files of any bytes: reading them never crashes, and ends.

#include <cstdint>
#include <string>
#include <string_view>

#include "master/backup_file.h"

namespace {

using namespace headpond;          // NOLINT
using namespace headpond::master;  // NOLINT

class Bytes final : public ufs::UfsReader {
 public:
  explicit Bytes(std::string_view content) : content_(content) {}
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override {
    if (static_cast<size_t>(offset) >= content_.size()) return size_t{0};
    return content_.copy(buffer, length, static_cast<size_t>(offset));
  }

 private:
  const std::string_view content_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes file({reinterpret_cast<const char*>(data), size});
  (void)ReadBackup(file, [](BackupPart, std::string_view) { return Status::Ok(); });
  return 0;
}
