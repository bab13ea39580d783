#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace headpond {

// What an operation that answers through a callback says, waited for: Await<Status>([&](auto done)
// { files.Remove(request, done); }).
template <typename T>
T Await(const std::function<void(std::function<void(T)>)>& start) {
  struct State {
    Mutex mutex;
    CondVar arrived;
    std::optional<T> answer GUARDED_BY(mutex);
  };
  // Shared with the callback, which may still be returning when this has the answer.
  const auto state = std::make_shared<State>();
  start([state](T answer) {
    MutexLock lock(state->mutex);
    EXPECT_FALSE(state->answer) << "answered twice";
    state->answer = std::move(answer);
    state->arrived.NotifyAll();
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  MutexLock lock(state->mutex);
  while (!state->answer)
    if (!state->arrived.WaitUntil(state->mutex, deadline))
      return Status(Code::kDeadlineExceeded, "the operation was never answered");
  return *std::move(state->answer);
}

}  // namespace headpond
