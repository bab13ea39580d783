#include "ufs/counted_ufs.h"

#include <utility>

namespace headpond::ufs {
namespace {

class CountedReader final : public UfsReader {
 public:
  CountedReader(std::unique_ptr<UfsReader> base, Counter& bytes)
      : base_(std::move(base)), bytes_(bytes) {}
  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override {
    auto got = base_->ReadAt(offset, length, buffer);
    if (got.ok()) bytes_.Add(static_cast<int64_t>(*got));
    return got;
  }
  int fd() const override { return base_->fd(); }

 private:
  const std::unique_ptr<UfsReader> base_;
  Counter& bytes_;
};

class CountedWriter final : public UfsWriter {
 public:
  CountedWriter(std::unique_ptr<UfsWriter> base, Counter& bytes)
      : base_(std::move(base)), bytes_(bytes) {}
  Status Append(std::string_view data) override {
    RETURN_IF_ERROR(base_->Append(data));
    bytes_.Add(static_cast<int64_t>(data.size()));
    return Status::Ok();
  }
  Result<UfsStatus> Complete() override { return base_->Complete(); }
  void Abort() override { base_->Abort(); }

 private:
  const std::unique_ptr<UfsWriter> base_;
  Counter& bytes_;
};

class CountedUfs final : public Ufs {
 public:
  CountedUfs(std::unique_ptr<Ufs> base, Counter& read, Counter& written)
      : base_(std::move(base)), read_(read), written_(written) {}

  std::string_view type() const override { return base_->type(); }
  const std::string& root() const override { return base_->root(); }
  Result<UfsStatus> GetStatus(const std::string& path) override { return base_->GetStatus(path); }
  Status List(const std::string& path, const std::function<Status(UfsStatus)>& visit) override {
    return base_->List(path, visit);
  }
  Result<std::unique_ptr<UfsReader>> Open(const std::string& path) override {
    ASSIGN_OR_RETURN(auto reader, base_->Open(path));
    return std::unique_ptr<UfsReader>(new CountedReader(std::move(reader), read_));
  }
  Result<std::unique_ptr<UfsWriter>> Create(const std::string& path,
                                            const CreateOptions& options) override {
    ASSIGN_OR_RETURN(auto writer, base_->Create(path, options));
    return std::unique_ptr<UfsWriter>(new CountedWriter(std::move(writer), written_));
  }
  Status CreateDirectory(const std::string& path, const CreateOptions& options) override {
    return base_->CreateDirectory(path, options);
  }
  Status DeleteFile(const std::string& path) override { return base_->DeleteFile(path); }
  Status DeleteDirectory(const std::string& path, const DeleteOptions& options) override {
    return base_->DeleteDirectory(path, options);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    return base_->Rename(from, to);
  }
  Status SetOwner(const std::string& path, const std::string& owner,
                  const std::string& group) override {
    return base_->SetOwner(path, owner, group);
  }
  Status SetMode(const std::string& path, uint16_t mode) override {
    return base_->SetMode(path, mode);
  }
  Result<Space> GetSpace() override { return base_->GetSpace(); }

 private:
  const std::unique_ptr<Ufs> base_;
  Counter& read_;
  Counter& written_;
};

}  // namespace

std::unique_ptr<Ufs> MakeCountedUfs(std::unique_ptr<Ufs> base, Counter& bytes_read,
                                    Counter& bytes_written) {
  return std::make_unique<CountedUfs>(std::move(base), bytes_read, bytes_written);
}

}  // namespace headpond::ufs
