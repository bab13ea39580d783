#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string_view>

#include "base/status.h"

namespace headpond::net {

// Says what is wrong where gRPC answers a bare UNIMPLEMENTED, which 2.9 clients repeat for two
// minutes: INVALID_ARGUMENT for a request that can't be parsed, naming its type and the fields that
// it must have; for a method without a handler, which. Only for methods that take one request;
// streams parse theirs with ParseMessage (raw_message.h).
std::unique_ptr<::grpc::experimental::ServerInterceptorFactoryInterface> MakeRequestGuard();

// The answer to a request of `method` ("/package.Service/Method") that can't be parsed.
Status MalformedRequest(std::string_view method);

}  // namespace headpond::net
