#include "operator/testing/free_ports.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace headpond::testing_operator {
namespace {

// Below the default ip_local_port_range, which starts at 32768.
constexpr int kFirst = 11'000, kLast = 19'000;

bool IsFree(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

std::vector<int> FreePorts(size_t count) {
  // Keeps counting across calls, so that one process doesn't hand out a port twice.
  static int next = kFirst + static_cast<int>(::getpid() * 37L % (kLast - kFirst));
  std::vector<int> ports;
  for (int tried = 0; ports.size() < count && tried < kLast - kFirst; ++tried) {
    if (++next >= kLast) next = kFirst;
    if (IsFree(next)) ports.push_back(next);
  }
  return ports;
}

int FreePortBase(int count) {
  for (int tried = 0; tried < kLast - kFirst; ++tried) {
    const int base = FreePorts(1).at(0);
    int free = 1;
    while (free < count && IsFree(base + free)) ++free;
    if (free == count) return base;
  }
  return -1;
}

}  // namespace headpond::testing_operator
