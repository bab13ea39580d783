#pragma once

#include <cstddef>

namespace headpond::net {

// A lane (proto/lane.proto, docs/adr/0011-lanes.md) is one stream per connection that carries unary
// calls in both directions' groups: what threads have to say while a message is on its way goes
// into the next one. Both ends keep to these bounds.

inline constexpr char kLaneMethod[] = "/headpond.lane.Lane/Open";

// Bytes of one request; larger ones are calls of their own.
inline constexpr size_t kMaxLaneRequestBytes = 64u << 10;
// Bytes of one message of calls. A server ends a lane that sends more.
inline constexpr size_t kMaxLaneCallsBytes = 256u << 10;
// A message of replies is sent when it has this many bytes; only a single reply makes a larger one.
inline constexpr size_t kLaneRepliesBytes = 256u << 10;
// Calls without a reply: a client sends no more, a server stops reading. Together with the sizes
// above this bounds the memory of a lane on either side.
inline constexpr size_t kMaxLaneCallsInFlight = 512;

// Served by workers: reads a short range of a block. The request is alluxio.grpc.block.ReadRequest,
// with the meaning that it has for BlockWorker/ReadBlock; the response are the bytes themselves,
// fewer than asked for only at the end of the block.
inline constexpr char kReadRangeMethod[] = "/headpond.lane.Blocks/ReadRange";
// The longest range: a stream of chunks costs about as much as moving this many bytes twice.
inline constexpr size_t kMaxLaneReadBytes = 64u << 10;

}  // namespace headpond::net
