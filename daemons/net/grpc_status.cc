#include "net/grpc_status.h"

#include <grpcpp/support/status.h>

namespace headpond::net {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kEllipsis = "...";

// Length in bytes of the well-formed character at the start of `text` (Unicode table 3-7), or 0.
size_t CharacterLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;  // allowed range of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;   // overlong
    if (first == 0xED) high = 0x9F;  // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;   // overlong
    if (first == 0xF4) high = 0x8F;  // above U+10FFFF
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

// gRPC over HTTP/2 sends printable ASCII but '%' as it is and three characters for every other
// byte.
size_t EncodedLength(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character[0]);
  const bool plain = character.size() == 1 && byte >= 0x20 && byte <= 0x7E && byte != '%';
  return plain ? 1 : 3 * character.size();
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string SafeErrorText(std::string_view text) {
  std::string safe;
  size_t encoded = 0;
  size_t room_for_ellipsis = 0;  // length of `safe` up to which "..." still fits
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const std::string_view character = length == 0 ? kReplacement : text.substr(0, length);
    encoded += EncodedLength(character);
    if (encoded > kMaxErrorTextBytes) {
      safe.resize(room_for_ellipsis);
      return safe.append(kEllipsis);
    }
    safe.append(character);
    if (encoded + kEllipsis.size() <= kMaxErrorTextBytes) room_for_ellipsis = safe.size();
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return safe;
}

::grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return ::grpc::Status::OK;
  return ::grpc::Status(static_cast<::grpc::StatusCode>(status.code()),
                        SafeErrorText(status.message()));
}

Status FromGrpc(const ::grpc::Status& status) {
  if (status.ok()) return Status::Ok();
  const int code = status.error_code();
  const bool known =
      code >= static_cast<int>(Code::kOk) && code <= static_cast<int>(Code::kUnauthenticated);
  return Status(known ? static_cast<Code>(code) : Code::kUnknown, status.error_message());
}

}  // namespace headpond::net
