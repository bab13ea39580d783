#include <algorithm>
#include <array>

#include "ufs/ufs.h"

namespace headpond::ufs {
namespace {

// Values go between '|' and ' ', so neither may be in one; an empty one shows as "_". As 2.9's
// Fingerprint does.
std::string Sanitized(std::string_view value) {
  if (value.empty()) return "_";
  std::string text(value);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || c == '|'; }, '_');
  return text;
}

// The value of `key` in "KEY|value KEY|value ", or nothing.
std::string_view ValueOf(std::string_view fingerprint, std::string_view key) {
  size_t begin = 0;
  while (begin < fingerprint.size()) {
    const size_t end = std::min(fingerprint.find(' ', begin), fingerprint.size());
    const std::string_view tag = fingerprint.substr(begin, end - begin);
    if (tag.size() > key.size() && tag.starts_with(key) && tag[key.size()] == '|')
      return tag.substr(key.size() + 1);
    begin = end + 1;
  }
  return {};
}

}  // namespace

std::string Fingerprint(std::string_view ufs_type, const UfsStatus& status) {
  std::string text = fmt::format("TYPE|{} UFS|{} OWNER|{} GROUP|{} MODE|{} ",
                                 status.is_directory ? "DIRECTORY" : "FILE", Sanitized(ufs_type),
                                 Sanitized(status.owner), Sanitized(status.group), status.mode);
  if (!status.is_directory) text += fmt::format("CONTENT_HASH|{} ", Sanitized(status.content_hash));
  return text;
}

bool SameContent(std::string_view fingerprint_a, std::string_view fingerprint_b) {
  if (ValueOf(fingerprint_a, "TYPE").empty())
    return false;  // "" and what is no fingerprint match nothing
  constexpr std::array<std::string_view, 3> kContentTags{"TYPE", "UFS", "CONTENT_HASH"};
  return std::all_of(kContentTags.begin(), kContentTags.end(), [&](std::string_view tag) {
    return ValueOf(fingerprint_a, tag) == ValueOf(fingerprint_b, tag);
  });
}

}  // namespace headpond::ufs
