#pragma once

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace headpond {

// A fresh empty directory for one test, removed with everything in it at the end. Under $TMPDIR,
// else /tmp, or under `parent`.
class TempDirectory {
 public:
  explicit TempDirectory(const std::string& parent = "") {
    const char* const configured = std::getenv("TMPDIR");
    const std::string base = !parent.empty() ? parent : configured != nullptr ? configured : "/tmp";
    path_ = base + "/headpond-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) {
      fmt::print(stderr, "cannot create a directory like {}\n", path_);
      std::abort();
    }
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

 private:
  std::string path_;
};

}  // namespace headpond
