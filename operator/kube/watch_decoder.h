#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace headpond::kube {

// One line of a watch.
struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type = Type::kAdded;
  // The object; of kError a metav1.Status.
  std::shared_ptr<const nlohmann::json> object;
};

// Turns the bytes of a watch, cut anywhere, into its events. Not thread safe.
class WatchDecoder {
 public:
  // `max_line` bounds what is kept of an event that has not ended: above what the API server lets
  // an object be (etcd's 1.5 MiB, 3 MiB for a request).
  explicit WatchDecoder(size_t max_line = 8 << 20) : max_line_(max_line) {}

  // The events that end in `bytes`. Errors: DataLoss (a line that is no event), ResourceExhausted
  // (a line longer than allowed); the watch is of no more use then.
  Result<std::vector<WatchEvent>> Feed(std::string_view bytes);

  // True when the last event is cut: the stream ended in the middle of one.
  bool cut() const { return !rest_.empty(); }

 private:
  const size_t max_line_;
  std::string rest_;
};

}  // namespace headpond::kube
