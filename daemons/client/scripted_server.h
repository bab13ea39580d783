#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace google::protobuf {
class MessageLite;
}

namespace headpond::client {

// A gRPC server for tests whose methods are scripts over raw messages, by path. Counts and keeps
// what it was asked. Thread safe. Methods without a script answer UNIMPLEMENTED.
class ScriptedServer {
 public:
  // What a script answers: messages, and the end of the call when it is time.
  struct Reply {
    std::vector<std::string> messages;
    std::optional<Status> finish;
  };

  // One call. Methods run on gRPC's threads, one at a time, and must not block.
  class Script {
   public:
    virtual ~Script() = default;
    // What is said unasked, when the call begins.
    virtual Reply OnOpen() { return {}; }
    virtual Reply OnMessage(const std::string& message) = 0;
    virtual Reply OnHalfClose() { return {{}, Status::Ok()}; }
    virtual void OnCancel() {}
    // Whether nothing follows the client's half-close, not even an end, until it cancels.
    virtual bool FallsSilent() const { return false; }
  };
  using ScriptMaker = std::function<std::unique_ptr<Script>()>;

  ScriptedServer();
  ~ScriptedServer();

  void On(const std::string& method, ScriptMaker maker) EXCLUDES(mutex_);
  // One message in, one out (or an error).
  void OnUnary(const std::string& method,
               std::function<Result<std::string>(const std::string& request)> handler);

  int port() const { return port_; }
  // The first messages of the calls so far.
  std::vector<std::string> Requests(const std::string& method) const EXCLUDES(mutex_);
  // Refuses connections from now on, and ends those there are.
  void Stop();

 private:
  class Service;
  class Reactor;

  mutable Mutex mutex_;
  std::map<std::string, ScriptMaker> scripts_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::string>> requests_ GUARDED_BY(mutex_);
  struct Running;
  std::unique_ptr<Running> running_;
  int port_ = 0;
};

}  // namespace headpond::client
