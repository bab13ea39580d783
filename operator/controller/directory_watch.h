#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace headpond::controller {

// Notices that files in some folders were created, replaced or removed. Not thread safe.
class DirectoryWatch {
 public:
  // The folders must exist.
  static Result<DirectoryWatch> Open(const std::vector<std::string>& directories);

  // Readable when there was a change.
  int fd() const { return fd_.get(); }
  // Forgets the changes so far.
  void Drain();
  // Returns at the next change (also one since the last Drain), or after `timeout`; then forgets
  // it.
  void Wait(std::chrono::milliseconds timeout);

 private:
  explicit DirectoryWatch(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace headpond::controller
