#include "testing/raw_call.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

#include "net/grpc_status.h"
#include "net/raw_stream.h"

namespace headpond::testing {
namespace {

::grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const ::grpc::Slice slice(bytes);
  return ::grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const ::grpc::ByteBuffer& buffer) {
  std::vector<::grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const ::grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

}  // namespace

RawCaller::RawCaller(const std::string& target, const std::string& user)
    : channel_({.target = target, .user = user}, Random::FromSystem()) {}

RawCaller::Reply RawCaller::Call(const std::string& method,
                                 const std::vector<std::string>& messages, End end,
                                 std::chrono::milliseconds deadline) {
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  if (const auto ticket = channel_.Prepare(context); !ticket.ok()) return {ticket.status(), {}};
  const auto stream = net::OpenRawStream(channel_.channel(), method.c_str(), context);
  for (const std::string& message : messages)
    if (!stream->Write(ToBuffer(message))) break;
  Reply reply;
  if (end == End::kCancel) {
    context.TryCancel();
  } else {
    stream->WritesDone();
  }
  ::grpc::ByteBuffer received;
  while (stream->Read(&received)) reply.messages.push_back(ToString(received));
  reply.status = net::FromGrpc(stream->Finish());
  return reply;
}

}  // namespace headpond::testing
