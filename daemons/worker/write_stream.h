#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "net/block_framing.h"
#include "net/stall_watch.h"
#include "worker/block_service.h"
#include "worker/write_target.h"

namespace headpond::worker {

// One WriteBlock call (compat/behaviour.md section 8): a command opens the target, chunks fill it,
// commands with `flush` are answered with the position, half-close finishes it, cancellation aborts
// it. A block is committed at the master before the call ends; an under-store file's content hash
// is the one message of its answer.
//
// At most kMaxQueued messages wait for the disk; then the stream is not read on, and HTTP/2 stops
// the client. While an answer has not been taken nothing further is done. A client that stands
// still for long while others get no room for their blocks is cut off (deps.writers). Deletes
// itself when the call is over.
class WriteStream final : public ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer> {
 public:
  static constexpr size_t kMaxQueued = 8;  // alluxio.worker.network.writer.buffer.size.messages

  // `abort` ends the call at once. `cancelled` says whether the call was; asked until the call is
  // over.
  WriteStream(const BlockServiceDeps& deps, net::CallAborter abort, std::function<bool()> cancelled,
              Status authenticated, bool local_socket);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // One pass of the worker thread over what is queued.
  void Drain();
  Status Handle(net::WriteMessage message);
  Status Obey(net::WriteMessage message);
  Status HandleCommand(const ::alluxio::grpc::block::WriteRequestCommand& command);
  void FinishTarget();
  void Answer(int64_t offset, const std::string& content_hash, bool last) EXCLUDES(mutex_);
  void End(const Status& status) EXCLUDES(mutex_);
  void StartDraining() REQUIRES(mutex_);
  void Release() EXCLUDES(mutex_);

  const BlockServiceDeps& deps_;
  const ActiveCall active_{deps_.active.writes};
  const std::function<bool()> call_cancelled_;
  const bool local_socket_;
  ::grpc::ByteBuffer in_;
  std::unique_ptr<WriteTarget> target_;  // used by one Drain at a time

  Mutex mutex_;
  std::deque<::grpc::ByteBuffer> queue_ GUARDED_BY(mutex_);
  bool reading_ GUARDED_BY(mutex_) = false;
  bool half_closed_ GUARDED_BY(mutex_) = false;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  bool draining_ GUARDED_BY(mutex_) = false;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  ::grpc::ByteBuffer out_ GUARDED_BY(mutex_);
  int references_ GUARDED_BY(mutex_) = 1;  // the call's, and a Drain's
  std::unique_ptr<net::StallWatch::Stream> watched_ GUARDED_BY(mutex_);  // until OnDone
};

}  // namespace headpond::worker
