#include "ufs/faulty_ufs.h"

#include <algorithm>

namespace headpond::ufs {
namespace {

constexpr std::chrono::seconds kPatience{30};

class FaultyReader final : public UfsReader {
 public:
  FaultyReader(std::unique_ptr<UfsReader> base, std::shared_ptr<UfsFaults> faults)
      : base_(std::move(base)), faults_(std::move(faults)) {}

  Result<size_t> ReadAt(int64_t offset, size_t length, char* buffer) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kRead));
    if (const auto cut = faults_->cut_length()) {
      length = std::min(length, static_cast<size_t>(std::max<int64_t>(*cut - offset, 0)));
    }
    return base_->ReadAt(offset, length, buffer);
  }

 private:
  const std::unique_ptr<UfsReader> base_;
  const std::shared_ptr<UfsFaults> faults_;
};

class FaultyWriter final : public UfsWriter {
 public:
  FaultyWriter(std::unique_ptr<UfsWriter> base, std::shared_ptr<UfsFaults> faults)
      : base_(std::move(base)), faults_(std::move(faults)) {}

  Status Append(std::string_view data) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kAppend));
    return base_->Append(data);
  }
  Result<UfsStatus> Complete() override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kComplete));
    return base_->Complete();
  }
  void Abort() override { base_->Abort(); }

 private:
  const std::unique_ptr<UfsWriter> base_;
  const std::shared_ptr<UfsFaults> faults_;
};

class FaultyUfs final : public Ufs {
 public:
  FaultyUfs(std::unique_ptr<Ufs> base, std::shared_ptr<UfsFaults> faults)
      : base_(std::move(base)), faults_(std::move(faults)) {}

  std::string_view type() const override { return base_->type(); }
  const std::string& root() const override { return base_->root(); }

  Result<UfsStatus> GetStatus(const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kGetStatus));
    return base_->GetStatus(path);
  }
  Status List(const std::string& path, const std::function<Status(UfsStatus)>& visit) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kList));
    return base_->List(path, visit);
  }
  Result<std::unique_ptr<UfsReader>> Open(const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kOpen));
    ASSIGN_OR_RETURN(auto reader, base_->Open(path));
    return std::unique_ptr<UfsReader>(std::make_unique<FaultyReader>(std::move(reader), faults_));
  }
  Result<std::unique_ptr<UfsWriter>> Create(const std::string& path,
                                            const CreateOptions& options) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kCreate));
    ASSIGN_OR_RETURN(auto writer, base_->Create(path, options));
    return std::unique_ptr<UfsWriter>(std::make_unique<FaultyWriter>(std::move(writer), faults_));
  }
  Status CreateDirectory(const std::string& path, const CreateOptions& options) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kCreateDirectory));
    return base_->CreateDirectory(path, options);
  }
  Status DeleteFile(const std::string& path) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kDeleteFile));
    return base_->DeleteFile(path);
  }
  Status DeleteDirectory(const std::string& path, const DeleteOptions& options) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kDeleteDirectory));
    return base_->DeleteDirectory(path, options);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kRename));
    return base_->Rename(from, to);
  }
  Status SetOwner(const std::string& path, const std::string& owner,
                  const std::string& group) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kSetOwner));
    return base_->SetOwner(path, owner, group);
  }
  Status SetMode(const std::string& path, uint16_t mode) override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kSetMode));
    return base_->SetMode(path, mode);
  }
  Result<Space> GetSpace() override {
    RETURN_IF_ERROR(faults_->Enter(UfsOperation::kGetSpace));
    return base_->GetSpace();
  }

 private:
  const std::unique_ptr<Ufs> base_;
  const std::shared_ptr<UfsFaults> faults_;
};

}  // namespace

void UfsFaults::Fail(UfsOperation operation, Status status, int times) {
  MutexLock lock(mutex_);
  failures_[operation] = Failure{std::move(status), times};
}

void UfsFaults::Hold(UfsOperation operation) {
  MutexLock lock(mutex_);
  gates_[operation].closed = true;
}

void UfsFaults::Release(UfsOperation operation) {
  MutexLock lock(mutex_);
  gates_[operation].closed = false;
  changed_.NotifyAll();
}

bool UfsFaults::AwaitHeld(UfsOperation operation, int count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (gates_[operation].waiting < count) {
    if (!changed_.WaitUntil(mutex_, deadline)) return gates_[operation].waiting >= count;
  }
  return true;
}

void UfsFaults::CutFilesAt(int64_t length) {
  MutexLock lock(mutex_);
  cut_length_ = length;
}

void UfsFaults::Clear() {
  MutexLock lock(mutex_);
  failures_.clear();
  for (auto& [operation, gate] : gates_) gate.closed = false;
  cut_length_.reset();
  changed_.NotifyAll();
}

int64_t UfsFaults::calls(UfsOperation operation) const {
  MutexLock lock(mutex_);
  const auto entry = calls_.find(operation);
  return entry == calls_.end() ? 0 : entry->second;
}

Status UfsFaults::Enter(UfsOperation operation) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  ++calls_[operation];
  Gate& gate = gates_[operation];
  ++gate.waiting;
  changed_.NotifyAll();
  bool in_time = true;
  while (gate.closed && in_time) in_time = changed_.WaitUntil(mutex_, deadline);
  --gate.waiting;
  if (gate.closed) return DeadlineExceeded("held by a test for too long");

  const auto failure = failures_.find(operation);
  if (failure == failures_.end() || failure->second.times_left == 0) return Status::Ok();
  if (failure->second.times_left > 0) --failure->second.times_left;
  return failure->second.status;
}

std::optional<int64_t> UfsFaults::cut_length() const {
  MutexLock lock(mutex_);
  return cut_length_;
}

std::unique_ptr<Ufs> MakeFaultyUfs(std::unique_ptr<Ufs> base, std::shared_ptr<UfsFaults> faults) {
  return std::make_unique<FaultyUfs>(std::move(base), std::move(faults));
}

}  // namespace headpond::ufs
