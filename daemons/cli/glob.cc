#include "cli/glob.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/path.h"

namespace headpond::cli {
namespace {

// Walks down one component of the pattern at a time, keeping the folders that match so far.
Status Descend(const GlobLister& list, const std::string& folder, std::string_view rest,
               std::vector<std::string>& matches) {
  const size_t slash = rest.find('/');
  const std::string_view component = rest.substr(0, slash);
  const std::string_view below = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  const Result<std::vector<GlobEntry>> entries = list(folder);
  if (!entries.ok())
    return entries.status().code() == Code::kNotFound ? Status::Ok() : entries.status();
  for (const GlobEntry& entry : *entries) {
    if (!MatchesGlob(component, entry.name)) continue;
    const std::string path = JoinPath(folder, entry.name);
    if (below.empty()) {
      matches.push_back(path);
    } else if (entry.folder) {
      RETURN_IF_ERROR(Descend(list, path, below, matches));
    }
  }
  return Status::Ok();
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  // Greedy with one point to come back to: linear in practice, quadratic at worst.
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && text[resume] != '/') {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool HasGlob(std::string_view path) {
  return path.find('*') != std::string_view::npos;
}

Result<std::vector<std::string>> ExpandGlob(std::string_view pattern, const GlobLister& list) {
  if (!HasGlob(pattern)) return std::vector<std::string>{std::string(pattern)};
  ASSIGN_OR_RETURN(const std::string path, NormalizePath(pattern));
  // Nothing above the first wildcard needs to be listed.
  const size_t fixed_end = path.rfind('/', path.find('*'));
  const std::string folder = fixed_end == 0 ? "/" : path.substr(0, fixed_end);
  std::vector<std::string> matches;
  RETURN_IF_ERROR(Descend(list, folder, std::string_view(path).substr(fixed_end + 1), matches));
  if (matches.empty()) return NotFound("{} does not exist.", pattern);
  std::ranges::sort(matches);
  return matches;
}

Result<std::vector<std::string>> ExpandGlob(client::FileSystem& fs, std::string_view pattern) {
  return ExpandGlob(pattern, [&](const std::string& folder) -> Result<std::vector<GlobEntry>> {
    std::vector<GlobEntry> entries;
    RETURN_IF_ERROR(fs.ListStatus(folder, {}, [&](client::FileInfo&& info) {
      entries.push_back({std::move(info.name), info.folder});
      return Status::Ok();
    }));
    return entries;
  });
}

Result<std::vector<std::string>> ExpandLocalGlob(const std::string& pattern) {
  return ExpandGlob(pattern, [](const std::string& folder) -> Result<std::vector<GlobEntry>> {
    std::vector<GlobEntry> entries;
    std::error_code error;
    std::filesystem::directory_iterator at(folder, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error))
      entries.push_back({at->path().filename().string(), at->is_directory()});
    if (error) return ErrnoStatus(error.value(), folder);
    return entries;
  });
}

}  // namespace headpond::cli
