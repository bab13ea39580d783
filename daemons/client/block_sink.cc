#include "client/block_sink.h"

#include <fcntl.h>
#include <grpcpp/support/byte_buffer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/unique_fd.h"
#include "client/block_stream.h"
#include "net/block_framing.h"

namespace headpond::client {
namespace {

using alluxio::grpc::block::CreateLocalBlockRequest;
using alluxio::grpc::block::CreateLocalBlockResponse;
using alluxio::grpc::block::WriteRequest;
using alluxio::grpc::block::WriteResponse;

constexpr char kWriteBlock[] = "/alluxio.grpc.block.BlockWorker/WriteBlock";
constexpr char kCreateLocalBlock[] = "/alluxio.grpc.block.BlockWorker/CreateLocalBlock";

// What a short-circuit writer first asks the worker to set aside; later requests double it up to
// the last figure, so that small files don't evict others for nothing and big ones don't ask often.
constexpr int64_t kFirstReservation = 1 << 20;
constexpr int64_t kLargestReservation = 64 << 20;

// Sends chunks over a WriteBlock stream. The next chunk goes out when the transport has taken the
// one before.
class StreamSink final : public DataSink {
 public:
  static Result<std::unique_ptr<DataSink>> Open(FileSystem::Impl& fs, const WorkerAddress& worker,
                                                const WriteRequest& command) {
    ASSIGN_OR_RETURN(auto stream, fs.workers().OpenStream(worker, kWriteBlock));
    std::unique_ptr<StreamSink> sink(new StreamSink(fs.config(), worker, std::move(stream)));
    RETURN_IF_ERROR(sink->Send(ToBytes(command)));
    return std::unique_ptr<DataSink>(std::move(sink));
  }

  Status Append(std::string_view data) override {
    while (!data.empty()) {
      if (chunk_.capacity() < chunk_bytes_) chunk_.reserve(chunk_bytes_);
      const size_t some = std::min(data.size(), chunk_bytes_ - chunk_.size());
      chunk_.append(data.substr(0, some));
      data.remove_prefix(some);
      if (chunk_.size() == chunk_bytes_) RETURN_IF_ERROR(SendChunk());
    }
    return Status::Ok();
  }

  Status Commit() override {
    if (!chunk_.empty()) RETURN_IF_ERROR(SendChunk());
    ASSIGN_OR_RETURN(const bool open, stream_->WritesDone(write_timeout_));
    while (open) {
      ASSIGN_OR_RETURN(auto message, stream_->Read(close_timeout_));
      if (!message) break;
      WriteResponse response;
      RETURN_IF_ERROR(FromBytes(*message, response, "WriteBlock response"));
      if (response.has_contenthash()) content_hash_ = response.contenthash();
    }
    return stream_->Finish(close_timeout_);
  }

  const std::string& content_hash() const override { return content_hash_; }

 private:
  StreamSink(const Config& config, const WorkerAddress& worker, std::unique_ptr<ByteStream> stream)
      : host_(worker.host),
        chunk_bytes_(
            static_cast<size_t>(config.GetSize("alluxio.user.streaming.writer.chunk.size.bytes"))),
        write_timeout_(config.GetDuration("alluxio.user.streaming.data.write.timeout")),
        close_timeout_(config.GetDuration("alluxio.user.streaming.writer.close.timeout")),
        stream_(std::move(stream)) {}

  Status SendChunk() {
    const auto owned = std::make_shared<const std::string>(std::exchange(chunk_, {}));
    const grpc::Slice slice = net::SliceOf(owned, owned->data(), owned->size());
    return Send(net::FrameWriteChunk(std::span(&slice, 1)));
  }

  Status Send(const grpc::ByteBuffer& message) {
    ASSIGN_OR_RETURN(const bool sent, stream_->Write(message, write_timeout_));
    if (sent) return Status::Ok();
    const Status verdict = stream_->Finish(write_timeout_);
    return verdict.ok() ? Unavailable("worker {} ended the stream early", host_) : verdict;
  }

