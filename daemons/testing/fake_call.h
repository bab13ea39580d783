#pragma once

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/executor.h"
#include "base/mutex.h"
#include "testing/eventually.h"
#include "testing/status_matchers.h"

// Streams driven through gRPC's own mocking interface: no server, no socket and none of gRPC's
// threads take part, so TSan sees everything.
namespace headpond {

// Both ends of one streamed call but the reactor: what gRPC does for a server, and a client. A
// message of the server counts as sent when the client takes it, as if the connection's window held
// one. Reactions run on two threads, as gRPC runs those of reads and writes side by side. Thread
// safe.
template <typename Request, typename Response>
class FakeCall final : public ::grpc::ServerCallbackReaderWriter<Request, Response> {
 public:
  using Reactor = ::grpc::ServerBidiReactor<Request, Response>;

  ~FakeCall() override { threads_.Shutdown(); }

  void Start(Reactor* reactor) EXCLUDES(mutex_) {
    reactor_ = reactor;
    {
      MutexLock lock(mutex_);
      ++reactions_;  // as gRPC does: no call ends before its reactor is bound
    }
    this->BindReactor(reactor);
    MutexLock lock(mutex_);
    --reactions_;
    React([] {});
  }

  // The client's side.
  void Send(Request message) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    sent_.push_back(std::move(message));
    GiveRead();
  }
  void HalfClose() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    half_closed_ = true;
    GiveRead();
  }
  void Cancel() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (cancelled_ || ended_) return;
    cancelled_ = true;
    React([this] { reactor_->OnCancel(); });
    GiveRead();
    if (writing_) EndWrite(false);
  }
  // The next message; nullopt when the call ended without one.
  std::optional<Response> Receive() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
    while (!writing_ && !ended_)
      if (!changed_.WaitUntil(mutex_, deadline)) {
        ADD_FAILURE() << "the server neither sent anything nor ended the call";
        return std::nullopt;
      }
    if (!writing_) return std::nullopt;
    std::optional<Response> message(*writing_);
    EndWrite(true);
    return message;
  }
  // Whether Receive would not have to wait.
  bool ready() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return writing_ != nullptr || ended_;
  }
  // Waits for the end; messages not received yet are dropped.
  ::grpc::Status AwaitEnd() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
    while (!done_) {
      if (writing_) EndWrite(true);
      if (!changed_.WaitUntil(mutex_, deadline)) {
        ADD_FAILURE() << "the server did not end the call";
        return {::grpc::StatusCode::DEADLINE_EXCEEDED, "the server did not end the call"};
      }
    }
    return status_;
  }

  bool cancelled() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return cancelled_;
  }
  // Messages that the server has taken.
  size_t taken() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return taken_;
  }

  // gRPC's side.
  void SendInitialMetadata() override {}
  void Read(Request* message) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    EXPECT_EQ(reading_, nullptr) << "two reads at once";
    reading_ = message;
    GiveRead();
  }
  void Write(const Response* message, ::grpc::WriteOptions) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    BeginWrite(message);
  }
  void WriteAndFinish(const Response* message, ::grpc::WriteOptions, ::grpc::Status status) override
      EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    status_after_write_ = std::move(status);
    BeginWrite(message);
  }
  void Finish(::grpc::Status status) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    End(std::move(status));
  }

 private:
  ::grpc::internal::ServerReactor* reactor() override { return reactor_; }
  void CallOnDone() override {}

  void GiveRead() REQUIRES(mutex_) {
    if (reading_ == nullptr) return;
    const bool over = cancelled_ || ended_;
    const bool ok = !over && !sent_.empty();
    if (!ok && !over && !half_closed_) return;
    if (ok) {
      *reading_ = std::move(sent_.front());
      sent_.pop_front();
      ++taken_;
    }
    reading_ = nullptr;
    React([this, ok] { reactor_->OnReadDone(ok); });
  }

  void BeginWrite(const Response* message) REQUIRES(mutex_) {
    EXPECT_EQ(writing_, nullptr) << "two writes at once";
    writing_ = message;
    changed_.NotifyAll();
    if (cancelled_) EndWrite(false);
  }
  void EndWrite(bool ok) REQUIRES(mutex_) {
    writing_ = nullptr;
    if (status_after_write_)
      End(*status_after_write_);
    else
      React([this, ok] { reactor_->OnWriteDone(ok); });
  }

  void End(::grpc::Status status) REQUIRES(mutex_) {
    EXPECT_FALSE(ended_) << "finished twice";
    ended_ = true;
    status_ = std::move(status);
    GiveRead();
    React([] {});  // the last reaction to return ends the call
    changed_.NotifyAll();
  }

  void React(std::function<void()> reaction) REQUIRES(mutex_) {
    ++reactions_;
    EXPECT_OK(threads_.Submit([this, reaction = std::move(reaction)] {
      reaction();
      if (!IsLastReaction()) return;
      reactor_->OnDone();
      MutexLock lock(mutex_);
      done_ = true;
      changed_.NotifyAll();
    }));
  }
  bool IsLastReaction() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return --reactions_ == 0 && ended_ && writing_ == nullptr;
  }

  Reactor* reactor_ = nullptr;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Request> sent_ GUARDED_BY(mutex_);
  size_t taken_ GUARDED_BY(mutex_) = 0;
  bool half_closed_ GUARDED_BY(mutex_) = false;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  Request* reading_ GUARDED_BY(mutex_) = nullptr;
  const Response* writing_ GUARDED_BY(mutex_) = nullptr;
  std::optional<::grpc::Status> status_after_write_ GUARDED_BY(mutex_);
  ::grpc::Status status_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  bool done_ GUARDED_BY(mutex_) = false;
  int reactions_ GUARDED_BY(mutex_) = 0;
  ThreadPool threads_{"reactions", 2, 1000};
};

// A gRPC status as ours, for StatusIs.
inline Status FromGrpc(const ::grpc::Status& status) {
  return Status(static_cast<Code>(status.error_code()), status.error_message());
}

}  // namespace headpond
