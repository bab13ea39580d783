#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headpond {

// RFC 4648 section 4, with padding, on one line.
std::string EncodeBase64(std::string_view bytes);
// Section 5: with - and _ for + and /, and with padding.
std::string EncodeBase64Url(std::string_view bytes);
// What `text` encodes in the first alphabet; nothing when it is no base64. White space is skipped.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace headpond
