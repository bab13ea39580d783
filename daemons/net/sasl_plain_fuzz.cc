// Any bytes as a PLAIN message: what is accepted must survive being written and read again.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/sasl_plain.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using headpond::net::FormatPlain;
  using headpond::net::ParsePlain;
  const auto parsed = ParsePlain({reinterpret_cast<const char*>(data), size});
  if (!parsed.ok()) return 0;
  const auto again = ParsePlain(FormatPlain(*parsed));
  const bool same = again.ok() && again->authorization_user == parsed->authorization_user &&
                    again->authentication_user == parsed->authentication_user &&
                    again->password == parsed->password;
  if (!same) std::abort();
  return 0;
}
