#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace grpc {
class Status;
}

namespace headpond::net {

// What an error text may cost as a `grpc-message` trailer, after percent-encoding. Peers cap all
// the metadata of a response at 8 KiB and drop the whole call beyond it.
inline constexpr size_t kMaxErrorTextBytes = 4096;

// The same code; the message made safe with SafeErrorText.
::grpc::Status ToGrpc(const Status& status);

// The same code and message; a code that gRPC does not define becomes kUnknown.
Status FromGrpc(const ::grpc::Status& status);

// Whether `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

// `text` as valid UTF-8 (each bad byte becomes U+FFFD), cut between two characters and marked with
// "..." when its percent-encoded form would exceed kMaxErrorTextBytes.
std::string SafeErrorText(std::string_view text);

}  // namespace headpond::net
