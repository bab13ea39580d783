#include "client/worker_connections.h"

#include <grpcpp/support/byte_buffer.h>
#include <sys/stat.h>

#include <algorithm>

#include "client/grpc_connection.h"
#include "net/lane.h"

namespace headpond::client {
namespace {

bool IsSocket(const std::string& path) {
  struct stat info {};
  return !path.empty() && stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

std::string RpcTarget(const WorkerAddress& worker) {
  return worker.connect_host() + ":" + std::to_string(worker.rpc_port);
}

}  // namespace

// Holds its connection: the number of holders is how busy a connection is.
class WorkerConnections::LeasedStream final : public ByteStream {
 public:
  LeasedStream(std::shared_ptr<Connection> connection, std::unique_ptr<ByteStream> stream)
      : connection_(std::move(connection)), stream_(std::move(stream)) {}

  Result<bool> Write(const grpc::ByteBuffer& message, Millis timeout) override {
    return stream_->Write(message, timeout);
  }
  bool CanWrite() override { return stream_->CanWrite(); }
  Result<bool> WritesDone(Millis timeout) override { return stream_->WritesDone(timeout); }
  Result<std::optional<grpc::ByteBuffer>> Read(Millis timeout) override {
    return stream_->Read(timeout);
  }
  Status Finish(Millis timeout) override { return stream_->Finish(timeout); }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::shared_ptr<Connection> connection_;
  const std::unique_ptr<ByteStream> stream_;  // destroyed first
};

std::string DataTarget(const WorkerAddress& worker) {
  if (IsSocket(worker.domain_socket_path)) return "unix:" + worker.domain_socket_path;
  return worker.connect_host() + ":" +
         std::to_string(worker.data_port > 0 ? worker.data_port : worker.rpc_port);
}

std::shared_ptr<Connection> WorkerConnections::LeaseData(const std::string& target) {
  MutexLock lock(mutex_);
  auto& data = workers_[target].data;
  const auto idlest = std::ranges::min_element(
      data, {}, [](const auto& connection) { return connection.use_count(); });
  const bool busy = idlest == data.end() || idlest->use_count() > 1;
  if (!busy || data.size() >= options_.max_data_connections) return *idlest;
  net::ChannelOptions channel = options_.data;
  channel.target = target;
  return data.emplace_back(MakeConnection(channel));
}

Result<std::unique_ptr<ByteStream>> WorkerConnections::OpenStream(const WorkerAddress& worker,
                                                                  const char* method) {
  std::shared_ptr<Connection> connection = LeaseData(DataTarget(worker));
  ASSIGN_OR_RETURN(auto stream, connection->OpenStream(method));
  return std::unique_ptr<ByteStream>(
      std::make_unique<LeasedStream>(std::move(connection), std::move(stream)));
}

Status WorkerConnections::Unary(const WorkerAddress& worker, const char* method,
                                const google::protobuf::MessageLite& request,
                                google::protobuf::MessageLite& response, Millis timeout) {
  std::shared_ptr<Connection> connection;
  {
    MutexLock lock(mutex_);
    Worker& entry = workers_[RpcTarget(worker)];
    if (!entry.rpc) {
      net::ChannelOptions channel = options_.rpc;
      channel.target = RpcTarget(worker);
      entry.rpc = MakeConnection(channel);
    }
    connection = entry.rpc;
  }
  return connection->Unary(method, request, response, timeout);
}

std::optional<Result<std::string>> WorkerConnections::ReadRange(
    const WorkerAddress& worker, const google::protobuf::MessageLite& request, Millis timeout) {
  const std::string target = DataTarget(worker);
  std::shared_ptr<Connection> connection;
  {
    MutexLock lock(mutex_);
    auto& lane = workers_[target].lane;
    if (!lane) {
      net::ChannelOptions channel = options_.data;
      channel.target = target;
      lane = MakeConnection(channel);
    }
    connection = lane;
  }
  return connection->LaneCall(net::kReadRangeMethod, request, timeout);
}

void WorkerConnections::MarkUnreadable(const WorkerAddress& worker) {
  MutexLock lock(mutex_);
  unreadable_.insert(RpcTarget(worker));
}

bool WorkerConnections::IsUnreadable(const WorkerAddress& worker) const {
  MutexLock lock(mutex_);
  return unreadable_.contains(RpcTarget(worker));
}

}  // namespace headpond::client
