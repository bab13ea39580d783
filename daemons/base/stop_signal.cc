#include "base/stop_signal.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace headpond {
namespace {

sigset_t StopSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t set = StopSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int StopSignal::Wait() {
  const sigset_t set = StopSet();
  int signal_number = 0;
  sigwait(&set, &signal_number);
  return signal_number;
}

void StopSignal::Request() {
  kill(getpid(), SIGTERM);
}

}  // namespace headpond
