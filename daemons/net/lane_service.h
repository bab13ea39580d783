#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/auth.h"
#include "net/request_guard.h"
#include "net/stall_watch.h"

// The server's side of lanes (net/lane.h). Only service .cc files and composition roots include
// this.
namespace headpond::net {

// One call that came over a lane. To a handler it is the context of an ordinary unary call, but for
// two things: the lane's context knows who calls, and the call ends with Finish instead of a
// reactor's.
class LaneCall : public ::grpc::CallbackServerContext {
 public:
  // Takes what calls end with. Thread safe; its calls keep it alive.
  class Replies {
   public:
    virtual ~Replies() = default;
    // `held` is let go when the reply has been sent, or dropped.
    virtual void Reply(uint64_t id, const Status& status, std::string response,
                       std::shared_ptr<const void> held) = 0;
    void Reply(uint64_t id, const Status& status, std::string response = "") {
      Reply(id, status, std::move(response), nullptr);
    }
  };
  // Where a call came from, and where its reply goes. The lane's context may be looked at only
  // while the call is being started.
  struct Origin {
    const ::grpc::CallbackServerContext& lane;
    std::shared_ptr<Replies> replies;
    uint64_t id = 0;
  };

  // What `context` is; null when the call has a stream of its own.
  static LaneCall* Of(::grpc::CallbackServerContext& context) {
    return dynamic_cast<LaneCall*>(&context);
  }
  // The context that knows who makes the call of `context`.
  static const ::grpc::CallbackServerContext& StreamOf(
      const ::grpc::CallbackServerContext& context) {
    const auto* const call = dynamic_cast<const LaneCall*>(&context);
    return call != nullptr ? call->origin_.lane : context;
  }

  // Ends the call and destroys it, with its request and response. Once, from any thread.
  void Finish(const Status& status);

 protected:
  explicit LaneCall(Origin origin) : origin_(std::move(origin)) {}
  // The bytes of the response, when the handler is done with it.
  virtual std::string ResponseBytes() const = 0;

 private:
  const Origin origin_;
};

// The methods that can be called over the lanes of a server: the handlers of its ordinary services.
// Filled before the server starts.
class LaneMethods {
 public:
  // Begins a call, which ends sooner or later with one reply. Must not block, and may use `request`
  // only until it returns.
  using Start = std::function<void(LaneCall::Origin origin, std::string_view request)>;

  // `name` is "/package.Service/Method".
  void Add(std::string name, Start start) {
    names_.push_back(std::move(name));
    starts_.push_back(std::move(start));
  }

  // The unary handler `method` of `service`, which must outlive the server. Requests that can't be
  // parsed are answered as the request guard answers them.
  template <typename Service, typename Request, typename Response>
  void Add(const std::string& name, Service& service,
           ::grpc::ServerUnaryReactor* (Service::*method)(::grpc::CallbackServerContext*,
                                                          const Request*, Response*)) {
    Add(name, [name, &service, method](LaneCall::Origin origin, std::string_view bytes) {
      auto* const call = new UnaryCall<Request, Response>(std::move(origin));
      if (!call->request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return call->Finish(MalformedRequest(name));
      (service.*method)(call, &call->request, &call->response);
    });
  }

  const std::vector<std::string>& names() const { return names_; }
  // By the position of its name; null when there is none.
  const Start* Find(size_t index) const {
    return index < starts_.size() ? &starts_[index] : nullptr;
  }

 private:
  template <typename Request, typename Response>
  class UnaryCall final : public LaneCall {
   public:
    explicit UnaryCall(Origin origin) : LaneCall(std::move(origin)) {}
    Request request;
    Response response;

   private:
    std::string ResponseBytes() const override { return response.SerializeAsString(); }
  };

  std::vector<std::string> names_;
  std::vector<Start> starts_;
};

// Serves lanes. Thread safe.
//
//   client                            server
//   opens the stream ───────────────>
//                    <─────────────── the names of the methods
//   {call, call, call} ─────────────> starts each as it would a unary call
//                    <─────────────── {reply, reply}, in the order in which they end
//   half-closes ────────────────────> ends the stream after the last reply
//
// A lane is read only while fewer than kMaxLaneCallsInFlight of its calls lack a reply that the
// transport has taken; HTTP/2's flow control holds the client back then. Messages that are
// malformed or too large end the lane with INVALID_ARGUMENT.
class LaneService {
 public:
  // `authenticator` must outlive this; each method authenticates its calls by itself too. `readers`
  // too, if there is one: it ends lanes whose clients do not take replies that hold something.
  LaneService(const Authenticator& authenticator, LaneMethods methods,
              StallWatch* readers = nullptr);
  // The server that serves it must be gone.
  ~LaneService();

  ::grpc::Service& service();
  // What `service` does with a new stream; for tests without a server. `abort` ends the call; a
  // lane without it is not watched.
  ::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>* Open(
      ::grpc::CallbackServerContext* context, CallAborter abort = nullptr);

  // Takes no more calls from lanes and ends each with `status` when the last of its calls has been
  // answered. Lanes that come later end at once.
  void CloseAll(const Status& status);

  size_t open_lanes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headpond::net
