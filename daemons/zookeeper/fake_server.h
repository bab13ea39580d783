#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "zookeeper/session.h"

namespace headpond::zookeeper {

// ZooKeeper in memory, for tests: nodes, sessions that expire when they are told to, and
// connections that are lost. Outlives its sessions. Thread safe.
class FakeServer {
 public:
  // What OpenSession is with a real one.
  SessionOpener Opener() {
    return [this](const SessionOptions& options) -> Result<std::unique_ptr<Session>> {
      return std::unique_ptr<Session>(std::make_unique<FakeSession>(*this, options));
    };
  }

  // Nobody is connected until SetUp(true).
  void SetUp(bool up) {
    {
      MutexLock lock(mutex_);
      up_ = up;
    }
    TellAll();
  }
  // Those whose address option is `address` are not connected, or are again.
  void CutOff(const std::string& address, bool cut) {
    {
      MutexLock lock(mutex_);
      if (cut)
        cut_.insert(address);
      else
        cut_.erase(address);
    }
    TellAll();
  }
  // Ends the sessions of `address`, as after a timeout without a word from them.
  void Expire(const std::string& address) {
    {
      MutexLock lock(mutex_);
      for (const auto& [id, session] : sessions_) {
        if (session->address != address) continue;
        expired_.insert(id);
        DropNodes(id);
      }
    }
    TellAll();
  }
  std::vector<std::string> Names(const std::string& path) {
    MutexLock lock(mutex_);
    return NamesLocked(path);
  }
  void Put(const std::string& path, const std::string& data, int64_t created_ms) {
    MutexLock lock(mutex_);
    nodes_[path] = {.data = data, .created_ms = created_ms};
  }

 private:
  class FakeSession final : public Session {
   public:
    FakeSession(FakeServer& server, const SessionOptions& options)
        : address(options.address), server_(server), options_(options) {
      MutexLock lock(server_.mutex_);
      id_ = ++server_.last_session_;
      server_.sessions_[id_] = this;
    }
    ~FakeSession() override {
      MutexLock calls(server_.calls_);
      MutexLock lock(server_.mutex_);
      server_.sessions_.erase(id_);
      server_.DropNodes(id_);
    }

    SessionState state() const override {
      MutexLock lock(server_.mutex_);
      return server_.StateLocked(*this);
    }
    int64_t id() const override { return id_; }
    std::chrono::milliseconds timeout() const override { return options_.timeout; }

    Result<std::string> Create(const std::string& path, const std::string& data,
                               NodeKind kind) override {
      std::string made = path;
      {
        MutexLock lock(server_.mutex_);
        RETURN_IF_ERROR(server_.CheckLocked(*this));
        if (kind == NodeKind::kEphemeralSequential)
          made += fmt::format("{:010}", server_.last_number_++);
        const std::string parent = made.substr(0, made.rfind('/'));
        if (!parent.empty() && !server_.nodes_.contains(parent))
          return NotFound("no parent of {}", made);
        if (server_.nodes_.contains(made)) return AlreadyExists("{}", made);
        server_.nodes_[made] = {.data = data,
                                .created_ms = ++server_.now_ms_,
                                .owner = kind == NodeKind::kPersistent ? 0 : id_};
      }
      server_.TellAll();
      return made;
    }
    Status Remove(const std::string& path) override {
      {
        MutexLock lock(server_.mutex_);
        RETURN_IF_ERROR(server_.CheckLocked(*this));
        if (server_.nodes_.erase(path) == 0) return NotFound("{}", path);
      }
      server_.TellAll();
      return Status::Ok();
    }
    Result<Node> Get(const std::string& path) override {
      MutexLock lock(server_.mutex_);
      RETURN_IF_ERROR(server_.CheckLocked(*this));
      const auto found = server_.nodes_.find(path);
      if (found == server_.nodes_.end()) return NotFound("{}", path);
      return found->second;
    }
    Status Set(const std::string& path, const std::string& data) override {
      MutexLock lock(server_.mutex_);
      RETURN_IF_ERROR(server_.CheckLocked(*this));
      const auto found = server_.nodes_.find(path);
      if (found == server_.nodes_.end()) return NotFound("{}", path);
      found->second.data = data;
      return Status::Ok();
    }
    Result<std::vector<std::string>> Children(const std::string& path, bool) override {
      MutexLock lock(server_.mutex_);
      RETURN_IF_ERROR(server_.CheckLocked(*this));
      if (!server_.nodes_.contains(path)) return NotFound("{}", path);
      return server_.NamesLocked(path);
    }
    void Tell() const {
      if (options_.on_event) options_.on_event();
    }

    const std::string address;

   private:
    FakeServer& server_;
    const SessionOptions options_;
    int64_t id_ = 0;
  };

  SessionState StateLocked(const FakeSession& session) const REQUIRES(mutex_) {
    if (expired_.contains(session.id()))
      return up_ && !cut_.contains(session.address) ? SessionState::kExpired
                                                    : SessionState::kConnecting;
    return up_ && !cut_.contains(session.address) ? SessionState::kConnected
                                                  : SessionState::kConnecting;
  }
  Status CheckLocked(const FakeSession& session) const REQUIRES(mutex_) {
    switch (StateLocked(session)) {
      case SessionState::kConnected: return Status::Ok();
      case SessionState::kExpired: return Aborted("expired");
      case SessionState::kConnecting: break;
    }
    return Unavailable("connection lost");
  }
  std::vector<std::string> NamesLocked(const std::string& path) const REQUIRES(mutex_) {
    std::vector<std::string> names;
    for (const auto& [name, node] : nodes_)
      if (name.starts_with(path + "/") && name.find('/', path.size() + 1) == std::string::npos)
        names.push_back(name.substr(path.size() + 1));
    return names;
  }
  void DropNodes(int64_t owner) REQUIRES(mutex_) {
    std::erase_if(nodes_, [owner](const auto& node) { return node.second.owner == owner; });
  }
  // Every change is an event for everybody: more than a real one tells, never less.
  void TellAll() EXCLUDES(calls_, mutex_) {
    MutexLock calls(calls_);
    std::vector<FakeSession*> sessions;
    {
      MutexLock lock(mutex_);
      for (const auto& [id, session] : sessions_) sessions.push_back(session);
    }
    for (FakeSession* const session : sessions) session->Tell();
  }

  Mutex calls_;  // held while sessions are called, so that none ends meanwhile
  mutable Mutex mutex_;
  bool up_ GUARDED_BY(mutex_) = true;
  std::set<std::string> cut_ GUARDED_BY(mutex_);
  std::set<int64_t> expired_ GUARDED_BY(mutex_);
  std::map<int64_t, FakeSession*> sessions_ GUARDED_BY(mutex_);
  std::map<std::string, Node> nodes_ GUARDED_BY(mutex_);
  int64_t last_session_ GUARDED_BY(mutex_) = 0;
  int64_t last_number_ GUARDED_BY(mutex_) = 0;
  int64_t now_ms_ GUARDED_BY(mutex_) = 0;
};

}  // namespace headpond::zookeeper
