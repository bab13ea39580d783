#include "net/rejecting_port.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <thread>

#include "base/log.h"

namespace headpond::net {
namespace {

// Connections that wait are tried again after this when the process has no descriptor left.
constexpr int kPauseMs = 100;

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

class RejectingPort::Loop {
 public:
  Loop(UniqueFd listener, UniqueFd stop)
      : listener_(std::move(listener)),
        stop_(std::move(stop)),
        port_(PortOf(listener_.get())),
        thread_([this] { Run(); }) {}

  ~Loop() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  int port() const { return port_; }

 private:
  void Run() {
    pollfd waits[] = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    bool exhausted = false;
    while (true) {
      // Without a descriptor for it the connection stays in the queue, and poll would return at
      // once again and again.
      poll(waits, exhausted ? 1 : 2, exhausted ? kPauseMs : -1);
      if (waits[0].revents != 0) return;
      const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      exhausted = !connection.valid() && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
    }
  }

  const UniqueFd listener_, stop_;
  const int port_;
  std::thread thread_;
};

RejectingPort::RejectingPort(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

RejectingPort::~RejectingPort() = default;

Result<std::unique_ptr<RejectingPort>> RejectingPort::Open(const ListenOptions& options) {
  ASSIGN_OR_RETURN(const BindAddress address, ResolveBindHost(options));
  ASSIGN_OR_RETURN(UniqueFd listener, Listen(options, address));
  UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  if (!stop.valid()) return ErrnoStatus(errno, options.name + ": eventfd");
  auto loop = std::make_unique<Loop>(std::move(listener), std::move(stop));
  LogInfo("net", "{} holds {}:{} and sends clients to another", options.name, address.numeric,
          loop->port());
  return std::unique_ptr<RejectingPort>(new RejectingPort(std::move(loop)));
}

int RejectingPort::port() const {
  return loop_->port();
}

}  // namespace headpond::net
