// Block messages of any bytes, arriving in any pieces: whatever the parsers make of them, protobuf
// must agree. The first byte chooses where the message is cut; the rest is the message.

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/block_framing.h"
#include "proto/block_worker.pb.h"

namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using ::alluxio::grpc::block::ReadResponse;
  using ::alluxio::grpc::block::WriteRequest;
  if (size == 0) return 0;
  const size_t piece = 1 + data[0];
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  std::vector<::grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += piece) slices.emplace_back(bytes.substr(at, piece));
  const ::grpc::ByteBuffer message(slices.data(), slices.size());

  const auto read = headpond::net::ParseReadResponse(message);
  ReadResponse response;
  const bool is_read = response.ParseFromString(bytes) && response.has_chunk();
  Require(read.ok() == is_read, "both accept the read response or both refuse it");
  if (is_read) Require(read->ToString() == response.chunk().data(), "same data read");

  const auto write = headpond::net::ParseWriteRequest(message);
  WriteRequest request;
  const bool is_write = request.ParseFromString(bytes) && request.value_case() != 0;
  Require(write.ok() == is_write, "both accept the write request or both refuse it");
  if (is_write && request.has_chunk()) {
    Require(write->command == nullptr, "data is no command");
    Require(write->data.ToString() == request.chunk().data(), "same data written");
  }
  if (is_write && request.has_command()) {
    Require(write->command != nullptr &&
                write->command->SerializeAsString() == request.command().SerializeAsString(),
            "same command");
  }
  return 0;
}
