// What moving block data costs: a server in a child process, a client here, over loopback or a
// domain socket, with the settings every server and channel of ours has.
//
//   net_block_stream_bench [tcp|unix] [GiB] [chunk KiB] [client stream window KiB]
//
// Prints the rate and the CPU seconds per GiB of each side; the latter hardly depend on what else
// the machine does.

#include <fmt/core.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/block_framing.h"
#include "net/channel.h"
#include "net/memory.h"
#include "net/raw_stream.h"
#include "net/server.h"
#include "proto/block_worker.grpc.pb.h"

namespace headpond::net {
namespace {

using ::alluxio::grpc::block::BlockWorker;
using ::alluxio::grpc::block::ReadRequest;
using ::alluxio::grpc::block::WriteRequestCommand;
using RawReactor = ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>;

constexpr size_t kMemoryBytes = 64u << 20;  // served again and again

// Sends as many bytes as the request asks for.
class Reader final : public RawReactor {
 public:
  explicit Reader(const std::shared_ptr<const std::string>& memory) : memory_(memory) {
    StartRead(&message_);
  }
  void OnReadDone(bool ok) override {
    ::grpc::Slice bytes;
    if (!ok || !message_.DumpToSingleSlice(&bytes).ok() ||
        !request_.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size()))) {
      return Finish(::grpc::Status::CANCELLED);
    }
    Send();
  }
  void OnWriteDone(bool ok) override { ok ? Send() : Finish(::grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void Send() {
    const int64_t left = request_.length() - sent_;
    if (left == 0) return Finish(::grpc::Status::OK);
    const auto size = static_cast<size_t>(std::min(left, request_.chunk_size()));
    const size_t at = static_cast<size_t>(sent_) % (kMemoryBytes - size);
    const ::grpc::Slice data = SliceOf(memory_, memory_->data() + at, size);
    message_ = FrameReadResponse({&data, 1});
    sent_ += static_cast<int64_t>(size);
    StartWrite(&message_);
  }

  const std::shared_ptr<const std::string> memory_;
  ::grpc::ByteBuffer message_;
  ReadRequest request_;
  int64_t sent_ = 0;
};

// Takes all bytes that come.
class Writer final : public RawReactor {
 public:
  Writer() { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(::grpc::Status::OK);
    if (!ParseWriteRequest(message_).ok()) return Finish(::grpc::Status::CANCELLED);
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  ::grpc::ByteBuffer message_;
};

class Worker final : public BlockWorker::WithRawCallbackMethod_ReadBlock<
                         BlockWorker::WithRawCallbackMethod_WriteBlock<BlockWorker::Service>> {
 public:
  RawReactor* ReadBlock(::grpc::CallbackServerContext*) override { return new Reader(memory_); }
  RawReactor* WriteBlock(::grpc::CallbackServerContext*) override { return new Writer(); }

 private:
  const std::shared_ptr<const std::string> memory_ =
      std::make_shared<const std::string>(kMemoryBytes, 'x');
};

double CpuSeconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Serves until the parent closes `control`; answers with the port on `reply`.
[[noreturn]] void Serve(const std::string& socket_path, int control, int reply) {
  Worker worker;
  GrpcServer server({.bind_host = "127.0.0.1", .unix_socket_path = socket_path});
  server.AddService(worker);
  const int port = server.Start().value_or(0);
  char done = 0;
  if (write(reply, &port, sizeof port) != sizeof port || read(control, &done, 1) < 0) _exit(1);
  server.Stop();
  _exit(0);
}

uint64_t ReadAll(RawStream& stream) {
  uint64_t received = 0;
  for (::grpc::ByteBuffer message; stream.Read(&message);) {
    const auto chunk = ParseReadResponse(message);
    if (!chunk.ok()) break;
    received += chunk->size;
  }
  return received;
}

int Run(bool over_unix, int64_t bytes, int64_t chunk_bytes, size_t window_bytes, bool reading) {
  const std::string socket_path =
      over_unix ? fmt::format("/tmp/headpond-bench-{}.sock", getpid()) : "";
  int control[2], reply[2];
  if (pipe(control) != 0 || pipe(reply) != 0) return 1;
  const pid_t child = fork();  // before this process has used gRPC
  if (child == 0) {
    close(control[1]);
    Serve(socket_path, control[0], reply[1]);
  }
  close(control[0]);
  int port = 0;
  if (read(reply[0], &port, sizeof port) != sizeof port || port == 0) return 1;

  const double cpu_before = CpuSeconds(RUSAGE_SELF);
  const auto start = std::chrono::steady_clock::now();
  const auto channel = MakeChannel({
      .target = over_unix ? "unix:" + socket_path : fmt::format("127.0.0.1:{}", port),
      .stream_window_bytes = window_bytes,
  });
  ::grpc::ClientContext context;
  bool ok = false;
  if (reading) {
    ReadRequest request;
    request.set_length(bytes);
    request.set_chunk_size(chunk_bytes);
    const ::grpc::Slice slice(request.SerializeAsString());
    const auto stream = OpenRawStream(channel, kReadBlockMethod, context);
    stream->Write(::grpc::ByteBuffer(&slice, 1));
    const uint64_t received = ReadAll(*stream);
    ok = stream->Finish().ok() && received == static_cast<uint64_t>(bytes);
  } else {
    const auto memory = std::make_shared<const std::string>(chunk_bytes, 'x');
    const auto stream = OpenRawStream(channel, kWriteBlockMethod, context);
    ok = stream->Write(FrameWriteCommand(WriteRequestCommand()));
    for (int64_t sent = 0; ok && sent < bytes; sent += chunk_bytes) {
      const ::grpc::Slice data = SliceOf(memory, memory->data(), memory->size());
      ok = stream->Write(FrameWriteChunk({&data, 1}));
    }
    stream->WritesDone();
    ok = stream->Finish().ok() && ok;
  }
  const double seconds = SecondsSince(start);
  const double client_cpu = CpuSeconds(RUSAGE_SELF) - cpu_before;
  close(control[1]);
  waitpid(child, nullptr, 0);
  const double gib = static_cast<double>(bytes) / (1 << 30);
  fmt::print("{:5} {:5} {:6.0f} MiB/s, CPU s/GiB: server {:.3f}, client {:.3f}{}\n",
             reading ? "read" : "write", over_unix ? "unix" : "tcp", gib * 1024 / seconds,
             CpuSeconds(RUSAGE_CHILDREN) / gib, client_cpu / gib, ok ? "" : "  FAILED");
  std::fflush(stdout);  // this process ends with _exit
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace headpond::net

int main(int argc, char** argv) {
  headpond::net::TuneMallocForMessages();
  const auto argument = [&](int i, int64_t otherwise) {
    return argc > i ? std::strtoll(argv[i], nullptr, 10) : otherwise;
  };
  const bool over_unix = argc > 1 && std::string(argv[1]) == "unix";
  const int64_t bytes = argument(2, 4) << 30;
  const int64_t chunk_bytes = argument(3, 1024) << 10;
  const auto window_bytes = static_cast<size_t>(argument(4, 4096) << 10);
  // Each direction in a process of its own, since gRPC does not survive a fork.
  for (const bool reading : {true, false}) {
    const pid_t child = fork();
    if (child == 0) {
      _exit(headpond::net::Run(over_unix, bytes, chunk_bytes, window_bytes, reading));
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  return 0;
}
