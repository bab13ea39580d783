#include "net/sasl_plain.h"

#include <algorithm>

#include "net/grpc_status.h"

namespace headpond::net {
namespace {

// Names end up in log lines, JSON and protobuf strings: no control characters, only valid UTF-8.
bool IsPlainText(std::string_view name) {
  const bool has_control =
      std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  return !has_control && IsUtf8(name);
}

}  // namespace

Result<PlainCredentials> ParsePlain(std::string_view message) {
  if (message.size() > kMaxPlainMessageBytes) {
    return Unauthenticated("the PLAIN message has {} bytes, more than {}", message.size(),
                           kMaxPlainMessageBytes);
  }
  const size_t first = message.find('\0');
  const size_t second = first == message.npos ? message.npos : message.find('\0', first + 1);
  if (second == message.npos || message.find('\0', second + 1) != message.npos) {
    return Unauthenticated(
        "the PLAIN message must have three parts separated by NUL: authorization user, "
        "authentication user, password");
  }
  PlainCredentials credentials{
      .authorization_user = std::string(message.substr(0, first)),
      .authentication_user = std::string(message.substr(first + 1, second - first - 1)),
      .password = std::string(message.substr(second + 1)),
  };
  if (credentials.authentication_user.empty()) {
    return Unauthenticated("the PLAIN message has no authentication user");
  }
  if (!IsPlainText(credentials.authentication_user) ||
      !IsPlainText(credentials.authorization_user)) {
    return Unauthenticated(
        "a user name in the PLAIN message holds control characters or is no UTF-8");
  }
  if (credentials.password.empty()) return Unauthenticated("the PLAIN message has no password");
  if (credentials.authorization_user.empty()) {
    credentials.authorization_user = credentials.authentication_user;
  }
  return credentials;
}

std::string FormatPlain(const PlainCredentials& credentials) {
  std::string message;
  if (credentials.authorization_user != credentials.authentication_user) {
    message = credentials.authorization_user;
  }
  message += '\0';
  message += credentials.authentication_user;
  message += '\0';
  return message += credentials.password;
}

}  // namespace headpond::net