  const std::string host_;
  const size_t chunk_bytes_;
  const Millis write_timeout_;
  const Millis close_timeout_;
  const std::unique_ptr<ByteStream> stream_;
  std::string chunk_;
  std::string content_hash_;
};

// Writes the worker's temporary block file itself.
class LocalSink final : public DataSink {
 public:
  static Result<std::unique_ptr<DataSink>> Open(FileSystem::Impl& fs, const BlockTarget& target) {
    ASSIGN_OR_RETURN(auto lease, fs.workers().OpenStream(target.worker, kCreateLocalBlock));
    std::unique_ptr<LocalSink> sink(new LocalSink(fs.config(), target, std::move(lease)));
    CreateLocalBlockRequest request = sink->request_;
    sink->reserved_ = std::min(target.block_size, kFirstReservation);
    request.set_space_to_reserve(sink->reserved_);
    ASSIGN_OR_RETURN(const CreateLocalBlockResponse response, sink->Ask(request));
    sink->fd_ = UniqueFd(open(response.path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (!sink->fd_.valid()) return ErrnoStatus(errno, response.path());
    return std::unique_ptr<DataSink>(std::move(sink));
  }

  Status Append(std::string_view data) override {
    const auto end = position_ + static_cast<int64_t>(data.size());
    if (end > reserved_) RETURN_IF_ERROR(Reserve(end));
    while (!data.empty()) {
      const ssize_t some = pwrite(fd_.get(), data.data(), data.size(), position_);
      if (some < 0 && errno == EINTR) continue;
      if (some < 0) return ErrnoStatus(errno, "writing a local block");
      data.remove_prefix(static_cast<size_t>(some));
      position_ += some;
    }
    return Status::Ok();
  }

  Status Commit() override {
    fd_.Reset();
    ASSIGN_OR_RETURN(const bool closed, lease_->WritesDone(timeout_));
    (void)closed;  // a broken stream tells why in Finish
    return lease_->Finish(timeout_);
  }

  const std::string& content_hash() const override { return content_hash_; }

 private:
  LocalSink(const Config& config, const BlockTarget& target, std::unique_ptr<ByteStream> lease)
      : block_size_(target.block_size),
        timeout_(config.GetDuration("alluxio.user.streaming.data.write.timeout")),
        lease_(std::move(lease)) {
    request_.set_block_id(target.block_id);
    request_.set_tier(target.tier);
    request_.set_pin_on_create(target.pin);
    request_.set_cleanup_on_failure(true);
    request_.set_only_reserve_space(false);
  }

  Status Reserve(int64_t end) {
    const int64_t doubled = reserved_ + std::min(reserved_, kLargestReservation);
    const int64_t wanted = std::max(end, std::min(doubled, block_size_));
    CreateLocalBlockRequest request = request_;
    request.set_only_reserve_space(true);
    request.set_space_to_reserve(wanted - reserved_);
    RETURN_IF_ERROR(Ask(request).status());
    reserved_ = wanted;
    return Status::Ok();
  }

  Result<CreateLocalBlockResponse> Ask(const CreateLocalBlockRequest& request) {
    ASSIGN_OR_RETURN(const bool sent, lease_->Write(ToBytes(request), timeout_));
    std::optional<grpc::ByteBuffer> answer;
    if (sent) {
      ASSIGN_OR_RETURN(answer, lease_->Read(timeout_));
    }
    if (!answer) {
      const Status verdict = lease_->Finish(timeout_);
      return verdict.ok() ? Unavailable("the worker ended the stream early") : verdict;
    }
    CreateLocalBlockResponse response;
    RETURN_IF_ERROR(FromBytes(*answer, response, "CreateLocalBlock response"));
    return response;
  }

  const int64_t block_size_;
  const Millis timeout_;
  const std::unique_ptr<ByteStream> lease_;
  CreateLocalBlockRequest request_;
  UniqueFd fd_;
  int64_t reserved_ = 0;
  int64_t position_ = 0;
  const std::string content_hash_;
};

// These say something about the block or the space, which another way of writing would not change.
bool IsFinal(Code code) {
  return code == Code::kResourceExhausted || code == Code::kAlreadyExists ||
         code == Code::kUnavailable;
}

}  // namespace

Result<std::unique_ptr<DataSink>> OpenBlockSink(FileSystem::Impl& fs, const BlockTarget& target) {
  const Config& config = fs.config();
  if (fs.IsLocal(target.worker) && config.GetBool("alluxio.user.short.circuit.enabled") &&
      !fs.workers().IsUnreadable(target.worker)) {
    auto sink = LocalSink::Open(fs, target);
    if (sink.ok() || IsFinal(sink.status().code())) return sink;
    // The worker's files are out of reach from here.
    LogDebug("client", "no short circuit to block {}: {}", target.block_id,
             sink.status().ToString());
    fs.workers().MarkUnreadable(target.worker);
  }
  WriteRequest command;
  auto* fields = command.mutable_command();
  fields->set_type(alluxio::grpc::block::ALLUXIO_BLOCK);
  fields->set_id(target.block_id);
  fields->set_tier(target.tier);
  fields->set_pin_on_create(target.pin);
  fields->set_space_to_reserve(
      std::min(target.block_size, config.GetSize("alluxio.user.file.reserved.bytes")));
  return StreamSink::Open(fs, target.worker, command);
}

Result<std::unique_ptr<DataSink>> OpenUfsSink(
    FileSystem::Impl& fs, const WorkerAddress& worker,
    const alluxio::proto::dataserver::CreateUfsFileOptions& options) {
  WriteRequest command;
  auto* fields = command.mutable_command();
  fields->set_type(alluxio::grpc::block::UFS_FILE);
  fields->set_id(-1);
  fields->set_offset(0);
  *fields->mutable_create_ufs_file_options() = options;
  return StreamSink::Open(fs, worker, command);
}

}  // namespace headpond::client
