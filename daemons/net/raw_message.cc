#include "net/raw_message.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

namespace headpond::net {

Status ParseMessage(const ::grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  ::grpc::ByteBuffer copy = bytes;  // shares the slices
  ::grpc::ProtoBufferReader reader(&copy);
  if (!reader.status().ok() || !message.ParsePartialFromZeroCopyStream(&reader))
    return InvalidArgument("malformed {} of {} bytes", message.GetTypeName(), bytes.Length());
  if (!message.IsInitialized())
    return InvalidArgument("{} lacks {}", message.GetTypeName(),
                           message.InitializationErrorString());
  return Status::Ok();
}

::grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message) {
  // Straight into the slice: gRPC would copy a string.
  const ::grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return ::grpc::ByteBuffer(&slice, 1);
}

}  // namespace headpond::net
