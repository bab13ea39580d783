#include "io/stamp.h"

#include <algorithm>
#include <string_view>

namespace headpond::io {
namespace {

constexpr int64_t kLimitBytes = 4096;

}  // namespace

Result<std::map<std::string, std::string>> ReadStampFile(Env& env, const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, ReadWholeFile(env, path, kLimitBytes));
  std::map<std::string, std::string> values;
  for (std::string_view text = content; !text.empty();) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (const size_t equals = line.find('='); equals != std::string_view::npos)
      values.emplace(line.substr(0, equals), line.substr(equals + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return values;
}

Status WriteStampFile(Env& env, const std::string& path,
                      const std::map<std::string, std::string>& values) {
  std::string text;
  for (const auto& [key, value] : values) text += key + "=" + value + "\n";
  return WriteFileAtomically(env, path, text);
}

}  // namespace headpond::io
