#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace headpond::runtime {

// Takes the frames apart in which an engine sends what a container without a terminal prints: the
// stream (1 stdout, 2 stderr), three zero bytes, a big-endian length, the text. Pieces may be cut
// anywhere.
class OutputFrames {
 public:
  using Sink = std::function<void(bool is_error, std::string_view text)>;
  explicit OutputFrames(Sink sink) : sink_(std::move(sink)) {}

  void Feed(std::string_view piece);

 private:
  const Sink sink_;
  std::string header_;
  size_t left_ = 0;  // of the frame under way
  bool is_error_ = false;
};

}  // namespace headpond::runtime
