#include "worker/read_stream.h"

#include <algorithm>

#include "net/block_framing.h"
#include "net/grpc_status.h"
#include "net/raw_message.h"
#include "worker/range_read.h"

namespace headpond::worker {
namespace {

constexpr size_t kDefaultChunk = 1 << 20;  // alluxio.user.streaming.reader.chunk.size.bytes

// A buffer that gives its bytes back to the budget when gRPC is done with it.
std::shared_ptr<char[]> BudgetedBuffer(ByteBudget& budget, size_t bytes) {
  return {new char[bytes], [&budget, bytes](const char* buffer) {
            delete[] buffer;
            budget.Release(bytes);
          }};
}

}  // namespace

ReadStream::ReadStream(const BlockServiceDeps& deps, net::CallAborter abort, Status authenticated,
                       bool local_socket)
    : deps_(deps), local_socket_(local_socket), watched_(deps.readers.Add(std::move(abort))) {
  if (authenticated.ok()) {
    StartRead(&in_);
    return;
  }
  Step([&]() REQUIRES(mutex_) {
    outcome_ = std::move(authenticated);
    accepted_ = true;
  });
}

template <typename Change>
void ReadStream::Step(Change&& change) {
  size_t bytes = 0;
  {
    MutexLock lock(mutex_);
    if (finished_) return;
    change();
    if (accepted_) bytes = Pump();
  }
  if (bytes > 0) RequestChunk(bytes);
}

void ReadStream::OnReadDone(bool ok) {
  Step([&]() REQUIRES(mutex_) {
    if (!ok) {
      stopped_ = true;
      if (!accepted_) outcome_ = InvalidArgument("the stream ended before its request");
      accepted_ = true;
      return;
    }
    if (!accepted_) outcome_ = Accept();
    accepted_ = true;
    if (outcome_.ok()) StartRead(&in_);
  });
}

void ReadStream::OnWriteDone(bool ok) {
  watched_->Move();
  Step([&]() REQUIRES(mutex_) {
    writing_ = false;
    out_.Clear();  // its bytes go back to the budget before this stream asks for more
    if (!ok) stopped_ = true;
  });
}

void ReadStream::OnCancel() {
  Step([&]() REQUIRES(mutex_) { stopped_ = true; });
}

Status ReadStream::Accept() {
  RETURN_IF_ERROR(net::ParseMessage(in_, request_));
  RETURN_IF_ERROR(CheckReadRequest(request_));
  next_ = request_.offset();
  end_ = request_.offset() + request_.length();
  return Status::Ok();
}

size_t ReadStream::Pump() {
  const bool more = !stopped_ && outcome_.ok() && next_ < end_;
  if (!writing_ && ready_ && !stopped_) {
    out_ = *std::move(ready_);
    ready_.reset();
    watched_->Wait(budgeted_);
    if (!more && !producing_ && outcome_.ok()) {
      finished_ = true;  // the last chunk and the trailers go out together
      StartWriteAndFinish(&out_, {}, ::grpc::Status::OK);
      return 0;
    }
    writing_ = true;
    StartWrite(&out_);
  }
  if (!more && !writing_ && !producing_) {
    finished_ = true;
    Finish(net::ToGrpc(outcome_));
    return 0;
  }
  if (!more || producing_ || ready_) return 0;
  producing_ = true;
  ++references_;
  const size_t asked =
      request_.chunk_size() > 0 ? static_cast<size_t>(request_.chunk_size()) : kDefaultChunk;
  return std::min({asked, deps_.max_chunk_bytes, static_cast<size_t>(end_ - next_)});
}

void ReadStream::RequestChunk(size_t bytes) {
  if (input_ && input_->viewable()) return Produce(nullptr, bytes);  // nothing to wait for
  deps_.budget.Acquire(bytes, [this, bytes] {
    const Status submitted = deps_.io.Submit(
        [this, bytes, buffer = BudgetedBuffer(deps_.budget, bytes)] { Produce(buffer, bytes); });
    if (submitted.ok()) return;
    Step([&]() REQUIRES(mutex_) {
      producing_ = false;
      outcome_ = submitted;
    });
    Release();
  });
}

void ReadStream::Produce(const std::shared_ptr<char[]>& buffer, size_t bytes) {
  int64_t offset = 0;
  bool wanted = false;
  {
    MutexLock lock(mutex_);
    offset = next_;
    wanted = !stopped_;
  }
  Result<::grpc::Slice> data = ::grpc::Slice();
  if (wanted) data = ReadChunk(offset, bytes, buffer);
  Step([&]() REQUIRES(mutex_) {
    producing_ = false;
    if (!data.ok()) {
      outcome_ = data.status();
    } else if (data->size() == 0) {
      end_ = next_;  // the block ends before the range does
    } else {
      next_ += static_cast<int64_t>(data->size());
      budgeted_ = !input_->viewable();
      ready_ = net::FrameReadResponse({&*data, 1});
    }
  });
  Release();
}

Result<::grpc::Slice> ReadStream::ReadChunk(int64_t offset, size_t bytes,
                                            const std::shared_ptr<char[]>& buffer) {
  if (!input_) {
    ASSIGN_OR_RETURN(input_, OpenForReading(deps_, request_));
  }
  if (input_->viewable()) {
    if (const BlockView view = input_->ViewAt(offset, bytes); view.owner) {
      CountRead(deps_, input_->cached(), local_socket_, view.size);
      return net::SliceOf(view.owner, view.data, view.size);
    }
  }
  // Without a buffer a view was expected: this once, one beyond the budget does no harm.
  const std::shared_ptr<char[]> into = buffer ? buffer : std::make_unique<char[]>(bytes);
  ASSIGN_OR_RETURN(const size_t got, input_->ReadAt(offset, bytes, into.get()));
  CountRead(deps_, input_->cached(), local_socket_, got);
  return net::SliceOf(into, into.get(), got);
}

void ReadStream::OnDone() {
  watched_.reset();
  Release();
}

void ReadStream::Release() {
  bool last = false;
  {
    MutexLock lock(mutex_);
    last = --references_ == 0;
  }
  if (last) delete this;
}

}  // namespace headpond::worker
