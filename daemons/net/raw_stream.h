#pragma once

#include <memory>

namespace grpc {
class ByteBuffer;
class Channel;
class ClientContext;
template <class W, class R>
class ClientReaderWriter;
}  // namespace grpc

namespace headpond::net {

// A stream whose messages are the bytes on the wire, for net/block_framing.h. Include
// <grpcpp/support/sync_stream.h> to use one.
using RawStream = ::grpc::ClientReaderWriter<::grpc::ByteBuffer, ::grpc::ByteBuffer>;

// Full names of the methods that carry block data. Clients open them with OpenRawStream; servers
// override them through the generated BlockWorker::WithRawCallbackMethod_* classes.
inline constexpr char kReadBlockMethod[] = "/alluxio.grpc.block.BlockWorker/ReadBlock";
inline constexpr char kWriteBlockMethod[] = "/alluxio.grpc.block.BlockWorker/WriteBlock";

// Starts a call of `method`, which must live as long as the stream. `context` should be prepared
// (AuthenticatedChannel::Prepare) and must outlive the stream. Reads and writes block, each for at
// most the context's deadline; one thread may read while another writes. Failures show up in the
// stream's Finish().
std::unique_ptr<RawStream> OpenRawStream(const std::shared_ptr<::grpc::Channel>& channel,
                                         const char* method, ::grpc::ClientContext& context);

}  // namespace headpond::net
