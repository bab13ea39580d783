#include "io/stamp.h"

#include <algorithm>

namespace headpond::io {
namespace {

constexpr int64_t kLimitBytes = 4096;

}  // namespace

Stamp ParseStamp(std::string_view text) {
  Stamp stamp;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (const size_t equals = line.find('='); equals != std::string_view::npos)
      stamp.emplace(line.substr(0, equals), line.substr(equals + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return stamp;
}

std::string StampText(const Stamp& stamp) {
  std::string text;
  for (const auto& [key, value] : stamp) text += key + "=" + value + "\n";
  return text;
}

Result<Stamp> ReadStampFile(Env& env, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, ReadWholeFile(env, path, kLimitBytes));
  return ParseStamp(content);
}

Status WriteStampFile(Env& env, const std::string& path, const Stamp& stamp) {
  return WriteFileAtomically(env, path, StampText(stamp));
}

}  // namespace headpond::io
