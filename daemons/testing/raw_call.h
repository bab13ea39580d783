#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/channel.h"
#include "net/user_groups.h"

namespace headpond::testing {

// Sends bytes to methods by name, for requests that no stub would send.
class RawCaller {
 public:
  // `target` is "host:port"; calls are made as `user`, by default the process's.
  explicit RawCaller(const std::string& target, const std::string& user = net::ProcessUser());

  enum class End {
    kHalfClose,  // say that nothing follows, then read until the server ends the call
    kCancel,     // go away with the call under way
  };
  struct Reply {
    Status status;
    std::vector<std::string> messages;  // what came before the status
  };
  // Sends `messages` to "/package.Service/Method". The status is DeadlineExceeded when the server
  // has not ended the call in time. Calls of any kind, unary ones included, are streams on the
  // wire.
  Reply Call(const std::string& method, const std::vector<std::string>& messages,
             End end = End::kHalfClose,
             std::chrono::milliseconds deadline = std::chrono::seconds(10));

 private:
  net::AuthenticatedChannel channel_;
};

}  // namespace headpond::testing
