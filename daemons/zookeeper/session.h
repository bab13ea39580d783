#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace headpond::zookeeper {

enum class NodeKind {
  kPersistent,
  kEphemeral,            // goes with the session that made it
  kEphemeralSequential,  // the same; the server appends ten digits that only rise
};

struct Node {
  std::string data;
  int64_t created_ms = 0;  // by the server's clock
  int64_t owner = 0;       // the session of an ephemeral node, else 0
};

enum class SessionState {
  kConnecting,  // at first, and whenever the connection is lost: the session may live on
  kConnected,
  kExpired,  // for good: its ephemeral nodes are gone
};

// One session with ZooKeeper. It outlives connections: as long as the server hears from it once per
// timeout() it stays, and so do its ephemeral nodes. Thread safe. Calls block, for about the
// timeout at most.
//
// Errors: Unavailable when the connection was lost, in which case a change may have been made or
// not; Aborted once the session expired; NotFound, AlreadyExists; FailedPrecondition when a node
// has children or its parent is ephemeral; PermissionDenied.
class Session {
 public:
  // Ends the session if the server can be reached: its ephemeral nodes go at once.
  virtual ~Session() = default;

  virtual SessionState state() const = 0;
  // Of the session, as the server granted it; 0 before the first connection.
  virtual int64_t id() const = 0;
  virtual std::chrono::milliseconds timeout() const = 0;

  // Returns the node's path, which of a sequential one only the server knows. The parent must be.
  virtual Result<std::string> Create(const std::string& path, const std::string& data,
                                     NodeKind kind) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Result<Node> Get(const std::string& path) = 0;
  virtual Status Set(const std::string& path, const std::string& data) = 0;
  // Names, in no order. With `watch` the session's event callback is called once when they change.
  virtual Result<std::vector<std::string>> Children(const std::string& path, bool watch) = 0;
};

struct SessionOptions {
  std::string address;  // "h1:2181,h2:2181", with "/root" behind it if all paths are below that
  // Asked for; the server grants at least two, at most twenty of its ticks (4 to 40 s by default).
  std::chrono::milliseconds timeout{6'000};
  // Called when the state or a watched node changed, from the session's thread: must be quick and
  // must not call the session. May be null.
  std::function<void()> on_event;
};

// Begins a session with a server; it connects by itself, and again after each loss. Errors:
// InvalidArgument for an address that is none; Unavailable when no host of it can be resolved.
Result<std::unique_ptr<Session>> OpenSession(const SessionOptions& options);

using SessionOpener =
    std::function<Result<std::unique_ptr<Session>>(const SessionOptions& options)>;

// Makes the persistent nodes of a path, "/a/b" and "/a" before it. OK when they are there.
Status CreatePath(Session& session, const std::string& path);

}  // namespace headpond::zookeeper
