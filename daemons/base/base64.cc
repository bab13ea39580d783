#include "base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace headpond {
namespace {

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // the library adds a NUL
  const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), Bytes(bytes),
                                       static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text = EncodeBase64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  constexpr size_t kMaxPadding = 2;
  std::string packed;
  std::copy_if(text.begin(), text.end(), std::back_inserter(packed),
               [&](char c) { return kSpaces.find(c) == kSpaces.npos; });
  const size_t end = std::min(packed.find('='), packed.size());
  const size_t padding = packed.size() - end;
  // The library takes signs of padding anywhere.
  if (packed.size() % 4 != 0 || padding > kMaxPadding ||
      packed.find_first_not_of('=', end) != packed.npos)
    return std::nullopt;
  std::string bytes(packed.size() + 1, '\0');
  const int length = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                       Bytes(packed), static_cast<int>(packed.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(length) - padding);
  return bytes;
}

}  // namespace headpond
