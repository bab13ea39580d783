#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace headpond::net {

// What a client says about itself in the PLAIN mechanism (RFC 4616).
struct PlainCredentials {
  std::string authorization_user;   // whom it wants to act as; never empty: defaults to the next
  std::string authentication_user;  // who it is
  std::string password;
};

// What 2.9 clients send when they have no password (compat/behaviour.md section 1, "PLAIN
// payload").
inline constexpr std::string_view kNoPassword = "noPassword";

// Longest message accepted; user names and passwords are far shorter.
inline constexpr size_t kMaxPlainMessageBytes = 4096;

// Parses `authzId NUL authcId NUL password`: exactly three parts, of which only the first may be
// empty; names are UTF-8 without control characters. Errors: Unauthenticated, with a text that
// never shows the password.
Result<PlainCredentials> ParsePlain(std::string_view message);

// The inverse. An `authorization_user` equal to the authentication user is sent as empty.
std::string FormatPlain(const PlainCredentials& credentials);

}  // namespace headpond::net
