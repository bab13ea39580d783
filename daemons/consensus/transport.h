#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "consensus/types.h"
#include "io/env.h"

namespace headpond::consensus {

// What a transport brings. Called from its threads; must not block.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // A Message::bytes of some peer.
  virtual void OnMessage(std::string bytes) = 0;
  // A message to `peer` was dropped.
  virtual void OnUnreachable(uint64_t peer) = 0;
  // The snapshot that a peer asks for. NotFound: a newer one has taken its place.
  virtual Result<std::unique_ptr<io::RandomAccessFile>> OpenSnapshot(uint64_t index) = 0;
};

// Carries messages between the nodes of one cluster. Thread safe.
class Transport {
 public:
  virtual ~Transport() = default;  // Stop()

  // `receiver` outlives Stop. Errors: those of binding a port.
  virtual Status Start(Receiver& receiver) = 0;
  // Nothing is brought any more once it returned; running fetches end with Cancelled. Idempotent.
  virtual void Stop() = 0;

  // Where a node is; one that is not known is unreachable.
  virtual void SetPeer(uint64_t id, const std::string& address) = 0;

  // Never blocks. A queue per peer is bounded: what does not fit is dropped, and OnUnreachable says
  // so. Messages to one peer arrive in order, or not at all.
  virtual void Send(Message message) = 0;

  // Brings the bytes of a peer's snapshot in order. Blocks: on a thread for it. Errors: those of
  // `take`, NotFound as OpenSnapshot, Unavailable when the peer can't be reached or goes silent.
  virtual Status FetchSnapshot(uint64_t from, uint64_t index,
                               const std::function<Status(std::string_view)>& take) = 0;
};

}  // namespace headpond::consensus
