#include "net/raw_stream.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/rpc_method.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

namespace headpond::net {

std::unique_ptr<RawStream> OpenRawStream(const std::shared_ptr<::grpc::Channel>& channel,
                                         const char* method, ::grpc::ClientContext& context) {
  // What a generated stub does for a typed method; gRPC offers blocking raw streams in no other
  // way.
  using Factory =
      ::grpc::internal::ClientReaderWriterFactory<::grpc::ByteBuffer, ::grpc::ByteBuffer>;
  const ::grpc::internal::RpcMethod rpc(method, ::grpc::internal::RpcMethod::BIDI_STREAMING);
  return std::unique_ptr<RawStream>(Factory::Create(channel.get(), rpc, &context));
}

}  // namespace headpond::net
