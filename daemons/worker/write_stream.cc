#include "worker/write_stream.h"

#include "net/grpc_status.h"
#include "net/raw_message.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

// How long a client may take to read an answer before its stream is given up.
constexpr std::chrono::seconds kReplyTimeout{60};

}  // namespace

WriteStream::WriteStream(const BlockServiceDeps& deps, std::function<bool()> cancelled,
                         Status authenticated, bool local_socket)
    : deps_(deps), call_cancelled_(std::move(cancelled)), local_socket_(local_socket) {
  if (!authenticated.ok()) {
    End(authenticated);
    return;
  }
  MutexLock lock(mutex_);
  reading_ = true;
  StartRead(&in_);
}

void WriteStream::OnReadDone(bool ok) {
  MutexLock lock(mutex_);
  reading_ = false;
  if (finished_) return;
  if (ok) {
    queue_.push_back(std::move(in_));
    in_.Clear();
    if (queue_.size() < kMaxQueued) {
      reading_ = true;
      StartRead(&in_);
    }
  } else {
    half_closed_ = true;
  }
  StartDraining();
}

void WriteStream::OnCancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  written_.NotifyAll();
  if (!finished_) StartDraining();
}

void WriteStream::OnWriteDone(bool) {
  MutexLock lock(mutex_);
  writing_ = false;
  written_.NotifyAll();
}

void WriteStream::StartDraining() {
  if (draining_) return;
  draining_ = true;
  ++references_;
  const Status submitted = deps_.io.Submit([this] { Drain(); });
  if (submitted.ok()) return;
  draining_ = false;
  --references_;
  finished_ = true;
  Finish(net::ToGrpc(submitted));
}

void WriteStream::Drain() {
  while (true) {
    ::grpc::ByteBuffer message;
    {
      MutexLock lock(mutex_);
      if (cancelled_ || finished_) queue_.clear();
      if (queue_.empty()) {
        const bool over = (half_closed_ || cancelled_) && !finished_;
        if (!over) {
          draining_ = false;
          break;
        }
      } else {
        message = std::move(queue_.front());
        queue_.pop_front();
        if (!reading_ && !half_closed_) {
          reading_ = true;
          StartRead(&in_);
        }
      }
    }
    if (!message.Valid()) {
      FinishTarget();
      continue;
    }
    auto parsed = net::ParseWriteRequest(message);
    const Status status = parsed.ok() ? Handle(*std::move(parsed)) : parsed.status();
    if (!status.ok()) End(status);
  }
  Release();
}

Status WriteStream::Handle(net::WriteMessage message) {
  if (message.command) return HandleCommand(*message.command);
  if (!target_) return InvalidArgument("the first message holds data; a command must come first");
  for (const ::grpc::Slice& slice : message.data.slices)
    RETURN_IF_ERROR(target_->Append({reinterpret_cast<const char*>(slice.begin()), slice.size()}));
  deps_.metrics.counter(local_socket_ ? "Worker.BytesWrittenDomain" : "Worker.BytesWrittenRemote")
      .Add(static_cast<int64_t>(message.data.size));
  return Status::Ok();
}

Status WriteStream::HandleCommand(const blockpb::WriteRequestCommand& command) {
  if (!target_) {
    ASSIGN_OR_RETURN(target_, OpenWriteTarget(deps_, command));
    if (!command.flush()) return Status::Ok();
  }
  if (command.has_offset() && command.offset() != target_->position())
    return InvalidArgument("offset is {}, but {} bytes were written", command.offset(),
                           target_->position());
  if (command.flush()) Reply(target_->position(), "");
  return Status::Ok();
}

void WriteStream::FinishTarget() {
  // A reset stream looks like a half-closed one until its cancellation arrives; the context knows
  // first.
  if (call_cancelled_()) {
    target_.reset();
    return End(Cancelled("the client cancelled the write"));
  }
  if (!target_) return End(InvalidArgument("the stream ended before its first command"));
  const int64_t position = target_->position();
  const auto content_hash = target_->Finish();
  target_.reset();
  if (!content_hash.ok()) return End(content_hash.status());
  if (!content_hash->empty()) Reply(position, *content_hash);
  End(Status::Ok());
}

void WriteStream::Reply(int64_t offset, const std::string& content_hash) {
  blockpb::WriteResponse response;
  response.set_offset(offset);
  if (!content_hash.empty()) response.set_contenthash(content_hash);
  MutexLock lock(mutex_);
  if (cancelled_ || finished_) return;
  out_ = net::SerializeMessage(response);
  writing_ = true;
  StartWrite(&out_);
  const auto deadline = std::chrono::steady_clock::now() + kReplyTimeout;
  while (writing_ && !cancelled_ && written_.WaitUntil(mutex_, deadline)) {
  }
}

void WriteStream::End(const Status& status) {
  target_.reset();
  MutexLock lock(mutex_);
  if (finished_) return;
  finished_ = true;
  queue_.clear();
  Finish(net::ToGrpc(status));
}

void WriteStream::OnDone() {
  Release();
}

void WriteStream::Release() {
  bool last = false;
  {
    MutexLock lock(mutex_);
    last = --references_ == 0;
  }
  if (last) delete this;
}

}  // namespace headpond::worker
