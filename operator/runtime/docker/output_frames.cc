#include "operator/runtime/docker/output_frames.h"

#include <algorithm>

namespace headpond::runtime {

void OutputFrames::Feed(std::string_view piece) {
  constexpr size_t kHeader = 8;
  while (!piece.empty()) {
    if (left_ == 0) {
      const size_t take = std::min(kHeader - header_.size(), piece.size());
      header_ += piece.substr(0, take);
      piece.remove_prefix(take);
      if (header_.size() < kHeader) return;
      const auto at = [&](size_t i) {
        return static_cast<size_t>(static_cast<unsigned char>(header_[i]));
      };
      is_error_ = at(0) == 2;
      left_ = at(4) << 24 | at(5) << 16 | at(6) << 8 | at(7);
      header_.clear();
      continue;
    }
    const size_t take = std::min(left_, piece.size());
    sink_(is_error_, piece.substr(0, take));
    left_ -= take;
    piece.remove_prefix(take);
  }
}

}  // namespace headpond::runtime
