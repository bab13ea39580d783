#include "client/scripted_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <utility>

#include "net/grpc_status.h"

namespace headpond::client {
namespace {

std::string ToString(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!bytes.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

class UnaryScript final : public ScriptedServer::Script {
 public:
  explicit UnaryScript(std::function<Result<std::string>(const std::string&)> handler)
      : handler_(std::move(handler)) {}
  ScriptedServer::Reply OnMessage(const std::string& message) override {
    Result<std::string> answer = handler_(message);
    if (!answer.ok()) return {{}, answer.status()};
    return {{*std::move(answer)}, Status::Ok()};
  }

 private:
  const std::function<Result<std::string>(const std::string&)> handler_;
};

}  // namespace

// Runs one call: reads a message, writes what the script answers, reads the next.
class ScriptedServer::Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor(ScriptedServer& server, grpc::GenericCallbackServerContext& context,
          std::unique_ptr<Script> script)
      : server_(server), context_(context), method_(context.method()), script_(std::move(script)) {
    if (script_) {
      Take(script_->OnOpen());
    } else {
      finish_ = Unimplemented("no script for {}", method_);
    }
    Continue();
  }

  void OnReadDone(bool ok) override {
    if (!ok && context_.IsCancelled()) {
      finish_ = Cancelled("cancelled by the client");
    } else if (!ok && script_->FallsSilent()) {
      silent_ = true;
      if (!context_.IsCancelled() || !silent_.exchange(false)) return;
      finish_ = Cancelled("cancelled by the client");
    } else if (!ok) {
      Take(script_->OnHalfClose());
      if (!finish_) finish_ = Status::Ok();
    } else {
      const std::string message = ToString(incoming_);
      if (std::exchange(first_, false)) {
        MutexLock lock(server_.mutex_);
        server_.requests_[method_].push_back(message);
      }
      Take(script_->OnMessage(message));
    }
    Continue();
  }

  void OnWriteDone(bool) override { Continue(); }
  void OnCancel() override {
    if (script_) script_->OnCancel();
    if (silent_.exchange(false)) Finish(net::ToGrpc(Cancelled("cancelled by the client")));
  }
  void OnDone() override { delete this; }

 private:
  void Take(Reply reply) {
    for (std::string& message : reply.messages) outgoing_.push_back(std::move(message));
    if (reply.finish) finish_ = std::move(reply.finish);
  }

  void Continue() {
    if (!outgoing_.empty()) {
      const grpc::Slice slice(outgoing_.front());
      outgoing_.pop_front();
      sending_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&sending_);
    } else if (finish_) {
      Finish(net::ToGrpc(*finish_));
    } else {
      StartRead(&incoming_);
    }
  }

  ScriptedServer& server_;
  grpc::GenericCallbackServerContext& context_;
  const std::string method_;
  const std::unique_ptr<Script> script_;
  grpc::ByteBuffer incoming_, sending_;
  std::deque<std::string> outgoing_;
  std::optional<Status> finish_;
  bool first_ = true;
  std::atomic<bool> silent_ = false;  // waits to be cancelled
};

class ScriptedServer::Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(ScriptedServer& server) : server_(server) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    std::unique_ptr<Script> script;
    {
      MutexLock lock(server_.mutex_);
      const auto found = server_.scripts_.find(context->method());
      if (found != server_.scripts_.end()) script = found->second();
    }
    return new Reactor(server_, *context, std::move(script));
  }

 private:
  ScriptedServer& server_;
};

struct ScriptedServer::Running {
  explicit Running(ScriptedServer& server) : service(server) {}
  Service service;
  std::unique_ptr<grpc::Server> server;
};

ScriptedServer::ScriptedServer() : running_(std::make_unique<Running>(*this)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterCallbackGenericService(&running_->service);
  builder.SetMaxReceiveMessageSize(-1);
  running_->server = builder.BuildAndStart();
}

ScriptedServer::~ScriptedServer() {
  Stop();
}

void ScriptedServer::Stop() {
  if (!running_) return;
  running_->server->Shutdown(std::chrono::system_clock::now());
  running_->server->Wait();
  running_.reset();
}

void ScriptedServer::On(const std::string& method, ScriptMaker maker) {
  MutexLock lock(mutex_);
  scripts_[method] = std::move(maker);
}

void ScriptedServer::OnUnary(const std::string& method,
                             std::function<Result<std::string>(const std::string&)> handler) {
  On(method, [handler = std::move(handler)] { return std::make_unique<UnaryScript>(handler); });
}

std::vector<std::string> ScriptedServer::Requests(const std::string& method) const {
  MutexLock lock(mutex_);
  const auto found = requests_.find(method);
  return found == requests_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace headpond::client
