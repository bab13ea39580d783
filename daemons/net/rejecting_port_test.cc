#include "net/rejecting_port.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>

#include "testing/status_matchers.h"

namespace headpond::net {
namespace {

using ::testing::HasSubstr;

constexpr int kDeadlineMs = 10'000;

ListenOptions Loopback(int port = 0) {
  return {.name = "master RPC server",
          .bind_host = "127.0.0.1",
          .port = port,
          .port_property = "alluxio.master.rpc.port"};
}

// True when a connection to the port is made and then closed by the other side.
bool IsClosedAtOnce(int port) {
  const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return false;
  pollfd wait{client.get(), POLLIN, 0};
  char byte;
  return poll(&wait, 1, kDeadlineMs) == 1 && recv(client.get(), &byte, 1, 0) <= 0;
}

TEST(RejectingPortTest, EveryConnectionIsClosed) {
  ASSERT_OK_AND_ASSIGN(const auto port, RejectingPort::Open(Loopback()));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(IsClosedAtOnce(port->port()));
}

TEST(RejectingPortTest, ThePortIsHeldAndThenFree) {
  ASSERT_OK_AND_ASSIGN(auto held, RejectingPort::Open(Loopback()));
  const int port = held->port();
  EXPECT_THAT(RejectingPort::Open(Loopback(port)),
              StatusIs(Code::kAlreadyExists, HasSubstr("stop it or set alluxio.master.rpc.port")));
  EXPECT_TRUE(IsClosedAtOnce(port));  // leaves a connection in TIME_WAIT on our side
  held.reset();
  EXPECT_OK(RejectingPort::Open(Loopback(port)));
}

}  // namespace
}  // namespace headpond::net
