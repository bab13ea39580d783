#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/kube/object_cache.h"

namespace headpond::kube {

struct ListPage {
  std::vector<Object> items;
  int64_t version = 0;
  std::string next;  // empty: the last page
};

// Where the objects of one kind come from. Used by one thread at a time.
//
// Errors: OutOfRange when the server no longer knows the version or page asked for (410),
// Unavailable, ResourceExhausted (429), DeadlineExceeded, and those of the API's other answers.
class ObjectSource {
 public:
  virtual ~ObjectSource() = default;

  // The page after `next`; "" is the first.
  virtual Result<ListPage> List(const std::string& next) = 0;

  // The bytes of a watch on what changes after `version`. Ends with OK when the server ends it,
  // which it is asked to after `timeout`, and with an error when it did not begin, was cut,
  // `on_bytes` failed or `stopped` is true.
  virtual Status Watch(int64_t version, std::chrono::seconds timeout,
                       const std::function<Status(std::string_view)>& on_bytes,
                       const std::function<bool()>& stopped) = 0;

  // Makes a running Watch ask `stopped` now. From any thread.
  virtual void Wake() {}

  // How long the server asked to be left alone when it refused last; 0 after a success.
  virtual std::chrono::milliseconds retry_after() const { return std::chrono::milliseconds(0); }

  // Whether the last call was answered, be it with a refusal: a server that isn't there has no load
  // that trying again would add to.
  virtual bool answered() const { return true; }
};

}  // namespace headpond::kube
