// The blocking calls of the client library are declared for threaded programs only.
#define THREADED
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/log.h"
#include "base/mutex.h"
#include "zookeeper/session.h"

namespace headpond::zookeeper {
namespace {

constexpr std::string_view kComponent = "zookeeper";
// Nodes of ours hold a line or two; the server's own limit is 1 MiB.
constexpr int kMaxDataBytes = 64 << 10;
constexpr int kMaxPathBytes = 4096;

// The library's own words, which repeat themselves at every attempt to connect.
void LogLibrary(const char* message) {
  LogDebug(kComponent, "{}", message);
}

Status StatusOf(int code, const std::string& path) {
  switch (code) {
    case ZOK: return Status::Ok();
    case ZNONODE: return NotFound("ZooKeeper has no node {}", path);
    case ZNODEEXISTS: return AlreadyExists("ZooKeeper has a node {} already", path);
    case ZNOTEMPTY: return FailedPrecondition("ZooKeeper's node {} has children", path);
    case ZNOCHILDRENFOREPHEMERALS:
      return FailedPrecondition("the parent of ZooKeeper's node {} is ephemeral", path);
    case ZNOAUTH:
    case ZAUTHFAILED:
      return PermissionDenied("ZooKeeper refuses access to {}: {}", path, zerror(code));
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZINVALIDSTATE:
    case ZCLOSING: return Aborted("the session with ZooKeeper is over: {}", zerror(code));
    case ZBADARGUMENTS: return InvalidArgument("{} is no path of ZooKeeper's", path);
    default: return Unavailable("ZooKeeper did not answer for {}: {}", path, zerror(code));
  }
}

class ServerSession final : public Session {
 public:
  explicit ServerSession(const SessionOptions& options) : on_event_(options.on_event) {}
  ~ServerSession() override {
    if (handle_ != nullptr) zookeeper_close(handle_);
  }

  Status Open(const SessionOptions& options) {
    handle_ =
        zookeeper_init2(options.address.c_str(), &ServerSession::OnEvent,
                        static_cast<int>(options.timeout.count()), nullptr, this, 0, &LogLibrary);
    if (handle_ != nullptr) return Status::Ok();
    if (errno == EINVAL)
      return InvalidArgument("{} is no address of ZooKeeper's (host:port,host:port)",
                             options.address);
    return Unavailable("no host of ZooKeeper's address {} can be resolved", options.address);
  }

  SessionState state() const override {
    const int state = zoo_state(handle_);
    if (state == ZOO_CONNECTED_STATE) return SessionState::kConnected;
    const bool over = state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE;
    return over ? SessionState::kExpired : SessionState::kConnecting;
  }
  int64_t id() const override { return zoo_client_id(handle_)->client_id; }
  std::chrono::milliseconds timeout() const override {
    return std::chrono::milliseconds(zoo_recv_timeout(handle_));
  }

  Result<std::string> Create(const std::string& path, const std::string& data,
                             NodeKind kind) override {
    std::string created(kMaxPathBytes, '\0');
    RETURN_IF_ERROR(
        StatusOf(zoo_create(handle_, path.c_str(), data.data(), static_cast<int>(data.size()),
                            &ZOO_OPEN_ACL_UNSAFE, ModeOf(kind), created.data(), kMaxPathBytes),
                 path));
    created.resize(created.find('\0'));
    return created;
  }

  Status Remove(const std::string& path) override {
    return StatusOf(zoo_delete(handle_, path.c_str(), /*version=*/-1), path);
  }

  Result<Node> Get(const std::string& path) override {
    Node node;
    node.data.resize(kMaxDataBytes);
    int length = kMaxDataBytes;
    Stat stat{};
    RETURN_IF_ERROR(StatusOf(
        zoo_get(handle_, path.c_str(), /*watch=*/0, node.data.data(), &length, &stat), path));
    // A node without data at all has the length -1.
    node.data.resize(static_cast<size_t>(std::max(length, 0)));
    node.created_ms = stat.ctime;
    node.owner = stat.ephemeralOwner;
    return node;
  }

  Status Set(const std::string& path, const std::string& data) override {
    return StatusOf(zoo_set(handle_, path.c_str(), data.data(), static_cast<int>(data.size()),
                            /*version=*/-1),
                    path);
  }

  Result<std::vector<std::string>> Children(const std::string& path, bool watch) override {
    String_vector names{};
    RETURN_IF_ERROR(
        StatusOf(zoo_wget_children(handle_, path.c_str(), watch ? &ServerSession::OnEvent : nullptr,
                                   this, &names),
                 path));
    std::vector<std::string> children(names.data, names.data + names.count);
    deallocate_String_vector(&names);
    return children;
  }

 private:
  static int ModeOf(NodeKind kind) {
    switch (kind) {
      case NodeKind::kPersistent: return ZOO_PERSISTENT;
      case NodeKind::kEphemeral: return ZOO_EPHEMERAL;
      case NodeKind::kEphemeralSequential: break;
    }
    return ZOO_EPHEMERAL_SEQUENTIAL;
  }

  static void OnEvent(zhandle_t*, int, int, const char*, void* context) {
    const auto* const self = static_cast<const ServerSession*>(context);
    if (self->on_event_) self->on_event_();
  }

  const std::function<void()> on_event_;
  zhandle_t* handle_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Session>> OpenSession(const SessionOptions& options) {
  zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
  auto session = std::make_unique<ServerSession>(options);
  RETURN_IF_ERROR(session->Open(options));
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace headpond::zookeeper
