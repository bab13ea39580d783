#include "io/dry_run_env.h"

namespace headpond::io {
namespace {

class Nowhere final : public WritableFile {
 public:
  Status Append(std::string_view data) override {
    size_ += static_cast<int64_t>(data.size());
    return Status::Ok();
  }
  Status Preallocate(int64_t) override { return Status::Ok(); }
  Status Sync() override { return Status::Ok(); }
  Status Close() override { return Status::Ok(); }
  int64_t size() const override { return size_; }

 private:
  int64_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<WritableFile>> DryRunEnv::OpenForWrite(const std::string&, OpenMode) {
  return std::unique_ptr<WritableFile>(std::make_unique<Nowhere>());
}

}  // namespace headpond::io
