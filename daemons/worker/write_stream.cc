#include "worker/write_stream.h"

#include "net/grpc_status.h"
#include "net/raw_message.h"

namespace headpond::worker {
namespace {

namespace blockpb = ::alluxio::grpc::block;

}  // namespace

WriteStream::WriteStream(const BlockServiceDeps& deps, net::CallAborter abort,
                         std::function<bool()> cancelled, Status authenticated, bool local_socket)
    : deps_(deps),
      call_cancelled_(std::move(cancelled)),
      local_socket_(local_socket),
      watched_(deps.writers.Add(std::move(abort))) {
  if (!authenticated.ok()) {
    End(authenticated);
    return;
  }
  MutexLock lock(mutex_);
  watched_->Wait(/*holding=*/false);
  reading_ = true;
  StartRead(&in_);
}

void WriteStream::OnReadDone(bool ok) {
  MutexLock lock(mutex_);
  reading_ = false;
  if (finished_) return;
  watched_->Move();
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
  if (!finished_) StartDraining();
}

void WriteStream::OnWriteDone(bool) {
  MutexLock lock(mutex_);
  writing_ = false;
  if (finished_) return;
  watched_->Move();
  StartDraining();
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
      const bool over = queue_.empty() && (half_closed_ || cancelled_);
      if (writing_ || finished_ || (queue_.empty() && !over)) {
        draining_ = false;
        if (!finished_) watched_->Wait(/*holding=*/target_ != nullptr);
        break;
      }
      if (!over) {
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
  Status status = Obey(std::move(message));
  if (status.code() == Code::kResourceExhausted) deps_.writers.NoteRefusal();
  return status;
}

Status WriteStream::Obey(net::WriteMessage message) {
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
  if (command.flush()) Answer(target_->position(), "", /*last=*/false);
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
  if (content_hash->empty()) return End(Status::Ok());
  Answer(position, *content_hash, /*last=*/true);
}

void WriteStream::Answer(int64_t offset, const std::string& content_hash, bool last) {
  blockpb::WriteResponse response;
  response.set_offset(offset);
  if (!content_hash.empty()) response.set_contenthash(content_hash);
  MutexLock lock(mutex_);
  if (cancelled_ || finished_) return;
  out_ = net::SerializeMessage(response);
  if (last) {
    finished_ = true;
    watched_->Wait(/*holding=*/false);
    StartWriteAndFinish(&out_, {}, ::grpc::Status::OK);
  } else {
    writing_ = true;
    StartWrite(&out_);
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
  {
    MutexLock lock(mutex_);
    watched_.reset();
  }
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
