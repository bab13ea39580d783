#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace headpond::client {

// Block data on the wire without protobuf's copies: a ReadResponse or WriteRequest that carries
// data is two nested length-delimited fields around the bytes (compat/behaviour.md section 0, rules
// 3 and 4).

// Where the data of a message begins: everything after it, in this and the later slices, is data.
struct ChunkFrame {
  size_t slice = 0;
  size_t offset = 0;  // in that slice
  size_t data_bytes = 0;
};

// ReadResponse{chunk{data}}: `0A len 0A len data`. Internal when `slices` hold anything else.
Result<ChunkFrame> ParseReadResponse(std::span<const grpc::Slice> slices);

// WriteRequest{chunk{data}} around `data`, which the message takes over.
grpc::ByteBuffer MakeWriteRequest(std::string data);

}  // namespace headpond::client
