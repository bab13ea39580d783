#pragma once

#include <string>

namespace headpond::apiserver {

// With padding, on one line.
std::string EncodeBase64(const std::string& text);

// Whether `text` is what EncodeBase64 writes for some text.
bool IsBase64(const std::string& text);

}  // namespace headpond::apiserver
