#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "consensus/consensus.h"

namespace headpond::consensus {

// What waits for the state machine, in order. One thread adds, another takes. Thread safe.
class ApplyQueue {
 public:
  using Call = std::function<void(StateMachine&)>;

  explicit ApplyQueue(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  bool HasRoom() const EXCLUDES(mutex_);
  // Takes them even beyond the limit.
  void AddEntries(std::vector<Entry> entries) EXCLUDES(mutex_);
  void AddCall(Call call) EXCLUDES(mutex_);
  // Drops the entries that wait; calls stay.
  void DropEntries() EXCLUDES(mutex_);
  // After `last`, which is the last call that is made.
  void End(Call last) EXCLUDES(mutex_);

  // Runs on the apply thread until End; `on_room` is called when there is room again.
  void Run(StateMachine& state_machine, const std::function<void()>& on_room) EXCLUDES(mutex_);

 private:
  struct Item {
    std::vector<Entry> entries;
    size_t bytes = 0;
    Call call;  // instead of entries
  };
  void Add(Item item) EXCLUDES(mutex_);

  const size_t limit_bytes_;
  mutable Mutex mutex_;
  CondVar added_;
  std::deque<Item> items_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool ended_ GUARDED_BY(mutex_) = false;
};

}  // namespace headpond::consensus
