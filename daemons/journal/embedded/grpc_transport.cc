#include "journal/embedded/grpc_transport.h"

#include <grpcpp/grpcpp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "base/executor.h"
#include "base/host_port.h"
#include "base/log.h"
#include "base/mutex.h"
#include "io/crc32c.h"
#include "journal/embedded/quorum_calls.h"
#include "net/grpc_status.h"
#include "proto/quorum.grpc.pb.h"

namespace headpond::journal {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
// Snapshots that are sent at a time; a file read of each may wait.
constexpr int kSnapshotThreads = 2;
constexpr size_t kSnapshotQueue = 64;

// The messages of one peer.
class Incoming final : public ::grpc::ServerReadReactor<quorum::QuorumMessage> {
 public:
  explicit Incoming(consensus::Receiver& receiver) : receiver_(receiver) { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(::grpc::Status::OK);
    receiver_.OnMessage(std::move(*message_.mutable_raft()));
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  consensus::Receiver& receiver_;
  quorum::QuorumMessage message_;
};

template <typename Reactor>
class Refused final : public Reactor {
 public:
  explicit Refused(const Status& status) { this->Finish(net::ToGrpc(status)); }
  void OnDone() override { delete this; }
};

// One snapshot on its way to a peer.
class Outgoing final : public ::grpc::ServerWriteReactor<quorum::SnapshotChunk> {
 public:
  Outgoing(std::unique_ptr<io::RandomAccessFile> file, Executor& executor)
      : file_(std::move(file)), executor_(executor) {
    Next();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(::grpc::Status(::grpc::StatusCode::CANCELLED, "the peer went away"));
    if (chunk_.end()) return Finish(::grpc::Status::OK);
    Next();
  }
  void OnDone() override { delete this; }

 private:
  // Reading may block, so it is not done here.
  void Next() {
    const Status submitted = executor_.Submit([this] { WriteNext(); });
    if (!submitted.ok()) Finish(net::ToGrpc(submitted));
  }
  void WriteNext() {
    std::string data(kChunkBytes, '\0');
    const auto read = file_->ReadAt(offset_, data.size(), data.data());
    if (!read.ok()) return Finish(net::ToGrpc(read.status()));
    data.resize(*read);
    chunk_.set_offset(static_cast<uint64_t>(offset_));
    chunk_.set_crc32c(io::Crc32c(data));
    chunk_.set_end(data.empty());
    offset_ += static_cast<int64_t>(data.size());
    chunk_.set_data(std::move(data));
    StartWrite(&chunk_);
  }

  const std::unique_ptr<io::RandomAccessFile> file_;
  Executor& executor_;
  int64_t offset_ = 0;
  quorum::SnapshotChunk chunk_;
};

QuorumCredentials CredentialsOf(const GrpcTransportOptions& options) {
  return {.cluster_id = options.cluster_id, .security = options.security};
}

class Service final : public quorum::Quorum::CallbackService {
 public:
  Service(const GrpcTransportOptions& options, const QuorumMember& member,
          consensus::Receiver& receiver, Executor& executor)
      : credentials_(CredentialsOf(options)),
        member_(member),
        receiver_(receiver),
        executor_(executor) {}

  ::grpc::ServerReadReactor<quorum::QuorumMessage>* Send(::grpc::CallbackServerContext* context,
                                                         quorum::QuorumEnd*) override {
    if (const Status status = CheckCaller(*context, credentials_, false); !status.ok())
      return new Refused<::grpc::ServerReadReactor<quorum::QuorumMessage>>(status);
    return new Incoming(receiver_);
  }
  ::grpc::ServerWriteReactor<quorum::SnapshotChunk>* FetchSnapshot(
      ::grpc::CallbackServerContext* context, const quorum::SnapshotRequest* request) override {
    Status status = CheckCaller(*context, credentials_, false);
    if (status.ok()) {
      auto file = receiver_.OpenSnapshot(request->index());
      if (file.ok()) return new Outgoing(*std::move(file), executor_);
      status = file.status();
    }
    return new Refused<::grpc::ServerWriteReactor<quorum::SnapshotChunk>>(status);
  }

