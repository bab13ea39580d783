#include "operator/apiserver/base64.h"

#include <openssl/evp.h>

namespace headpond::apiserver {
namespace {

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string EncodeBase64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');  // the library adds a NUL
  const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), Bytes(text),
                                       static_cast<int>(text.size()));
  out.resize(static_cast<size_t>(length));
  return out;
}

bool IsBase64(const std::string& text) {
  // The library skips white space at both ends.
  if (text.size() % 4 != 0 || text.find_first_of(" \t\r\n") != std::string::npos) return false;
  std::string out(text.size() + 3, '\0');
  return ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), Bytes(text),
                           static_cast<int>(text.size())) >= 0;
}

}  // namespace headpond::apiserver
