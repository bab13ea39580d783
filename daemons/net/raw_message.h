#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include "base/result.h"

namespace headpond::net {

// For streams that read bytes and parse them themselves. gRPC's own reader shows a message that it
// can't parse as the end of the stream, and what half-closing commits (a block, a registration)
// would be committed with a part missing.

// Errors: InvalidArgument that names the message, and its required fields if it lacks some.
Status ParseMessage(const ::grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);
::grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message);

}  // namespace headpond::net