  ::grpc::ServerUnaryReactor* Describe(::grpc::CallbackServerContext* context,
                                       const quorum::DescribeRequest*,
                                       quorum::MasterDescription* response) override {
    auto* const reactor = context->DefaultReactor();
    Status status = CheckCaller(*context, credentials_, /*any_cluster=*/true);
    if (status.ok()) status = CheckNode();
    if (status.ok()) *response = ToProto(Description());
    reactor->Finish(net::ToGrpc(status));
    return reactor;
  }
  ::grpc::ServerUnaryReactor* Join(::grpc::CallbackServerContext* context,
                                   const quorum::JoinRequest* request,
                                   quorum::JoinResponse* response) override {
    auto* const reactor = context->DefaultReactor();
    Status status = CheckCaller(*context, credentials_, false);
    if (status.ok()) status = CheckNode();
    if (status.ok()) status = TakeJoinStep(*request, *response);
    reactor->Finish(net::ToGrpc(status));
    return reactor;
  }

 private:
  Status CheckNode() const {
    if (member_.node && member_.node() != nullptr) return member_.node()->status().failure;
    return Unavailable("this master is about to begin");
  }
  MasterDescription Description() const {
    const consensus::NodeStatus status = member_.node()->status();
    return {.id = status.id,
            .address = member_.address,
            .masters = member_.masters,
            .cluster_id = credentials_.cluster_id,
            .founders = member_.founders,
            .members = status.members,
            .leader = status.role.leader};
  }
  Status TakeJoinStep(const quorum::JoinRequest& request, quorum::JoinResponse& response) const {
    consensus::Consensus& node = *member_.node();
    const consensus::NodeStatus status = node.status();
    if (status.role.role != consensus::Role::kLeader)
      return Unavailable("this master does not lead");
    if (request.id() == 0 || !ParseHostPort(request.address()).ok())
      return InvalidArgument("node {} at '{}' can't join: an id is not 0, an address is host:port",
                             request.id(), request.address());
    const JoinStep step = NextJoinStep(status, request.id(), request.address());
    response.set_joined(step.kind == JoinStep::Kind::kJoined);
    // What becomes of it shows when the node asks again. To wait for that here would hold up the
    // end of this server, which comes before the node's.
    if (step.kind == JoinStep::Kind::kChange)
      node.ChangeMember(step.change, step.address, [](const Status&) {});
    return Status::Ok();
  }

  const QuorumCredentials credentials_;
  const QuorumMember& member_;
  consensus::Receiver& receiver_;
  Executor& executor_;
};

// The way to one peer. Its thread writes one message at a time; what can't be sent is dropped.
class Peer {
 public:
  Peer(uint64_t id, std::string address, const GrpcTransportOptions& options,
       consensus::Receiver& receiver)
      : id_(id),
        address_(std::move(address)),
        options_(options),
        receiver_(receiver),
        thread_([this] { Run(); }) {
    pthread_setname_np(thread_.native_handle(), "raft-send");
  }
  ~Peer() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
      changed_.NotifyAll();
    }
    thread_.join();
  }

  const std::string& address() const { return address_; }

