#include "client/block_stream.h"

#include <fcntl.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace headpond::client {
namespace {

constexpr char kReadBlock[] = "/alluxio.grpc.block.BlockWorker/ReadBlock";
constexpr char kOpenLocalBlock[] = "/alluxio.grpc.block.BlockWorker/OpenLocalBlock";

// A worker pauses when 4 MiB are unacknowledged (alluxio.worker.network.reader.buffer.size); well
// before that.
constexpr int64_t kAcknowledgeEvery = 1 << 20;
// Opening a local block is a lookup in the worker's memory; giving it back needs no answer that
// anybody uses.
constexpr Millis kLocalOpenTimeout{10'000};

}  // namespace

grpc::ByteBuffer ToBytes(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

Status FromBytes(grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message,
                 std::string_view what) {
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok() || !message.ParseFromZeroCopyStream(&reader))
    return Internal("malformed {}", what);
  return Status::Ok();
}

Result<std::unique_ptr<RemoteBlockStream>> RemoteBlockStream::Open(
    FileSystem::Impl& fs, const WorkerAddress& worker, alluxio::grpc::block::ReadRequest request) {
  const Millis timeout = fs.config().GetDuration("alluxio.user.streaming.data.read.timeout");
  request.set_chunk_size(fs.config().GetSize("alluxio.user.streaming.reader.chunk.size.bytes"));
  ASSIGN_OR_RETURN(auto stream, fs.workers().OpenStream(worker, kReadBlock));
  ASSIGN_OR_RETURN(const bool sent, stream->Write(ToBytes(request), timeout));
  if (!sent) {
    const Status status = stream->Finish(timeout);
    return status.ok() ? Unavailable("worker {} closed the stream", worker.host) : status;
  }
  return std::unique_ptr<RemoteBlockStream>(
      new RemoteBlockStream(worker, std::move(request), std::move(stream), timeout));
}

RemoteBlockStream::RemoteBlockStream(WorkerAddress worker,
                                     alluxio::grpc::block::ReadRequest request,
                                     std::unique_ptr<ByteStream> stream, Millis timeout)
    : worker_(std::move(worker)),
      request_(std::move(request)),
      stream_(std::move(stream)),
      timeout_(timeout),
      position_(request_.offset()),
      end_(request_.offset() + request_.length()),
      acknowledged_(request_.offset()) {}

Result<size_t> RemoteBlockStream::Read(size_t length, char* buffer) {
  size_t copied = 0;
  while (copied < length && !at_end()) {
    if (slice_ == chunk_.slices.size()) {
      // What is at hand is returned before waiting for more.
      if (copied > 0) break;
      RETURN_IF_ERROR(NextChunk());
      continue;
    }
    const grpc::Slice& slice = chunk_.slices[slice_];
    const size_t some = std::min(length - copied, slice.size() - slice_offset_);
    std::memcpy(buffer + copied, slice.begin() + slice_offset_, some);
    copied += some;
    slice_offset_ += some;
    position_ += static_cast<int64_t>(some);
    if (slice_offset_ == slice.size()) {
      chunk_.slices[slice_++] = grpc::Slice();
      slice_offset_ = 0;
    }
  }
  return copied;
}

Status RemoteBlockStream::NextChunk() {
  RETURN_IF_ERROR(Acknowledge());
  ASSIGN_OR_RETURN(auto message, stream_->Read(timeout_));
  if (!message) {
    RETURN_IF_ERROR(stream_->Finish(timeout_));
    return Unavailable("worker {} ended block {} at {} instead of {}", worker_.host,
                       request_.block_id(), position_, end_);
  }
  slice_ = 0;
  slice_offset_ = 0;
  ASSIGN_OR_RETURN(chunk_, net::ParseReadResponse(*message));
  if (static_cast<int64_t>(chunk_.size) > end_ - position_)
    return Internal("worker {} sent more of block {} than asked for", worker_.host,
                    request_.block_id());
  return Status::Ok();
}

Status RemoteBlockStream::Acknowledge() {
  if (position_ - acknowledged_ < kAcknowledgeEvery || at_end() || !stream_->CanWrite())
    return Status::Ok();
  request_.set_offset_received(position_);
  acknowledged_ = position_;
  // A stream that broke tells so when it is read.
  return stream_->Write(ToBytes(request_), timeout_).status();
}

Result<std::unique_ptr<LocalBlock>> LocalBlock::Open(FileSystem::Impl& fs,
                                                     const WorkerAddress& worker, int64_t block_id,
                                                     bool promote) {
  alluxio::grpc::block::OpenLocalBlockRequest request;
  request.set_block_id(block_id);
  request.set_promote(promote);
  ASSIGN_OR_RETURN(auto lease, fs.workers().OpenStream(worker, kOpenLocalBlock));
  ASSIGN_OR_RETURN(const bool sent, lease->Write(ToBytes(request), kLocalOpenTimeout));
  std::optional<grpc::ByteBuffer> answer;
  if (sent) {
    ASSIGN_OR_RETURN(answer, lease->Read(kLocalOpenTimeout));
  }
  if (!answer) {
    const Status status = lease->Finish(kLocalOpenTimeout);
    if (status.code() != Code::kNotFound && status.code() != Code::kUnavailable)
      fs.workers().MarkUnreadable(worker);
    return status.ok() ? Unavailable("worker {} gave no path for block {}", worker.host, block_id)
                       : status;
  }
  alluxio::grpc::block::OpenLocalBlockResponse response;
  RETURN_IF_ERROR(FromBytes(*answer, response, "OpenLocalBlock response"));
  UniqueFd fd(open(response.path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    const Status status = ErrnoStatus(errno, response.path());
    fs.workers().MarkUnreadable(worker);
    return status;
  }
  return std::unique_ptr<LocalBlock>(new LocalBlock(std::move(lease), std::move(fd)));
}

LocalBlock::~LocalBlock() {
  const Result<bool> closed = lease_->WritesDone(kLocalOpenTimeout);
  if (closed.ok() && *closed) lease_->Finish(kLocalOpenTimeout).ok();
}

Result<size_t> LocalBlock::ReadAt(int64_t offset, size_t length, char* buffer) const {
  size_t done = 0;
  while (done < length) {
    const ssize_t some =
        pread(fd_.get(), buffer + done, length - done, offset + static_cast<int64_t>(done));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return ErrnoStatus(errno, "reading a local block");
    if (some == 0) break;
    done += static_cast<size_t>(some);
  }
  return done;
}

}  // namespace headpond::client
