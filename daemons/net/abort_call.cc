#include "net/abort_call.h"

#include <grpc/grpc.h>
#include <grpcpp/server_context.h>

#include <memory>

#include "net/grpc_status.h"

namespace headpond::net {

CallAborter AborterOf(::grpc::CallbackServerContext& context) {
  grpc_call* const call = context.c_call();
  grpc_call_ref(call);
  return [held = std::shared_ptr<grpc_call>(call, grpc_call_unref)](const Status& status) {
    const ::grpc::Status told = ToGrpc(status);
    grpc_call_cancel_with_status(held.get(), static_cast<grpc_status_code>(told.error_code()),
                                 told.error_message().c_str(), nullptr);
  };
}

}  // namespace headpond::net