  void Send(consensus::Message message) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (waiting_bytes_ + message.bytes.size() <= options_.max_waiting_bytes) {
        waiting_bytes_ += message.bytes.size();
        waiting_.push_back(std::move(message.bytes));
        changed_.NotifyAll();
        return;
      }
    }
    receiver_.OnUnreachable(id_);
  }

 private:
  void Run() {
    auto retry = options_.first_retry;
    const auto stub = quorum::Quorum::NewStub(
        QuorumChannel(address_, options_.security, /*own_connection=*/false));
    while (AwaitMessage()) {
      if (SendAll(*stub)) retry = options_.first_retry;
      Drop();
      const auto deadline = std::chrono::steady_clock::now() + retry;
      retry = std::min(retry * 2, options_.last_retry);
      MutexLock lock(mutex_);
      while (!stopping_ && changed_.WaitUntil(mutex_, deadline)) continue;
      if (stopping_) return;
    }
  }
  bool AwaitMessage() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (waiting_.empty() && !stopping_) changed_.Wait(mutex_);
    return !stopping_;
  }
  // Until the stream breaks; whether anything got through.
  bool SendAll(quorum::Quorum::Stub& stub) EXCLUDES(mutex_) {
    ::grpc::ClientContext context;
    Introduce(context, CredentialsOf(options_));
    {
      MutexLock lock(mutex_);
      if (stopping_) return false;
      context_ = &context;
    }
    quorum::QuorumEnd end;
    const auto stream = stub.Send(&context, &end);
    bool sent = false;
    quorum::QuorumMessage message;
    while (AwaitMessage()) {
      {
        MutexLock lock(mutex_);
        *message.mutable_raft() = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= message.raft().size();
      }
      if (!stream->Write(message)) break;
      sent = true;
    }
    {
      // A stream that broke has its own reason.
      MutexLock lock(mutex_);
      if (stopping_) context.TryCancel();
    }
    const ::grpc::Status status = stream->Finish();
    MutexLock lock(mutex_);
    context_ = nullptr;
    if (status.error_code() == ::grpc::StatusCode::PERMISSION_DENIED)
      LogWarn("journal", "the master at {} turned this one away: {}", address_,
              status.error_message());
    return sent;
  }
  void Drop() EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      waiting_.clear();
      waiting_bytes_ = 0;
    }
    receiver_.OnUnreachable(id_);
  }

  const uint64_t id_;
  const std::string address_;
  const GrpcTransportOptions& options_;
  consensus::Receiver& receiver_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> waiting_ GUARDED_BY(mutex_);
  size_t waiting_bytes_ GUARDED_BY(mutex_) = 0;
  ::grpc::ClientContext* context_ GUARDED_BY(mutex_) = nullptr;  // of the running stream
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

class GrpcTransportImpl final : public GrpcTransport {
 public:
  explicit GrpcTransportImpl(GrpcTransportOptions options)
      : options_(std::move(options)),
        executor_("raft-snapshot", kSnapshotThreads, kSnapshotQueue) {}
  ~GrpcTransportImpl() override { GrpcTransportImpl::Stop(); }

  int port() const override { return port_; }
  void Present(QuorumMember member) override { member_ = std::move(member); }
  void AddService(::grpc::Service& service) override { added_.push_back(&service); }

  Status Start(consensus::Receiver& receiver) override EXCLUDES(mutex_) {
    MutexLock lifecycle(lifecycle_mutex_);
    service_ = std::make_unique<Service>(options_, member_, receiver, executor_);
    server_ = std::make_unique<net::GrpcServer>(
        QuorumServer(options_.bind_host, options_.port, options_.security));
    server_->AddService(*service_);
    for (::grpc::Service* const added : added_) server_->AddService(*added);
    ASSIGN_OR_RETURN(port_, server_->Start());
    MutexLock lock(mutex_);
    receiver_ = &receiver;
    for (const auto& [id, address] : addresses_) Connect(id, address);
    return Status::Ok();
  }

  void Stop() override EXCLUDES(mutex_) {
    MutexLock lifecycle(lifecycle_mutex_);
    std::map<uint64_t, std::shared_ptr<Peer>> peers;
    {
      MutexLock lock(mutex_);
      receiver_ = nullptr;
      stopped_ = true;
      peers.swap(peers_);
      for (::grpc::ClientContext* fetch : fetches_) fetch->TryCancel();
    }
    peers.clear();
    if (server_ != nullptr) server_->Stop(std::chrono::milliseconds(0));
    executor_.Shutdown();
  }

