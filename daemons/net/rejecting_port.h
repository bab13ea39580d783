#pragma once

#include <memory>

#include "base/result.h"
#include "net/listen.h"

namespace headpond::net {

// Holds the RPC port of a process that does not serve now, as stock's standby masters do: every
// connection is accepted and closed at once, so that clients see UNAVAILABLE and ask another
// (compat/behaviour.md section 12), and nobody else takes the port. One thread. Thread safe.
class RejectingPort {
 public:
  // Errors: those of Listen.
  static Result<std::unique_ptr<RejectingPort>> Open(const ListenOptions& options);
  ~RejectingPort();  // frees the port

  int port() const;

 private:
  class Loop;
  explicit RejectingPort(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace headpond::net
