// Stands in for `headpond master|worker` in tests of the operator: takes the same command line,
// listens on the same ports, answers the same probe, and misbehaves on request. A worker registers
// by keeping a connection to its master. Of several masters, the first of their list that takes
// connections leads.
//
// Environment: FAKE_DAEMON, words separated by commas:
//   refuse            print one line and exit with code 1 at once
//   crash-after=<ms>  exit with code 3
//   ignore-sigterm    only SIGKILL ends it
//   deaf              run without listening
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "http/http_server.h"

namespace headpond {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kRetry(20);
constexpr int kBacklog = 16;

struct Behaviour {
  bool refuse = false, ignore_sigterm = false, deaf = false;
  std::optional<milliseconds> crash_after;
};

Behaviour ReadBehaviour() {
  Behaviour behaviour;
  const char* const text = std::getenv("FAKE_DAEMON");
  std::string rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string word = rest.substr(0, comma);
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    behaviour.refuse |= word == "refuse";
    behaviour.ignore_sigterm |= word == "ignore-sigterm";
    behaviour.deaf |= word == "deaf";
    if (word.starts_with("crash-after="))
      behaviour.crash_after = milliseconds(std::stoi(word.substr(word.find('=') + 1)));
  }
  return behaviour;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd Listener(int port) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = Loopback(port);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::listen(listener.get(), kBacklog) == 0)
    return listener;
  fmt::print(stderr, "cannot listen on port {}\n", port);
  return UniqueFd();
}

// Not valid when nobody takes the connection.
UniqueFd ConnectTo(int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    fd.Reset();
  return fd;
}

// Of "host:port,host:port".
std::vector<int> PortsOf(const std::string& addresses) {
  std::vector<int> ports;
  for (size_t colon = addresses.find(':'); colon != std::string::npos;
       colon = addresses.find(':', colon + 1))
    ports.push_back(std::stoi(addresses.substr(colon + 1)));
  return ports;
}

class FakeDaemon {
 public:
  FakeDaemon(std::string role, std::map<std::string, std::string> properties)
      : role_(std::move(role)), properties_(std::move(properties)), behaviour_(ReadBehaviour()) {}

  int Run() {
    if (behaviour_.refuse) {
      fmt::print(stderr, "alluxio.fake: this configuration is refused\n");
      return 1;
    }
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC));
    if (!behaviour_.deaf && !Listen()) return 2;
    fmt::print(stderr, "fake {} runs\n", role_);
    return Loop();
  }

 private:
  int Port(const std::string& name) const {
    return std::stoi(properties_.at(fmt::format("alluxio.{}.{}", role_, name)));
  }

  bool Listen() {
    listener_ = Listener(Port("rpc.port"));
    if (!listener_.valid()) return false;
    if (const auto peers = properties_.find("alluxio.master.embedded.journal.addresses");
        role_ == "master" && peers != properties_.end()) {
      peers_ = PortsOf(peers->second);
      journal_port_ = Port("embedded.journal.port");
      journal_ = Listener(journal_port_);
      if (!journal_.valid()) return false;
    }
    http_.emplace(http::HttpServer::Options{.port = Port("web.port"), .port_key = "web"});
    http_->Handle("GET", fmt::format("/api/v1/{}/info", role_),
                  [this](const http::Request&) -> Result<http::Response> {
                    std::string workers;
                    for (int i = 0; i < registered_.load(); ++i) workers += i == 0 ? "{}" : ",{}";
                    return http::Response{.body = fmt::format("{{\"workers\":[{}]}}", workers)};
                  });
    http_->Handle("GET", "/api/v1/master/quorum",
                  [this](const http::Request&) -> Result<http::Response> { return Standing(); });
    const auto port = http_->Start();
    if (!port.ok()) fmt::print(stderr, "{}\n", port.status().message());
    return port.ok();
  }

  http::Response Standing() const {
    for (const int port : peers_) {
      const bool leads = port == journal_port_;
      if (!leads && !ConnectTo(port).valid()) continue;
      return {
          .body = fmt::format(
              R"({{"role":"{}","term":1,"leader":"localhost:{}","sequence":1,"liveWorkers":{}}})",
              leads ? "LEADER" : "STANDBY", port, registered_.load())};
    }
    return {.status = 503, .body = R"({"role":"ELECTING"})"};
  }

  // Says one byte to the master and keeps the connection.
  void Register() {
    const auto all = properties_.find("alluxio.master.rpc.addresses");
    const std::vector<int> ports =
        all != properties_.end()
            ? PortsOf(all->second)
            : std::vector<int>{std::stoi(properties_.at("alluxio.master.rpc.port"))};
    for (const int port : ports) {
      UniqueFd fd = ConnectTo(port);
      if (!fd.valid()) continue;
      if (::send(fd.get(), "W", 1, MSG_NOSIGNAL) == 1) master_ = std::move(fd);
      return;
    }
  }

  int Loop() {
    const auto start = SteadyClock::now();
    while (true) {
      if (role_ == "worker" && !behaviour_.deaf && !master_.valid()) Register();
      std::vector<pollfd> entries = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                     {.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                     {.fd = master_.get(), .events = POLLIN, .revents = 0}};
      for (const auto& [fd, owner] : clients_)
        entries.push_back({.fd = fd, .events = POLLIN, .revents = 0});
      ::poll(entries.data(), entries.size(), static_cast<int>(kRetry.count()));
      if (entries[0].revents != 0) {
        signalfd_siginfo info;
        [[maybe_unused]] const ssize_t length = ::read(signals_.get(), &info, sizeof(info));
        if (!behaviour_.ignore_sigterm) return 0;
      }
      if (entries[1].revents != 0) {
        const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) clients_.emplace(fd, Client{UniqueFd(fd), false});
      }
      if (entries[2].revents != 0) master_.Reset();
      for (size_t i = 3; i < entries.size(); ++i)
        if (entries[i].revents != 0) Serve(entries[i].fd);
      if (behaviour_.crash_after && SteadyClock::now() - start >= *behaviour_.crash_after) {
        fmt::print(stderr, "fake {} crashes now\n", role_);
        return 3;
      }
    }
  }

  struct Client {
    UniqueFd fd;
    bool registered;
  };

  void Serve(int fd) {
    char byte = 0;
    Client& client = clients_.at(fd);
    if (::read(fd, &byte, 1) == 1) {
      if (!client.registered) ++registered_;
      client.registered = true;
      return;
    }
    if (client.registered) --registered_;
    clients_.erase(fd);
  }

  const std::string role_;
  const std::map<std::string, std::string> properties_;
  const Behaviour behaviour_;
  UniqueFd signals_, listener_, master_, journal_;
  std::vector<int> peers_;  // journal ports of all masters, if there are several
  int journal_port_ = 0;
  std::map<int, Client> clients_;
  std::atomic<int> registered_ = 0;
  std::optional<http::HttpServer> http_;
};

}  // namespace
}  // namespace headpond

int main(int argc, char** argv) {
  std::map<std::string, std::string> properties;
  for (int i = 2; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equals = arg.find('=');
    if (arg.starts_with("-D") && equals != std::string::npos)
      properties[arg.substr(2, equals - 2)] = arg.substr(equals + 1);
  }
  if (argc < 2) return 2;
  return headpond::FakeDaemon(argv[1], std::move(properties)).Run();
}