  void SetPeer(uint64_t id, const std::string& address) override EXCLUDES(mutex_) {
    std::shared_ptr<Peer> old;  // ends without the lock
    MutexLock lock(mutex_);
    addresses_[id] = address;
    if (receiver_ == nullptr) return;
    if (const auto found = peers_.find(id); found != peers_.end()) {
      if (found->second->address() == address) return;
      old = std::move(found->second);
      peers_.erase(found);
    }
    Connect(id, address);
  }

  void Send(consensus::Message message) override EXCLUDES(mutex_) {
    std::shared_ptr<Peer> peer;
    {
      MutexLock lock(mutex_);
      const auto found = peers_.find(message.to);
      if (found == peers_.end()) return;
      peer = found->second;
    }
    peer->Send(std::move(message));
  }

  Status FetchSnapshot(uint64_t from, uint64_t index,
                       const std::function<Status(std::string_view)>& take) override
      EXCLUDES(mutex_) {
    ::grpc::ClientContext context;
    std::string address;
    {
      MutexLock lock(mutex_);
      if (stopped_) return Cancelled("the transport is stopped");
      const auto found = addresses_.find(from);
      if (found == addresses_.end())
        return Unavailable("the address of node {} is not known", from);
      address = found->second;
      fetches_.push_back(&context);
    }
    Introduce(context, CredentialsOf(options_));
    context.set_deadline(std::chrono::system_clock::now() + options_.snapshot_timeout);
    // Its bulk must not stand in the way of messages.
    const auto stub =
        quorum::Quorum::NewStub(QuorumChannel(address, options_.security, /*own_connection=*/true));
    quorum::SnapshotRequest request;
    request.set_index(index);
    const auto stream = stub->FetchSnapshot(&context, request);
    const auto [taken, ended] = TakeChunks(*stream, take);
    if (!ended) context.TryCancel();
    const Status status = net::FromGrpc(stream->Finish());
    {
      MutexLock lock(mutex_);
      fetches_.erase(std::find(fetches_.begin(), fetches_.end(), &context));
    }
    return ended && !status.ok() ? status : taken;
  }

 private:
  struct Taken {
    Status status;       // OK when the whole file was taken
    bool ended = false;  // by the peer, so that its status says more
  };
  static Taken TakeChunks(::grpc::ClientReader<quorum::SnapshotChunk>& stream,
                          const std::function<Status(std::string_view)>& take) {
    uint64_t expected = 0;
    quorum::SnapshotChunk chunk;
    while (stream.Read(&chunk)) {
      if (chunk.offset() != expected || chunk.crc32c() != io::Crc32c(chunk.data()))
        return {DataLoss("a part of a snapshot was damaged on its way, at offset {}", expected)};
      if (chunk.end()) return {};
      expected += chunk.data().size();
      if (Status status = take(chunk.data()); !status.ok()) return {std::move(status)};
    }
    return {Unavailable("the snapshot ended at offset {}", expected), true};
  }
  void Connect(uint64_t id, const std::string& address) REQUIRES(mutex_) {
    peers_[id] = std::make_shared<Peer>(id, address, options_, *receiver_);
  }

  const GrpcTransportOptions options_;
  QuorumMember member_;
  std::vector<::grpc::Service*> added_;
  ThreadPool executor_;
  Mutex lifecycle_mutex_;  // Start and Stop
  std::unique_ptr<Service> service_;
  std::unique_ptr<net::GrpcServer> server_;
  std::atomic<int> port_{0};
  Mutex mutex_;
  consensus::Receiver* receiver_ GUARDED_BY(mutex_) = nullptr;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::map<uint64_t, std::string> addresses_ GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<Peer>> peers_ GUARDED_BY(mutex_);
  std::vector<::grpc::ClientContext*> fetches_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<GrpcTransport> MakeGrpcTransport(GrpcTransportOptions options) {
  return std::make_unique<GrpcTransportImpl>(std::move(options));
}

}  // namespace headpond::journal
